import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { ArchiveList } from './archive.ts';
import { isManifest, total } from './folders.ts';
import { artifactsOf } from './records.ts';
import type { Artifact, Manifest, NewRecord } from './types.ts';

/**
 * Records that come from elsewhere have a right checksum, but who wrote them is anybody's guess: the parts of them that
 * the store works with are checked for shape, and for naming nothing but what came along.
 */
const artifact = z.strictObject({
  kind: z.enum(['file', 'folder']),
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  bytes: z.int().min(0),
});
const outputs = z.record(z.string(), artifact);

const recordShape = z.looseObject({
  format: z.int(),
  fingerprint: z.string(),
  stage: z.string(),
  vars: z.record(z.string(), z.string()),
  document: z.json(),
  outputs,
  lists: z.record(z.string(), z.record(z.string(), outputs)),
  ran: z.looseObject({ at: z.string(), ms: z.number(), host: z.string(), warnings: z.array(z.string()) }),
});

/** True for a value that has the shape of a record. */
export function isRecord(value: unknown): value is NewRecord {
  try {
    return recordShape.safeParse(value).success;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/** Bytes: a manifest of a million files. */
const LONGEST_MANIFEST = 1 << 28;

const startShape = z.strictObject({ at: z.iso.datetime(), info: z.record(z.string(), z.json()) });

/**
 * What doesn't fit together in an archive whose bytes are all as listed; undefined when all does.
 *
 * @param manifestOf text of a blob of the archive
 */
export async function checkArrived(
  list: ArchiveList,
  records: ReadonlyMap<string, NewRecord>,
  run: string,
  manifestOf: (digest: string) => Promise<string>,
): Promise<string | undefined> {
  const named = new Set<string>();
  for (const [fingerprint, record] of records) {
    if (!isRecord(record)) return `the result ${fingerprint} in it isn't one`;
    for (const each of artifactsOf(record)) {
      const why = await follow(each, list.blobs, named, manifestOf);
      if (why !== undefined) return `the result ${fingerprint} in it ${why}`;
    }
  }
  const loose = Object.keys(list.blobs).find((digest) => !named.has(digest));
  if (loose !== undefined) return `the file ${loose} in it belongs to no result`;
  return checkRun(list, run);
}

/** Notes the blobs of an artifact; says what is wrong with them. */
async function follow(
  each: Artifact,
  blobs: ArchiveList['blobs'],
  named: Set<string>,
  manifestOf: (digest: string) => Promise<string>,
): Promise<string | undefined> {
  const { kind, digest, bytes } = each;
  if (!Object.hasOwn(blobs, digest) || (kind === 'file' && blobs[digest] !== bytes))
    return `needs the file ${digest}, which isn't in it`;
  named.add(digest);
  if (kind === 'file') return undefined;
  if ((blobs[digest] as number) > LONGEST_MANIFEST) return `has a folder ${digest} that isn't one`;
  const entries = manifestIn(await manifestOf(digest));
  if (entries === undefined || total(entries) !== bytes) return `has a folder ${digest} that isn't one`;
  for (const file of Object.values(entries)) {
    if (!Object.hasOwn(blobs, file.digest) || blobs[file.digest] !== file.bytes)
      return `needs the file ${file.digest}, which isn't in it`;
    named.add(file.digest);
  }
  return undefined;
}

function manifestIn(text: string): Manifest | undefined {
  const value = jsonIn(text);
  return isManifest(value) ? value : undefined;
}

async function checkRun(list: ArchiveList, run: string): Promise<string | undefined> {
  const wrong = 'the run in it has a damaged folder';
  if (Object.hasOwn(list.files, 'owner.json') || Object.hasOwn(list.files, 'imported.json')) return wrong;
  if (!['start.json', 'config.json'].every((name) => Object.hasOwn(list.files, name))) return wrong;
  if (!startShape.safeParse(jsonIn(await readFile(join(run, 'start.json'), 'utf8'))).success) return wrong;
  const lines = Object.hasOwn(list.files, 'fingerprints')
    ? (await readFile(join(run, 'fingerprints'), 'utf8')).split('\n').slice(0, -1)
    : [];
  const fingerprints = new Set(lines.filter((line) => line !== ''));
  const same =
    fingerprints.size === Object.keys(list.records).length &&
    [...fingerprints].every((name) => Object.hasOwn(list.records, name));
  return same ? undefined : "its results aren't those of its run";
}

function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
