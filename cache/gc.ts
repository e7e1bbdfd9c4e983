import { lstat, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../common/errors.ts';
import type { Blobs } from './blobs.ts';
import { codeOf, explain, isMissing } from './failures.ts';
import { makeStoreFolder, putBack, statNow } from './files.ts';
import type { Locks } from './locks.ts';
import { inWords } from './owner.ts';
import type { Pins } from './pins.ts';
import { point } from './points.ts';
import { artifactsOf, names, type Records } from './records.ts';
import { type FoundSession, findSessions, type Session, usesOf } from './session.ts';
import type { Sweeping } from './sweeping.ts';
import type { GcOptions, GcResult, Manifest, Record, Runs } from './types.ts';

/**
 * Mark and sweep. Kept is what the kept runs, the pinned runs and the processes at work name: their records, and the
 * blobs of these. Other processes may go on meanwhile: what is to be removed is first moved away, then the journals
 * are read again, and what somebody began to rely on in between goes back.
 */
export interface Parts {
  readonly dir: string;
  readonly session: Session;
  readonly blobs: Blobs;
  readonly records: Records;
  readonly locks: Locks;
  readonly sweeping: Sweeping;
  readonly runs: Runs;
  readonly pins: Pins;
}

/** A file that could go: by its fingerprint or digest. */
interface Candidate {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
}

interface Swept {
  readonly records: readonly Candidate[];
  readonly blobs: readonly Candidate[];
  readonly blockedBy: readonly string[];
}

interface Presence {
  readonly sessions: readonly FoundSession[];
  readonly blockedBy: readonly string[];
  readonly uses: ReadonlySet<string>;
}

export async function collectGarbage(parts: Parts, options: GcOptions): Promise<GcResult> {
  const lock = await parts.locks.lock('gc');
  if ('heldBy' in lock)
    throw new UserError(`The store is being cleaned by ${lock.holder}. Wait until it is done.`);
  try {
    return await collect(parts, options);
  } finally {
    await lock.release();
  }
}

async function collect(parts: Parts, { yes = false, keepRuns = 1 }: GcOptions): Promise<GcResult> {
  const presence = await look(parts);
  const rubbish = await rubbishOf(parts, presence);
  const locks = await parts.locks.sweep(yes);
  const known = new Set(await parts.records.all());
  const blobs = await sized(await allBlobs(parts.dir), parts.blobs.pathOf);

  let swept: Swept = { records: [], blobs: [], blockedBy: presence.blockedBy };
  if (presence.blockedBy.length === 0) {
    const roots = new Set([...(await rootsOf(parts, keepRuns)), ...presence.uses]);
    const kept = new Set([...known].filter((fingerprint) => roots.has(fingerprint)));
    const needed = await blobsOf(parts, kept);
    const old = [...known].filter((fingerprint) => !roots.has(fingerprint));
    swept = {
      records: await sized(old, parts.records.pathOf),
      blobs: blobs.filter(({ name }) => !needed.has(name) && !presence.uses.has(name)),
      blockedBy: [],
    };
    if (yes) swept = await sweep(parts, keepRuns, kept, swept);
  }
  if (yes) for (const path of rubbish.paths) await remove(path);
  return {
    records: swept.records.length,
    blobs: swept.blobs.length,
    bytes: sum(swept.records) + sum(swept.blobs) + rubbish.bytes,
    tmp: rubbish.tmp,
    quarantined: rubbish.quarantined,
    locks,
    kept: {
      records: known.size - swept.records.length,
      blobs: blobs.length - swept.blobs.length,
      bytes: sum(blobs) - sum(swept.blobs),
    },
    blockedBy: swept.blockedBy,
  };
}

/** What nobody can need: temporary folders of processes that are gone, and the quarantine. */
async function rubbishOf({ dir }: Parts, { sessions }: Presence) {
  const gone = sessions
    .filter(({ life }) => life === 'dead' || life === 'silent')
    .map((session) => session.dir);
  const bad = (await names(join(dir, 'quarantine'))).map((name) => join(dir, 'quarantine', name));
  const paths = [...gone, ...bad];
  let bytes = 0;
  for (const path of paths) bytes += await bytesBelow(path);
  return { paths, bytes, tmp: gone.length, quarantined: bad.length };
}

/** Who is at work, and on what. This process's own session isn't counted: who cleans isn't in the middle of a run. */
async function look({ dir, session }: Parts): Promise<Presence> {
  const own = await session.folder();
  const sessions = (await findSessions(join(dir, 'tmp'))).filter((found) => found.dir !== own);
  const blockedBy = sessions.filter(({ life }) => life === 'elsewhere').map(({ owner }) => inWords(owner));
  return { sessions, blockedBy, uses: await usesOf(sessions.filter(({ life }) => life === 'alive')) };
}

/**
 * Fingerprints that runs keep: of each group the newest `keepRuns` complete runs and all that are newer than the last of
 * these, running ones, pinned ones.
 */
async function rootsOf({ runs, pins }: Parts, keepRuns: number): Promise<Set<string>> {
  const pinned = new Set((await pins.pins()).map(({ run }) => run));
  const complete = new Map<string, number>();
  const roots = new Set<string>();
  for await (const run of runs.newestFirst()) {
    const group = run.info.group ?? '';
    const before = complete.get(group) ?? 0;
    if (run.state === 'complete') complete.set(group, before + 1);
    if (before >= keepRuns && run.state !== 'running' && !pinned.has(run.id)) continue;
    for (const fingerprint of await run.fingerprints()) roots.add(fingerprint);
  }
  return roots;
}

/** Digests that records name, with the files of their folders. */
async function blobsOf({ records, blobs }: Parts, fingerprints: Iterable<string>): Promise<Set<string>> {
  const found = new Set<string>();
  for (const fingerprint of fingerprints) {
    const record = await records.peek(fingerprint);
    if (record === 'newer') throw newerRecords();
    for (const { kind, digest } of record ? artifactsOf(record as Record) : []) {
      if (kind === 'folder' && !found.has(digest)) {
        for (const entry of Object.values(await manifestAt(blobs.pathOf(digest)))) found.add(entry.digest);
      }
      found.add(digest);
    }
  }
  return found;
}

function newerRecords(): UserError {
  return new UserError(
    'The store holds records of a newer version of this program, whose files this one can’t know. Clean it with that ' +
      'version.',
  );
}

async function manifestAt(path: string): Promise<Manifest> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Manifest;
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return {};
    throw explain(error, path);
  }
}

/** Removes records, then blobs; each only after a second look at who uses them. Returns what really went. */
async function sweep(parts: Parts, keepRuns: number, kept: ReadonlySet<string>, old: Swept): Promise<Swept> {
  const trash = await parts.session.workspace();
  try {
    return await parts.sweeping.during(async () => {
      const { records, blockedBy } = await sweepRecords(parts, keepRuns, old.records, trash.dir);
      if (blockedBy.length > 0) return { records, blobs: [], blockedBy };
      return { records, ...(await sweepBlobs(parts, kept, old.blobs, trash.dir)) };
    });
  } finally {
    await trash.dispose();
  }
}

async function sweepRecords(parts: Parts, keepRuns: number, old: readonly Candidate[], trash: string) {
  await moveAll(old, trash);
  await point('gc:records-moved');
  const { blockedBy, uses } = await look(parts);
  const roots = await rootsOf(parts, keepRuns);
  const isNeeded = (name: string) => blockedBy.length > 0 || roots.has(name) || uses.has(name);
  return { records: await returnNeeded(old, trash, isNeeded), blockedBy };
}

/** `kept`: records whose blobs aren't among the old ones. Every other one that is there now was committed meanwhile. */
async function sweepBlobs(parts: Parts, kept: ReadonlySet<string>, old: readonly Candidate[], trash: string) {
  await moveAll(old, trash);
  await point('gc:blobs-moved');
  const { blockedBy, uses } = await look(parts);
  const fresh = (await parts.records.all()).filter((name) => !kept.has(name));
  const needed = await blobsOf(parts, fresh);
  const isNeeded = (name: string) => blockedBy.length > 0 || needed.has(name) || uses.has(name);
  return { blobs: await returnNeeded(old, trash, isNeeded), blockedBy };
}

async function moveAll(files: readonly Candidate[], trash: string): Promise<void> {
  for (const { path } of files) {
    await rename(path, join(trash, basename(path))).catch((error) => {
      if (!isMissing(error)) throw explain(error, path);
    });
  }
}

/** Moves back what is needed after all; returns the rest. */
async function returnNeeded(
  files: readonly Candidate[],
  trash: string,
  isNeeded: (name: string) => boolean,
): Promise<Candidate[]> {
  for (const { path } of files.filter(({ name }) => isNeeded(name))) {
    await makeStoreFolder(dirname(path));
    await putBack(join(trash, basename(path)), path).catch((error) => {
      throw explain(error, path);
    });
  }
  return files.filter(({ name }) => !isNeeded(name));
}

/** Names with their files' sizes; those that are gone by now are left out. */
async function sized(all: Iterable<string>, pathOf: (name: string) => string): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const name of all) {
    const path = pathOf(name);
    const info = statNow(path);
    if (info) found.push({ name, path, bytes: Number(info.size) });
  }
  return found;
}

async function allBlobs(dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const part of await names(join(dir, 'blobs'))) {
    found.push(...(await names(join(dir, 'blobs', part))).filter((name) => /^[0-9a-f]{64}$/.test(name)));
  }
  return found;
}

function sum(files: readonly Candidate[]): number {
  return files.reduce((all, { bytes }) => all + bytes, 0);
}

/** A network file system may keep a name of a file that is still open: then the folder stays until next time. */
async function remove(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true }).catch((error) => {
    if (!['ENOTEMPTY', 'EBUSY'].includes(codeOf(error) ?? '')) throw explain(error, path);
  });
}

async function bytesBelow(path: string): Promise<number> {
  const info = await lstat(path).catch(() => undefined);
  if (!info?.isDirectory()) return info?.size ?? 0;
  let bytes = 0;
  for (const name of await readdir(path).catch(() => [])) bytes += await bytesBelow(join(path, name));
  return bytes;
}
