import { lstat, mkdir, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../common/errors.ts';
import type { Blobs } from './blobs.ts';
import { explain, isMissing } from './failures.ts';
import type { Locks } from './locks.ts';
import { inWords } from './owner.ts';
import type { Pins } from './pins.ts';
import { point } from './points.ts';
import { artifactsOf, names, type Records } from './records.ts';
import { type FoundSession, findSessions, type Session, usesOf } from './session.ts';
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
  readonly runs: Runs;
  readonly pins: Pins;
}

/** A file that could go: by its fingerprint or digest. */
interface Candidate {
  readonly name: string;
  readonly path: string;
  readonly bytes: number;
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
  const roots = new Set([...(await rootsOf(parts, keepRuns)), ...presence.uses]);
  const known = new Set(await parts.records.all());
  const kept = [...known].filter((fingerprint) => roots.has(fingerprint));
  const needed = new Set([...(await blobsOf(parts, kept)), ...presence.uses]);
  const oldRecords = await candidates(known, (name) => !roots.has(name), parts.records.pathOf);
  const digests = await allBlobs(parts.dir);
  const oldBlobs = await candidates(digests, (name) => !needed.has(name), parts.blobs.pathOf);
  const keptBytes = sum(await candidates(digests, (name) => needed.has(name), parts.blobs.pathOf));

  const swept = { records: oldRecords, blobs: oldBlobs };
  let { blockedBy } = presence;
  if (blockedBy.length > 0) Object.assign(swept, { records: [], blobs: [] });
  else if (yes) {
    const done = await sweep(parts, keepRuns, known, swept);
    Object.assign(swept, done);
    ({ blockedBy } = done);
  }
  const tmp = presence.sessions
    .filter(({ life }) => life === 'dead' || life === 'silent')
    .map(({ dir }) => dir);
  const bad = (await names(join(parts.dir, 'quarantine'))).map((name) => join(parts.dir, 'quarantine', name));
  const rest = (await Promise.all([...tmp, ...bad].map(bytesBelow))).reduce((all, bytes) => all + bytes, 0);
  if (yes) for (const path of [...tmp, ...bad]) await rm(path, { recursive: true, force: true });
  return {
    records: swept.records.length,
    blobs: swept.blobs.length,
    bytes: sum(swept.records) + sum(swept.blobs) + rest,
    tmp: tmp.length,
    quarantined: bad.length,
    locks: await parts.locks.sweep(yes),
    kept: {
      records: known.size - swept.records.length,
      blobs: digests.length - swept.blobs.length,
      bytes: keptBytes,
    },
    blockedBy,
  };
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
async function sweep(
  parts: Parts,
  keepRuns: number,
  known: ReadonlySet<string>,
  old: { readonly records: readonly Candidate[]; readonly blobs: readonly Candidate[] },
): Promise<{ records: Candidate[]; blobs: Candidate[]; blockedBy: readonly string[] }> {
  const trash = await parts.session.workspace();
  try {
    await moveAll(old.records, trash.dir);
    await point('gc:records-moved');
    const again = await look(parts);
    const blocked = again.blockedBy.length > 0;
    const roots = await rootsOf(parts, keepRuns);
    const records = await putBack(
      old.records,
      trash.dir,
      (name) => blocked || roots.has(name) || again.uses.has(name),
    );

    if (blocked) return { records, blobs: [], blockedBy: again.blockedBy };
    await moveAll(old.blobs, trash.dir);
    await point('gc:blobs-moved');
    const last = await look(parts);
    const removed = new Set(records.map(({ name }) => name));
    const back = old.records.map(({ name }) => name).filter((name) => !removed.has(name));
    const fresh = (await parts.records.all()).filter((name) => !known.has(name));
    const needed = await blobsOf(parts, [...back, ...fresh]);
    const busy = last.blockedBy.length > 0;
    const blobs = await putBack(
      old.blobs,
      trash.dir,
      (name) => busy || needed.has(name) || last.uses.has(name),
    );
    return { records, blobs, blockedBy: last.blockedBy };
  } finally {
    await trash.dispose();
  }
}

async function moveAll(files: readonly Candidate[], trash: string): Promise<void> {
  for (const { name, path } of files) {
    await rename(path, join(trash, name)).catch((error) => {
      if (!isMissing(error)) throw explain(error, path);
    });
  }
}

/** Moves back what is needed after all, unless somebody has put it there anew; returns the rest. */
async function putBack(
  files: readonly Candidate[],
  trash: string,
  isNeeded: (name: string) => boolean,
): Promise<Candidate[]> {
  const gone: Candidate[] = [];
  for (const file of files) {
    if (!isNeeded(file.name)) gone.push(file);
    else if (!(await stat(file.path).catch(() => undefined))) {
      await mkdir(dirname(file.path), { recursive: true });
      await rename(join(trash, file.name), file.path).catch((error) => {
        if (!isMissing(error)) throw explain(error, file.path);
      });
    }
  }
  return gone;
}

async function candidates(
  all: Iterable<string>,
  isOld: (name: string) => boolean,
  pathOf: (name: string) => string,
): Promise<Candidate[]> {
  const found: Candidate[] = [];
  for (const name of all) {
    if (!isOld(name)) continue;
    const path = pathOf(name);
    const info = await stat(path).catch(() => undefined);
    if (info) found.push({ name, path, bytes: info.size });
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

async function bytesBelow(path: string): Promise<number> {
  const info = await lstat(path).catch(() => undefined);
  if (!info?.isDirectory()) return info?.size ?? 0;
  let bytes = 0;
  for (const name of await readdir(path).catch(() => [])) bytes += await bytesBelow(join(path, name));
  return bytes;
}
