import { fileNow } from './files.ts';
import type { Folders } from './folders.ts';
import { SAME } from './index-entry.mjs';
import type { Looking } from './looking.ts';
import type { RecordIndex } from './record-index.ts';
import { artifactsOf, type Records } from './records.ts';
import type { Session } from './session.ts';
import type { Sweeping } from './sweeping.ts';
import type { PutOut } from './types.ts';

interface Parts {
  readonly records: Records;
  readonly folders: Folders;
  readonly session: Session;
  readonly sweeping: Sweeping;
  readonly index: RecordIndex;
  readonly looking: Looking;
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
    await session.useAll(fingerprints);
    const found = await indexed(parts, fingerprints);
    const missed: number[] = [];
    for (let i = 0; i < found.length; i++) if (!found[i]) missed.push(i);
    for (const i of missed) found[i] = await readFile(fingerprints[i]!);
    if (missed.some((i) => !found[i])) await sweeping.ended();
    for (const i of missed) found[i] ??= await readFile(fingerprints[i]!);
    return found;
  };
}

/** What the index has of records that are as it says, with all their blobs. */
async function indexed(
  { folders, index, looking }: Parts,
  fingerprints: readonly string[],
): Promise<(PutOut | undefined)[]> {
  const found: (PutOut | undefined)[] = new Array(fingerprints.length).fill(undefined);
  if (!index.isWorth(fingerprints.length)) return found;
  const entries = fingerprints.map((fingerprint) => index.find(fingerprint));
  const known = entries.filter((entry) => entry !== -1);
  const places = new Uint32Array(2 * known.length);
  for (const [i, entry] of known.entries()) places.set(index.placeOf(entry), 2 * i);
  const looks = await looking.look(index.files(), places);
  let next = 0;
  for (const [i, entry] of entries.entries()) {
    if (entry === -1 || looks[next++] !== SAME) continue;
    const record = index.record(entry);
    if (!record.hasFolders || (await areThere(folders, record))) found[i] = record;
  }
  return found;
}

async function areThere(folders: Folders, record: PutOut): Promise<boolean> {
  for (const artifact of artifactsOf(record))
    if (artifact.kind === 'folder' && !(await folders.present(artifact))) return false;
  return true;
}
