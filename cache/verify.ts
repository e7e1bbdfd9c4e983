import { availableParallelism } from 'node:os';
import type { Blobs } from './blobs.ts';
import { explain, isMissing } from './failures.ts';
import { statNow } from './files.ts';
import type { Folders } from './folders.ts';
import { type Hashed, hashFiles } from './hashing.ts';
import { allBlobs } from './inventory.ts';
import { point } from './points.ts';
import { parseRecord, type Records, textNow } from './records.ts';
import type { Sweeping } from './sweeping.ts';
import { type Artifact, CorruptBlob, type Record } from './types.ts';

/** Where something in the store belongs. */
export interface Place {
  readonly stage: string;
  readonly vars: { readonly [name: string]: string };
  /** `activations`, `shards.images` of element `03` as `shards.images[03]`, `report/index.html` of a folder. */
  readonly output: string;
}

/** Something in the store that isn't as it should be. */
export interface Problem {
  /** `corrupt`, `missing`: a blob; `record`: a record. */
  readonly kind: 'corrupt' | 'missing' | 'record';
  /** Digest of the blob or fingerprint of the record. */
  readonly name: string;
  readonly path: string;
  /** `has other bytes than its name says`, … */
  readonly why: string;
  /** The results that need the blob; none for one that no record names, and for a record that can't be read. */
  readonly places: readonly Place[];
  readonly setAside: boolean;
}

export interface VerifyOptions {
  /** Bytes hashed and all to be hashed, five times a second. */
  readonly onProgress?: (done: number, total: number) => void;
  /** Default: one for each processor, at most eight. */
  readonly threads?: number;
}

export interface VerifyResult {
  readonly blobs: number;
  readonly bytes: number;
  readonly records: number;
  /** Records of other versions of the program: not judged. */
  readonly foreign: number;
  readonly problems: readonly Problem[];
  readonly ms: number;
}

interface Parts {
  readonly dir: string;
  readonly blobs: Blobs;
  readonly folders: Folders;
  readonly records: Records;
  readonly sweeping: Sweeping;
}

type Draft = Omit<Problem, 'places'> & { readonly places: Place[] };

/**
 * Hashes every blob and reads every record. What is bad is set aside, so that it is a miss and made anew by the next run;
 * nothing else is changed. May go on beside runs and beside `gc`.
 */
export async function verifyStore(parts: Parts, options: VerifyOptions = {}): Promise<VerifyResult> {
  const started = performance.now();
  const problems = new Map<string, Draft>();
  const { blobs, bytes } = await hashAll(parts, options, problems);
  const fingerprints = await parts.records.all();
  let foreign = 0;
  for (const fingerprint of fingerprints) {
    const path = parts.records.pathOf(fingerprint);
    const text = textNow(path);
    const record = text === undefined ? undefined : parseRecord(text, fingerprint);
    if (record === 'bad') {
      await parts.records.dropBad(fingerprint);
      const why = 'is cut or changed: its checksum is wrong';
      problems.set(path, { kind: 'record', name: fingerprint, path, why, places: [], setAside: true });
    } else if (typeof record === 'string') foreign += 1;
    else if (record) await checkRecord(parts, record, problems);
  }
  const ms = performance.now() - started;
  return { blobs, bytes, records: fingerprints.length, foreign, problems: [...problems.values()], ms };
}

/** Large files first, so that the threads end together. */
async function hashAll(
  { dir, blobs }: Parts,
  { onProgress, threads = Math.min(8, availableParallelism()) }: VerifyOptions,
  problems: Map<string, Draft>,
): Promise<{ blobs: number; bytes: number }> {
  const files = (await allBlobs(dir)).map((digest) => {
    const path = blobs.pathOf(digest);
    return { digest, path, size: Number(statNow(path)?.size ?? 0) };
  });
  files.sort((a, b) => b.size - a.size || (a.digest < b.digest ? -1 : 1));
  const bytes = files.reduce((sum, { size }) => sum + size, 0);
  const onBytes = onProgress && ((done: number) => onProgress(done, bytes));
  await hashFiles(files, { threads, onBytes }, async ({ digest, path }, found) => {
    const why = whatIsWrong(digest, path, found);
    if (why === undefined) return;
    await point('verify:bad');
    const setAside = 'seen' in found;
    if (setAside) await blobs.dropBad(digest, found.seen);
    problems.set(digest, { kind: 'corrupt', name: digest, path, why, places: [], setAside });
  });
  return { blobs: files.length, bytes };
}

/** Undefined for a good blob, and for one that somebody removed meanwhile. */
function whatIsWrong(digest: string, path: string, found: Hashed): string | undefined {
  if ('seen' in found) {
    if (found.digest === digest) return undefined;
    return found.digest === undefined ? 'is a folder' : 'has other bytes than its name, their digest, says';
  }
  const error = Object.assign(new Error(found.message), { code: found.code });
  if (isMissing(error)) return undefined;
  if (found.code === 'EIO') return "can't be read: the disk fails there (EIO)";
  throw explain(error, path);
}

/** Adds the record's outputs to the problems of their blobs, and blobs that are gone. */
async function checkRecord(parts: Parts, record: Record, problems: Map<string, Draft>): Promise<void> {
  const { stage, vars, fingerprint } = record;
  for (const [output, artifact] of namedArtifacts(record)) {
    for (const [inside, digest, bytes] of await filesOf(parts, artifact)) {
      const why = problems.get(digest)?.why ?? (await lacking(parts, digest, bytes));
      if (why === undefined) continue;
      if (statNow(parts.records.pathOf(fingerprint)) === undefined) return;
      const path = parts.blobs.pathOf(digest);
      const known: Draft = problems.get(digest) ?? {
        kind: 'missing',
        name: digest,
        path,
        why,
        places: [],
        setAside: false,
      };
      problems.set(digest, known);
      known.places.push({ stage, vars, output: inside ? `${output}/${inside}` : output });
    }
  }
}

/** The blobs of an artifact: path in the folder, digest, size (none of a manifest, which is checked as it is read). */
async function filesOf(
  { folders }: Parts,
  artifact: Artifact,
): Promise<[string, string, number | undefined][]> {
  if (artifact.kind === 'file') return [['', artifact.digest, artifact.bytes]];
  const itself: [string, string, undefined] = ['', artifact.digest, undefined];
  try {
    const entries = Object.entries(await folders.manifest(artifact));
    return [itself, ...entries.map(([path, is]): [string, string, number] => [path, is.digest, is.bytes])];
  } catch (error) {
    if (error instanceof CorruptBlob) return [itself];
    throw error;
  }
}

async function lacking(
  { blobs, sweeping }: Parts,
  digest: string,
  bytes: number | undefined,
): Promise<string | undefined> {
  const path = blobs.pathOf(digest);
  if (!statNow(path)) await sweeping.ended();
  const size = statNow(path)?.size;
  if (size === undefined) return 'is gone';
  return bytes === undefined || size === BigInt(bytes) ? undefined : `has ${size} bytes instead of ${bytes}`;
}

function namedArtifacts(record: Record): [string, Artifact][] {
  const found = Object.entries(record.outputs);
  for (const [list, elements] of Object.entries(record.lists)) {
    for (const [element, outputs] of Object.entries(elements)) {
      for (const [output, artifact] of Object.entries(outputs))
        found.push([`${list}.${output}[${element}]`, artifact]);
    }
  }
  return found;
}
