import { lstat, readdir, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../common/errors.ts';
import type { Blobs } from './blobs.ts';
import { codeOf, explain, isMissing } from './failures.ts';
import { makeStoreFolder, putBack, statNow } from './files.ts';
import { allBlobs, type Counted, countResults } from './inventory.ts';
import type { Locks } from './locks.ts';
import { inWords } from './owner.ts';
import type { Pins } from './pins.ts';
import { point } from './points.ts';
import type { RecordIndex } from './record-index.ts';
import { names, type Records } from './records.ts';
import { chooseRemoved, type Marks, markRuns, type PastRun, type Policy } from './retention.ts';
import { type FoundSession, findSessions, type Session, usesOf } from './session.ts';
import type { Sweeping } from './sweeping.ts';
import type { GcOptions, GcResult, Runs } from './types.ts';

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
  readonly index: RecordIndex;
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

async function collect(parts: Parts, { yes = false, ...policy }: GcOptions): Promise<GcResult> {
  for (const id of policy.runs ?? []) {
    if (!(await parts.runs.open(id)))
      throw new UserError(`There is no run ${id} in the store. "mis runs" lists them.`);
  }
  const presence = await look(parts);
  const rubbish = await rubbishOf(parts, presence);
  const locks = await parts.locks.sweep(yes);
  const known = await parts.records.all();
  const records = await sized(known, parts.records.pathOf);
  const blobs = await sized(await allBlobs(parts.dir), parts.blobs.pathOf);

  let swept: Swept = { records: [], blobs: [], blockedBy: presence.blockedBy };
  let stages: GcResult['stages'] = [];
  if (presence.blockedBy.length === 0) {
    const plan = await planned(parts, policy, presence, known, blobs);
    swept = yes ? await sweep(parts, policy, plan) : { ...plan.old, blockedBy: [] };
    stages = byStage(plan.results, swept);
  }
  if (yes && swept.records.length > 0) await parts.index.clear();
  if (yes) for (const path of rubbish.paths) await remove(path);
  return {
    records: swept.records.length,
    blobs: swept.blobs.length,
    bytes: sum(swept.records) + sum(swept.blobs) + rubbish.bytes,
    stages,
    tmp: rubbish.tmp,
    quarantined: rubbish.quarantined,
    locks,
    kept: {
      records: known.length - swept.records.length,
      blobs: blobs.length - swept.blobs.length,
      bytes: sum(records) + sum(blobs) - sum(swept.records) - sum(swept.blobs),
    },
    blockedBy: swept.blockedBy,
  };
}

interface Plan {
  readonly results: readonly Counted[];
  /** Records that stay, and the runs' marks as they were when this was found out. */
  readonly kept: ReadonlySet<string>;
  readonly marks: Marks;
  readonly old: { readonly records: readonly Candidate[]; readonly blobs: readonly Candidate[] };
}

async function planned(
  parts: Parts,
  policy: Policy,
  { uses }: Presence,
  known: readonly string[],
  blobs: readonly Candidate[],
): Promise<Plan> {
  const marks = await marksOf(parts, policy);
  const results = await countResults(parts.records, parts.blobs, known, marks.lastUsed);
  const stays = (name: string) => marks.roots.has(name) || uses.has(name);
  const sizes = new Map(blobs.map(({ name, bytes }) => [name, bytes]));
  const going = chooseRemoved(results, stays, (digest) => uses.has(digest), sizes, policy, Date.now());
  const gone = new Set(going.map(({ fingerprint }) => fingerprint));
  const staying = results.filter(({ fingerprint }) => !gone.has(fingerprint));
  const needed = blobsOf(staying);
  const records = await sized(gone, parts.records.pathOf);
  return {
    results,
    kept: new Set(staying.map(({ fingerprint }) => fingerprint)),
    marks,
    old: { records, blobs: blobs.filter(({ name }) => !needed.has(name) && !uses.has(name)) },
  };
}

/** What goes, by the stage that made it; what no readable record names stands under an empty name. */
function byStage(results: readonly Counted[], { records, blobs }: Swept): GcResult['stages'] {
  const stageOf = new Map(results.map((result) => [result.fingerprint, result.stage]));
  const makerOf = new Map(results.flatMap((result) => result.blobs.map((digest) => [digest, result.stage])));
  const stages = new Map<string, { stage: string; records: number; blobs: number; bytes: number }>();
  const at = (stage: string) => {
    const found = stages.get(stage) ?? { stage, records: 0, blobs: 0, bytes: 0 };
    stages.set(stage, found);
    return found;
  };
  for (const { name, bytes } of records) {
    const row = at(stageOf.get(name) ?? '');
    row.records += 1;
    row.bytes += bytes;
  }
  for (const { name, bytes } of blobs) {
    const row = at(makerOf.get(name) ?? '');
    row.blobs += 1;
    row.bytes += bytes;
  }
  return [...stages.values()].sort((a, b) => b.bytes - a.bytes || (a.stage < b.stage ? -1 : 1));
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

async function marksOf({ runs, pins }: Parts, policy: Policy): Promise<Marks> {
  const pinned = new Set((await pins.pins()).map(({ run }) => run));
  return markRuns(pastRuns(runs), pinned, policy);
}

async function* pastRuns(runs: Runs): AsyncGenerator<PastRun> {
  for await (const run of runs.newestFirst()) {
    const { id, state, usedAt, fingerprints } = run;
    yield { id, state, fingerprints, group: run.info.group ?? '', usedAt: Date.parse(usedAt) };
  }
}

/** Digests that results name, with the files of their folders. */
function blobsOf(results: readonly Counted[]): Set<string> {
  if (results.some(({ newer }) => newer)) throw newerRecords();
  return new Set(results.flatMap(({ blobs }) => blobs));
}

function newerRecords(): UserError {
  return new UserError(
    'The store holds records of a newer version of this program, whose files this one can’t know. Clean it with that ' +
      'version.',
  );
}

/** Removes records, then blobs; each only after a second look at who uses them. Returns what really went. */
async function sweep(parts: Parts, policy: Policy, plan: Plan): Promise<Swept> {
  const trash = await parts.session.workspace();
  try {
    return await parts.sweeping.during(async () => {
      const { records, blockedBy } = await sweepRecords(parts, policy, plan, trash.dir);
      if (blockedBy.length > 0) return { records, blobs: [], blockedBy };
      return { records, ...(await sweepBlobs(parts, plan, trash.dir)) };
    });
  } finally {
    await trash.dispose();
  }
}

/** A record goes back when somebody uses it now, or a run has named or pinned it since the first look. */
async function sweepRecords(parts: Parts, policy: Policy, { marks, old }: Plan, trash: string) {
  await moveAll(old.records, trash);
  await point('gc:records-moved');
  const { blockedBy, uses } = await look(parts);
  const { roots, lastUsed } = await marksOf(parts, policy);
  const isNeeded = (name: string): boolean =>
    blockedBy.length > 0 ||
    roots.has(name) ||
    uses.has(name) ||
    (lastUsed.get(name) ?? 0) > (marks.lastUsed.get(name) ?? 0);
  return { records: await returnNeeded(old.records, trash, isNeeded), blockedBy };
}

/** Every record that isn't one of those kept was put back, or committed meanwhile: what it names is needed. */
async function sweepBlobs(parts: Parts, { kept, old }: Plan, trash: string) {
  await moveAll(old.blobs, trash);
  await point('gc:blobs-moved');
  const { blockedBy, uses } = await look(parts);
  const fresh = (await parts.records.all()).filter((name) => !kept.has(name));
  const needed = blobsOf(await countResults(parts.records, parts.blobs, fresh, new Map()));
  const isNeeded = (name: string) => blockedBy.length > 0 || needed.has(name) || uses.has(name);
  return { blobs: await returnNeeded(old.blobs, trash, isNeeded), blockedBy };
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
