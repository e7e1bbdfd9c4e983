import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../common/errors.ts';
import { codeOf, explained } from '../failures.ts';
import { eachAtOnce, syncFolder } from '../files.ts';
import { point } from '../points.ts';
import { artifactsOf } from '../records.ts';
import { type Artifact, CorruptBlob, type Record, type Store } from '../types.ts';
import { createArrivals } from './arrive.ts';
import {
  arrivedRecord,
  arrivedRun,
  MOST_TEXT,
  RUN_ID,
  RUNS,
  type RunFiles,
  recordKey,
  runKey,
} from './layout.ts';
import { inWords, type Moved, type OnMoved } from './push.ts';
import { type Remote, WrongBytes } from './remote.ts';

const WIDTH = 16;

export interface Pulled extends Moved {
  /** What was refused or missing, in words. Empty: all of the run is here. */
  readonly refused: readonly string[];
}

/** Newest complete run at a remote. UserError: none, or a remote that can't be listed. */
export async function newestRun(remote: Remote): Promise<string> {
  return inWords(remote, async () => {
    if (!remote.canList)
      throw new UserError(
        `What is at ${remote.name} can't be listed. Say which run: mis pull RUN ("mis push" printed its name there). ` +
          '"mis run" finds single results without that.',
      );
    const ids = (await remote.list(RUNS))
      .map((name) => name.replace(/\.json$/, ''))
      .filter((id) => RUN_ID.test(id));
    const newest = ids.sort().at(-1);
    if (newest === undefined)
      throw new UserError(`There is no run at the remote ${remote.name} yet. Push one: mis push.`);
    return newest;
  });
}

/**
 * Brings a run and all its results into the store: a result's files first, then its record, at the end the run. Every file
 * is hashed before it counts. What is wrong is refused and named; the rest is taken. A second call goes on.
 */
export async function pullRun(
  store: Store,
  id: string,
  remote: Remote,
  onMoved: OnMoved = () => {},
): Promise<Pulled> {
  return inWords(remote, async () => {
    const files = await runFiles(remote, id);
    const fingerprints = [
      ...new Set(
        (files.fingerprints ?? '').split('\n').filter((line) => /^[A-Za-z0-9_-]{3,128}$/.test(line)),
      ),
    ];
    const refused: string[] = [];
    const wanted: Record[] = [];
    await eachAtOnce(fingerprints, WIDTH, async (fingerprint) => {
      if (await store.read(fingerprint)) return;
      const record = await recordAt(remote, fingerprint);
      if (typeof record === 'string') refused.push(record);
      else wanted.push(record);
    });
    const moved = { files: 0, bytes: 0 };
    const total = totals(wanted);
    const arrivals = createArrivals({
      store,
      remote: async () => remote,
      onBytes(bytes) {
        moved.bytes += bytes;
        onMoved(moved, total);
      },
      onFile() {
        moved.files += 1;
        onMoved(moved, total);
      },
    });
    let records = 0;
    await eachAtOnce(wanted, WIDTH, async (record) => {
      const wrong = await bringAll(artifactsOf(record), arrivals.bring);
      refused.push(...wrong);
      if (wrong.length > 0) return;
      await point('pull:before-commit');
      await store.commit(record);
      records += 1;
    });
    if (refused.length === 0) await keepRun(store, id, files);
    const there = fingerprints.length - wanted.length;
    return { run: id, blobs: moved.files, bytes: moved.bytes, records, there, refused: refused.sort() };
  });
}

async function runFiles(remote: Remote, id: string): Promise<RunFiles> {
  const text = RUN_ID.test(id) ? await remote.text(runKey(id), MOST_TEXT) : undefined;
  if (text === undefined) throw new UserError(`There is no run ${id} at the remote ${remote.name}.`);
  const files = arrivedRun(text, id);
  if (!files) throw new WrongBytes(`${runKey(id)} was cut or changed`);
  return files;
}

/** The record, or what is wrong with it. */
async function recordAt(remote: Remote, fingerprint: string): Promise<Record | string> {
  const text = await remote.text(recordKey(fingerprint), MOST_TEXT);
  if (text === undefined) return `${recordKey(fingerprint)} is missing`;
  const record = arrivedRecord(text, fingerprint);
  if (record === undefined) return `${recordKey(fingerprint)} is of another version of this program`;
  return record === 'bad' ? `${recordKey(fingerprint)} was cut or changed` : record;
}

function totals(records: readonly Record[]) {
  const artifacts = new Map(
    records.flatMap(artifactsOf).map((artifact) => [artifact.digest, artifact.bytes]),
  );
  return { files: artifacts.size, bytes: [...artifacts.values()].reduce((sum, bytes) => sum + bytes, 0) };
}

/** Brings all that can be brought; says in words what can't. */
async function bringAll(
  artifacts: readonly Artifact[],
  bring: (artifact: Artifact) => Promise<void>,
): Promise<string[]> {
  const wrong: string[] = [];
  await eachAtOnce(artifacts, WIDTH, async (artifact) => {
    try {
      await bring(artifact);
    } catch (error) {
      if (error instanceof WrongBytes) wrong.push(`${artifact.digest} isn't right (${error.message})`);
      else if (error instanceof CorruptBlob) wrong.push(error.message);
      else throw error;
    }
  });
  return wrong;
}

/** The run's folder, complete or not at all. */
async function keepRun(store: Store, id: string, files: RunFiles): Promise<void> {
  const target = join(store.dir, 'runs', id);
  if (await store.runs.open(id)) return;
  const workspace = await store.workspace();
  try {
    const dir = join(workspace.dir, id);
    await explained(target, async () => {
      await mkdir(dir);
      for (const [name, text] of Object.entries(files)) await writeFile(join(dir, name), text);
      await rename(dir, target).catch((error) => {
        if (!['ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error;
      });
      await syncFolder(join(store.dir, 'runs'));
    });
  } finally {
    await workspace.dispose();
  }
}
