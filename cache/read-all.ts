import type { Blobs } from './blobs.ts';
import { type FileLook, fileNow } from './files.ts';
import type { Folders } from './folders.ts';
import type { Look } from './looking.ts';
import type { Entry, RecordIndex } from './record-index.ts';
import { artifactsOf, type Records } from './records.ts';
import type { Session } from './session.ts';
import type { Sweeping } from './sweeping.ts';
import type { PutOut } from './types.ts';

interface Parts {
  readonly records: Records;
  readonly blobs: Blobs;
  readonly folders: Folders;
  readonly session: Session;
  readonly sweeping: Sweeping;
  readonly index: RecordIndex;
  readonly look: Look;
}

/**
 * Reads many records at once. The index spares opening and parsing their files; that these are the ones it knows, and that
 * every blob is there in the right size, is looked at each time.
 */
export function readerOfAll(
  parts: Parts,
): (fingerprints: readonly string[]) => Promise<(PutOut | undefined)[]> {
  const { records, session, sweeping, index } = parts;

  /** Reads the record's own file, and notes for the index what it says. */
  async function readFile(fingerprint: string): Promise<PutOut | undefined> {
    const file = fileNow(records.pathOf(fingerprint));
    const record = file && (await records.lookUp(fingerprint));
    if (!record) return undefined;
    index.add(fingerprint, file, record);
    return { outputs: record.outputs, lists: record.lists };
  }

  return async (fingerprints) => {
    await session.use(...fingerprints);
    const found = await indexed(parts, fingerprints);
    const missed = [...found.keys()].filter((i) => !found[i]);
    for (const i of missed) found[i] = await readFile(fingerprints[i]!);
    if (missed.some((i) => !found[i])) await sweeping.ended();
    for (const i of missed) found[i] ??= await readFile(fingerprints[i]!);
    return found;
  };
}

/** What the index has of records that are as it says, with all their blobs. */
async function indexed(
  { records, blobs, folders, index, look }: Parts,
  fingerprints: readonly string[],
): Promise<(PutOut | undefined)[]> {
  const found: (PutOut | undefined)[] = new Array(fingerprints.length).fill(undefined);
  if (!index.isWorth(fingerprints.length)) return found;
  const known: { readonly place: number; readonly entry: Entry }[] = [];
  const digests: string[] = [];
  for (const [place, fingerprint] of fingerprints.entries()) {
    const entry = index.find(fingerprint);
    if (!entry) continue;
    known.push({ place, entry });
    for (const { kind, digest } of artifactsOf(entry.record)) if (kind === 'file') digests.push(digest);
  }
  const names = known.map(({ place }) => fingerprints[place]!);
  const [recordAt, blobAt] = await Promise.all([look(records, names), look(blobs, digests)]);
  let next = 0;
  for (const [i, { place, entry }] of known.entries()) {
    let isWhole = isSame(recordAt(i), entry.file);
    for (const artifact of artifactsOf(entry.record)) {
      if (artifact.kind === 'file') isWhole = blobAt(next++)?.size === artifact.bytes && isWhole;
      else isWhole &&= await folders.present(artifact);
    }
    if (isWhole) found[place] = entry.record;
  }
  return found;
}

const isSame = (a: FileLook | undefined, b: FileLook): boolean =>
  a !== undefined && a.ino === b.ino && a.size === b.size && a.mtimeMs === b.mtimeMs;
