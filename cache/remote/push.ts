import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../../common/errors.ts';
import { blobsOfRecord } from '../closure.ts';
import { explained } from '../failures.ts';
import { eachAtOnce } from '../files.ts';
import { point } from '../points.ts';
import { recordText } from '../records.ts';
import { CorruptBlob, type Record, type Store, type StoredRun } from '../types.ts';
import { RemoteFailure } from './driver.ts';
import {
  arrivedRecord,
  arrivedRun,
  blobKey,
  isRunFile,
  MOST_TEXT,
  recordKey,
  runKey,
  runText,
} from './layout.ts';
import { type Remote, WrongBytes } from './remote.ts';

/** Files that are looked for side by side; how many really travel at once is the remote's matter. */
const WIDTH = 16;

export interface Moved {
  readonly run: string;
  /** What travelled now. */
  readonly blobs: number;
  readonly bytes: number;
  readonly records: number;
  /** Files and records that were there already. */
  readonly there: number;
}

/** So far, of everything that has to travel. */
export type OnMoved = (
  done: { files: number; bytes: number },
  total: { files: number; bytes: number },
) => void;

/**
 * Sends what a remote lacks of a run: files first, then records, then the run itself, so that what counts there is whole
 * whenever this ends, and a second call goes on from where it ended. Nothing there is overwritten.
 * UserError: results that are neither here nor there, something damaged here or there, no way to the remote.
 */
export async function pushRun(
  store: Store,
  run: StoredRun,
  remote: Remote,
  onMoved: OnMoved = () => {},
): Promise<Moved> {
  if (!remote.canWrite)
    throw new UserError(
      `The remote ${remote.name} can only be read. Push to the folder or bucket behind it.`,
    );
  return inWords(remote, async () => {
    const { records, there } = await recordsToSend(store, run, remote);
    const blobs = new Map<string, number>();
    for (const record of records)
      for (const [digest, bytes] of await blobsOfRecord(store, record)) blobs.set(digest, bytes);
    const missing = await missingBlobs(remote, blobs);
    const total = { files: missing.length, bytes: missing.reduce((sum, [, bytes]) => sum + bytes, 0) };
    const done = { files: 0, bytes: 0 };
    onMoved(done, total);
    await eachAtOnce(missing, WIDTH, async ([digest, bytes]) => {
      const path = await store.verified({ kind: 'file', digest, bytes });
      await remote.send(blobKey(digest), { path, bytes });
      done.files += 1;
      done.bytes += bytes;
      onMoved(done, total);
    });
    await point('push:blobs-sent');
    const lacking = records.filter(({ fingerprint }) => !there.has(fingerprint));
    await eachAtOnce(lacking, WIDTH, (record) =>
      sendText(store, remote, recordKey(record.fingerprint), recordText(record)),
    );
    await point('push:records-sent');
    if (!(await checkedRun(remote, run.id)))
      await sendText(store, remote, runKey(run.id), runText(run.id, await filesOf(run)));
    const known = there.size + blobs.size - missing.length;
    return { run: run.id, blobs: total.files, bytes: total.bytes, records: lacking.length, there: known };
  });
}

/** The run's records that are here, and which of all its records the remote has. */
async function recordsToSend(store: Store, run: StoredRun, remote: Remote) {
  const fingerprints = await run.fingerprints();
  const found: Record[] = [];
  const there = new Set<string>();
  const nowhere: string[] = [];
  await eachAtOnce(fingerprints, WIDTH, async (fingerprint) => {
    const record = await store.read(fingerprint);
    if (record) found.push(record);
    const text = await remote.text(recordKey(fingerprint), MOST_TEXT);
    if (text !== undefined && arrivedRecord(text, fingerprint) === 'bad')
      throw damaged(remote, recordKey(fingerprint));
    if (text !== undefined) there.add(fingerprint);
    else if (!record) nowhere.push(fingerprint);
  });
  if (nowhere.length > 0) {
    throw new UserError(
      `Of run ${run.id}, ${nowhere.length} of ${fingerprints.length} results aren't in the store any more (nor at the ` +
        'remote), so it was not pushed. Run "mis run" again and push that run.',
    );
  }
  return { records: found.sort((a, b) => (a.fingerprint < b.fingerprint ? -1 : 1)), there };
}

/** What has to be sent, sorted by digest. */
async function missingBlobs(remote: Remote, blobs: ReadonlyMap<string, number>): Promise<[string, number][]> {
  const missing: [string, number][] = [];
  await eachAtOnce([...blobs], WIDTH, async ([digest, bytes]) => {
    const size = await remote.size(blobKey(digest));
    if (size === undefined) missing.push([digest, bytes]);
    else if (size !== bytes) throw damaged(remote, blobKey(digest));
  });
  return missing.sort(([a], [b]) => (a < b ? -1 : 1));
}

const damaged = (remote: Remote, key: string): UserError =>
  new UserError(
    `${key} at the remote ${remote.name} is damaged. Nothing there is ever overwritten: delete that file, then push again.`,
  );

/** Whether the remote has the run. */
async function checkedRun(remote: Remote, id: string): Promise<boolean> {
  const text = await remote.text(runKey(id), MOST_TEXT);
  if (text !== undefined && !arrivedRun(text, id)) throw damaged(remote, runKey(id));
  return text !== undefined;
}

async function filesOf(run: StoredRun): Promise<{ [name: string]: string }> {
  const names = (await explained(run.dir, () => readdir(run.dir))).filter(isRunFile).sort();
  const files = names.map(
    async (name): Promise<[string, string]> => [
      name,
      await explained(join(run.dir, name), () => readFile(join(run.dir, name), 'utf8')),
    ],
  );
  return Object.fromEntries(await Promise.all(files));
}

async function sendText(store: Store, remote: Remote, key: string, text: string): Promise<void> {
  const workspace = await store.workspace();
  try {
    const path = join(workspace.dir, 'text');
    await explained(path, () => writeFile(path, text));
    await remote.send(key, { path, bytes: (await stat(path)).size });
  } finally {
    await workspace.dispose();
  }
}

/** Says what went wrong between here and there as a person needs it. */
export async function inWords<T>(remote: Remote, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof RemoteFailure)
      throw new UserError(
        `The remote ${remote.name} fails: ${error.message}. What has arrived is kept; try again to go on.`,
      );
    if (error instanceof WrongBytes)
      throw new UserError(`The remote ${remote.name} gave something that isn't right: ${error.message}.`);
    if (error instanceof CorruptBlob)
      throw new UserError(`${error.message} Run "mis run", then push that run.`);
    throw error;
  }
}
