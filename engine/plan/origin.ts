import { open, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import {
  type Artifact,
  CorruptBlob,
  type Manifest,
  type Store,
  type Record as StoredRecord,
} from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';

/** What is known of where a file comes from. */
export interface Origin {
  readonly file: string;
  readonly sha256: string;
  readonly bytes: number;
  /** `bytes`: a result in the store has the very same. `metadata`: the file names its task. `place`: it was published there. */
  readonly foundBy: 'bytes' | 'metadata' | 'place';
  readonly record: StoredRecord;
  /** Output of the task that the file is, or lies in, and its path in there; undefined where that can't be told. */
  readonly output?: string;
  readonly path?: string;
  /** Whether the file is as it was stored. */
  readonly unchanged: boolean;
}

/** A place where bytes lie in a result: an output, or an element of a list, and the path in a folder. */
interface Spot {
  readonly record: StoredRecord;
  readonly output: string;
  readonly path?: string;
}

/**
 * Finds the task that made a file: by its bytes among all that the store's records name, by the fingerprint that is
 * written in it, or by the list of the folder that it was published to. UserError: none of these leads to a record.
 */
export async function originOf(file: string, store: Store): Promise<Origin> {
  const place = resolve(file);
  const { digest, bytes } = await store.digestFile(place);
  const named = await fingerprintsIn(place, bytes);
  const base = { file: place, sha256: digest, bytes };
  const holding = best(await spotsOf(store, digest), named);
  if (holding) return { ...base, foundBy: 'bytes', unchanged: true, ...holding };
  const known = await recordOf(store, named);
  if (known) {
    const spot = await likely(known, place, store);
    return { ...base, foundBy: 'metadata', unchanged: false, record: known, ...spot };
  }
  const was = await publishedDigest(place);
  const spot = was && best(await spotsOf(store, was), named);
  if (spot) return { ...base, foundBy: 'place', unchanged: false, ...spot };
  throw new UserError(
    named.length > 0
      ? `${file} says that the task ${named.at(-1)} made it, but the store ${store.dir} has no record of that task: ` +
          '"mis gc" removed it, or the file was made with another store (--store DIR names one; "mis import" and "mis pull" bring results from elsewhere).'
      : `Nothing in the store ${store.dir} put out ${file}, and no fingerprint is written in it. ` +
          'It was made with another store (--store DIR), removed by "mis gc", or changed since it was made.',
  );
}

/** Text before the fingerprint in all kinds of files: JSON, XML, a chunk of a PNG, an HTML head. */
const NAMED = /fingerprint(?:"\s+content="|[^0-9a-z]{1,12})([0-9a-f]{64})(?![0-9a-f])/gi;
/** A PDF's document information refers to an object of its own. */
const REFERRED = /\/Fingerprint (\d+) (\d+) R/g;
const PART = 1 << 20;
const WHOLE = 64 * PART;

/** Fingerprints that a file names, in its order; of a very large file only its beginning and end are looked at. */
async function fingerprintsIn(path: string, bytes: number): Promise<string[]> {
  const text = bytes <= WHOLE ? (await readFile(path)).toString('latin1') : await ends(path, bytes);
  const direct = [...text.matchAll(NAMED)].map((found) => found[1]!);
  const referred = [...text.matchAll(REFERRED)].flatMap(([, id, generation]) => {
    const at = new RegExp(`\\b${id} ${generation} obj\\s*\\(([0-9a-f]{64})\\)`, 'i').exec(text);
    return at ? [at[1]!] : [];
  });
  return [...new Set([...direct, ...referred].map((each) => each.toLowerCase()))];
}

async function ends(path: string, bytes: number): Promise<string> {
  const file = await open(path, 'r');
  try {
    const parts = [0, bytes - PART].map(async (at) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(PART), 0, PART, at);
      return buffer.subarray(0, bytesRead).toString('latin1');
    });
    return (await Promise.all(parts)).join('\n');
  } finally {
    await file.close();
  }
}

/** Everywhere in the store's results where the bytes lie. */
async function spotsOf(store: Store, digest: string): Promise<Spot[]> {
  const spots: Spot[] = [];
  const folders = new Map<string, string[]>();
  for await (const record of store.records()) {
    for (const [output, artifact] of namedArtifacts(record)) {
      if (artifact.digest === digest) spots.push({ record, output });
      if (artifact.kind !== 'folder') continue;
      const paths = folders.get(artifact.digest) ?? (await pathsOf(store, artifact, digest));
      folders.set(artifact.digest, paths);
      for (const path of paths) spots.push({ record, output, path });
    }
  }
  return spots;
}

/** Every output of a record by its name; elements of lists as `shards.03.images`. */
export function namedArtifacts(record: StoredRecord): [string, Artifact][] {
  const lists = Object.entries(record.lists).flatMap(([list, elements]) =>
    Object.entries(elements).flatMap(([element, outputs]) =>
      Object.entries(outputs).map(([name, each]): [string, Artifact] => [`${list}.${element}.${name}`, each]),
    ),
  );
  return [...Object.entries(record.outputs), ...lists];
}

async function pathsOf(store: Store, folder: Artifact, digest: string): Promise<string[]> {
  const files = await manifestOf(store, folder);
  return Object.keys(files).filter((path) => files[path]!.digest === digest);
}

async function manifestOf(store: Store, folder: Artifact): Promise<Manifest> {
  try {
    return await store.manifest(folder);
  } catch (error) {
    if (error instanceof CorruptBlob) return {};
    throw error;
  }
}

/** The result that a file with these bytes most likely is: one that it names, else the newest. */
function best(spots: readonly Spot[], named: readonly string[]): Spot | undefined {
  const rank = ({ record }: Spot): string => `${named.includes(record.fingerprint) ? 1 : 0} ${record.ran.at}`;
  return [...spots].sort((a, b) => (rank(a) < rank(b) ? 1 : -1))[0];
}

async function recordOf(store: Store, named: readonly string[]): Promise<StoredRecord | undefined> {
  if (named.length === 0) return undefined;
  for await (const record of store.records()) if (named.includes(record.fingerprint)) return record;
  return undefined;
}

/** The file of a record's folders whose path ends like the given one. */
async function likely(record: StoredRecord, place: string, store: Store): Promise<Partial<Spot>> {
  const name = place.split(sep).at(-1)!;
  for (const [output, artifact] of namedArtifacts(record)) {
    if (artifact.kind !== 'folder') continue;
    const path = Object.keys(await manifestOf(store, artifact)).find(
      (each) => each.split('/').at(-1) === name,
    );
    if (path) return { output, path };
  }
  return {};
}

/** The digest under which a file was published, by the list in the folder that it lies in. */
async function publishedDigest(place: string): Promise<string | undefined> {
  for (let folder = dirname(place); ; folder = dirname(folder)) {
    const text = await readFile(join(folder, '.mis-manifest.json'), 'utf8').catch(() => undefined);
    if (text !== undefined) {
      const path = relative(folder, place).split(sep).join('/');
      try {
        return (JSON.parse(text) as { files: Manifest }).files[path]?.digest;
      } catch {
        return undefined;
      }
    }
    if (folder === dirname(folder)) return undefined;
  }
}
