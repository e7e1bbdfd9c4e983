import { createHash } from 'node:crypto';
import { type FileHandle, mkdir, open, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { UserError } from '../common/errors.ts';
import {
  ARCHIVE_FORMAT,
  type ArchiveList,
  archiveBytes,
  BLOCK,
  LIST_NAME,
  listText,
  type Member,
  membersOf,
  padded,
  parseList,
  tarHeader,
} from './archive.ts';
import { checkArrived } from './arrived.ts';
import type { Blobs } from './blobs.ts';
import { codeOf, explain, explained } from './failures.ts';
import { eachAtOnce, makeStoreFolder, syncFolder, withFile } from './files.ts';
import { point } from './points.ts';
import { parseRecord, type Records } from './records.ts';
import type { Session } from './session.ts';
import { CorruptBlob, type NewRecord, type Runs } from './types.ts';

export interface Imported {
  readonly run: string;
  /** Whether the store had the run already. */
  readonly known: boolean;
  /** Results and files in the archive, and how many of them the store had already. */
  readonly records: number;
  readonly knownRecords: number;
  readonly blobs: number;
  readonly knownBlobs: number;
  /** Size of the archive. */
  readonly bytes: number;
}

interface Parts {
  readonly dir: string;
  readonly session: Session;
  readonly blobs: Blobs;
  readonly records: Records;
  readonly runs: Runs;
}

/** Blobs are read in pieces of so many bytes; the list, records and files of the run whole, if they aren't longer than this. */
const CHUNK = 1 << 20;
const LONGEST = 1 << 28;
const WIDTH = 4;

/**
 * Takes in a run that `exportRun` wrote, here or on another machine. The whole archive is checked first, byte by byte, and
 * unpacked into a folder of this process; only then its blobs move into the store, then the records, at last the run. A
 * process that dies on the way leaves nothing wrong: at most whole results that no run names yet.
 *
 * UserError, and nothing stored, when anything in the archive isn't as its list says.
 */
export async function importArchive(parts: Parts, from: string): Promise<Imported> {
  const path = resolve(from);
  const archive = await open(path, 'r').catch((error) => {
    if (codeOf(error) === 'ENOENT') throw new UserError(`There is no file ${path} to import.`);
    throw explain(error, path);
  });
  const workspace = await parts.session.workspace();
  try {
    const refuse = refusal(path);
    const info = await archive.stat();
    if (!info.isFile()) throw refuse("it isn't a file");
    const { list, at } = await readList(archive, info.size, refuse);
    if (archiveBytes(list) !== info.size) {
      throw refuse(
        `it has ${info.size} bytes instead of ${archiveBytes(list)}: it is cut, or something was added`,
      );
    }
    const arrived = await unpack({ ...parts, archive, dir: workspace.dir, refuse }, list, at);
    await point('import:checked');
    return { bytes: info.size, ...(await takeIn(parts, list, arrived, workspace.dir)) };
  } finally {
    await archive.close();
    await workspace.dispose();
  }
}

type Refuse = (why: string) => UserError;

const refusal =
  (path: string): Refuse =>
  (why) =>
    new UserError(
      `${path} can't be imported: ${why}. Nothing was stored. Copy or export it again ("mis export" makes such archives; ` +
        'they are imported as they are, neither compressed nor packed anew).',
    );

/** The list, and the position of the member after it. */
async function readList(archive: FileHandle, size: number, refuse: Refuse) {
  const header = await read(archive, 0, Math.min(BLOCK, size));
  const length = Number.parseInt(header.toString('latin1', 124, 135), 8);
  if (header.length < BLOCK || !(length <= LONGEST) || !header.equals(tarHeader(LIST_NAME, length))) {
    throw refuse("it doesn't begin as an archive of a run does");
  }
  const bytes = await read(archive, BLOCK, Math.min(length, size - BLOCK));
  if (bytes.length < length) throw refuse('it is cut');
  const list = parseList(bytes.toString('utf8'));
  if (list === 'newer') {
    throw refuse(
      `it was made by a newer version of this program (this one knows archives of format ${ARCHIVE_FORMAT})`,
    );
  }
  if (list === 'bad' || !bytes.equals(Buffer.from(listText(list)))) throw refuse('its list is damaged');
  const end = BLOCK + padded(length);
  await expectZeros(archive, BLOCK + length, end, refuse);
  return { list, at: end };
}

interface Unpacking {
  readonly archive: FileHandle;
  readonly session: Session;
  readonly blobs: Blobs;
  readonly dir: string;
  readonly refuse: Refuse;
}

/** What came out of the archive: all checked, nothing in the store yet. */
interface Arrived {
  /** Path of each unpacked blob; those that the store has, whole, aren't unpacked. */
  readonly blobs: Map<string, string>;
  readonly records: Map<string, NewRecord>;
}

async function unpack(of: Unpacking, list: ArchiveList, start: number): Promise<Arrived> {
  const { archive, dir, refuse } = of;
  const arrived: Arrived = { blobs: new Map(), records: new Map() };
  for (const name of ['run', 'blobs']) await explained(dir, () => mkdir(join(dir, name)));
  let at = start;
  for (const member of membersOf(list)) {
    const header = await read(archive, at, BLOCK);
    if (!header.equals(tarHeader(member.name, member.bytes)))
      throw refuse(`the header of ${member.name} is damaged`);
    at += BLOCK;
    await unpackMember(of, member, at, arrived);
    await expectZeros(archive, at + member.bytes, at + padded(member.bytes), refuse);
    at += padded(member.bytes);
  }
  await expectZeros(archive, at, at + 2 * BLOCK, refuse);
  const manifestOf = async (digest: string) =>
    readFile(arrived.blobs.get(digest) ?? of.blobs.pathOf(digest), 'utf8');
  const why = await checkArrived(list, arrived.records, join(dir, 'run'), manifestOf);
  if (why !== undefined) throw refuse(why);
  return arrived;
}

async function unpackMember(of: Unpacking, member: Member, at: number, arrived: Arrived): Promise<void> {
  const { archive, dir, refuse } = of;
  if (member.kind === 'blob') {
    const there = await isThere(of, member);
    const path = there ? undefined : join(dir, 'blobs', member.key);
    if ((await copyOut(archive, member, at, path)) !== member.digest) throw damaged(member, refuse);
    if (path !== undefined) arrived.blobs.set(member.key, path);
    return;
  }
  if (member.bytes > LONGEST) throw refuse(`${member.name} in it is too large`);
  const bytes = await read(archive, at, member.bytes);
  if (createHash('sha256').update(bytes).digest('hex') !== member.digest) throw damaged(member, refuse);
  if (member.kind === 'file')
    return explained(dir, () => writeFile(join(dir, 'run', member.key), bytes, { flush: true }));
  const record = parseRecord(bytes.toString('utf8'), member.key);
  if (record === 'bad') throw damaged(member, refuse);
  if (typeof record === 'string') {
    throw refuse(
      `its results are of ${record === 'newer' ? 'a newer' : 'an older'} version of this program, which this one can't use`,
    );
  }
  arrived.records.set(member.key, record);
}

const damaged = (member: Member, refuse: Refuse): UserError =>
  refuse(`${member.name} in it is damaged (its digest is wrong)`);

/** Whether the store has the blob with all its bytes right; from now on `gc` leaves it alone. */
async function isThere({ session, blobs }: Unpacking, { digest, bytes }: Member): Promise<boolean> {
  await session.use(digest);
  if (!blobs.present(digest, bytes)) return false;
  try {
    await blobs.verified(digest, bytes);
    return true;
  } catch (error) {
    if (error instanceof CorruptBlob) return false;
    throw error;
  }
}

/** Copies a member into a file (where one is given) and returns its digest. */
async function copyOut(archive: FileHandle, { bytes }: Member, at: number, to?: string): Promise<string> {
  const hash = createHash('sha256');
  const pass = async (file?: FileHandle): Promise<void> => {
    for (let done = 0; done < bytes; done += CHUNK) {
      const piece = await read(archive, at + done, Math.min(CHUNK, bytes - done));
      hash.update(piece);
      await file?.writeFile(piece);
    }
  };
  if (to === undefined) await pass();
  else await explained(to, () => withFile(to, 'wx', pass));
  return hash.digest('hex');
}

async function expectZeros(archive: FileHandle, from: number, to: number, refuse: Refuse): Promise<void> {
  const bytes = await read(archive, from, to - from);
  if (bytes.length < to - from || bytes.some((byte) => byte !== 0))
    throw refuse(`there is something at byte ${from} where nothing should be`);
}

/** Bytes at a position; fewer at the end of the file. */
async function read(archive: FileHandle, at: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await archive.read(buffer, done, length - done, at + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}

async function takeIn(parts: Parts, list: ArchiveList, arrived: Arrived, dir: string) {
  await eachAtOnce([...arrived.blobs.values()], WIDTH, async (path) => {
    await parts.blobs.adopt(path);
  });
  await point('import:blobs');
  let knownRecords = 0;
  for (const [fingerprint, record] of arrived.records) {
    if (await parts.records.read(fingerprint)) knownRecords += 1;
    else await parts.records.commit(record);
    await point('import:record');
  }
  const known = (await parts.runs.open(list.run)) !== undefined;
  if (!known) await moveRun(parts.dir, list.run, join(dir, 'run'));
  await point('import:run');
  const blobs = Object.keys(list.blobs).length;
  return {
    run: list.run,
    known,
    records: arrived.records.size,
    knownRecords,
    blobs,
    knownBlobs: blobs - arrived.blobs.size,
  };
}

/** The run's folder appears whole, or not at all. */
async function moveRun(dir: string, id: string, from: string): Promise<void> {
  const runs = join(dir, 'runs');
  const to = join(runs, id);
  await explained(to, async () => {
    await writeFile(join(from, 'imported.json'), `${JSON.stringify({ at: new Date().toISOString() })}\n`);
    await syncFolder(from);
    await makeStoreFolder(runs);
    await rename(from, to).catch((error) => {
      if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
    });
    await syncFolder(runs);
  });
}
