import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { point } from '../../cache/points.ts';
import { type Artifact, type GcOptions, openStore, type Store } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';

/**
 * Another process at a store, for the tests: `child.ts COMMAND [STORE, …]` prints one line of JSON at its end. It is
 * stopped at a point by MIS_TEST_PAUSE.
 */
const commands: { [name: string]: (store: Store, ...args: never[]) => Promise<unknown> } = {
  /** Puts a text of `bytes` bytes, as a task's output does: written to a workspace first. */
  async put(store, letter: string, bytes: number) {
    return store.put(await output(store, letter, bytes), 'file');
  },

  async commit(store, fingerprint: string, letter: string, bytes: number) {
    const out = await store.put(await output(store, letter, bytes), 'file');
    await commit(store, fingerprint, { out });
    return out;
  },

  async readAll(store, fingerprints: string[]) {
    return (await store.readAll(fingerprints)).filter(Boolean).length;
  },

  async hold(store, key: string) {
    const lock = await store.lock(key);
    if ('heldBy' in lock) return { holder: lock.holder };
    process.env.MIS_TEST_PAUSE = 'held';
    await point('held');
    await lock.release();
    return { had: true };
  },

  /** Adds one to the number in a file, so that any two at once lose one; `trace` gets a line in and out. */
  async count(store, key: string, file: string, trace: string, times: number) {
    for (let i = 0; i < times; i += 1) {
      await store.withLock(key, async () => {
        appendFileSync(trace, `in ${process.pid}\n`);
        const before = Number(readFileSync(file, 'utf8'));
        await sleep(1);
        writeFileSync(file, String(before + 1));
        appendFileSync(trace, `out ${process.pid}\n`);
      });
    }
    return times;
  },

  async materialise(store, artifact: Artifact, target: string) {
    return store.materialise(artifact, target);
  },

  async gc(store, options: GcOptions = {}) {
    return store.gc({ ...options, yes: true });
  },

  async import(store, file: string) {
    return store.importArchive(file);
  },

  async verify(store) {
    return store.verify();
  },

  /** A run that uses the fingerprints and reads them, and ends when told. */
  async run(store, fingerprints: string[]) {
    const run = await store.runs.create({});
    run.event({ event: 'start' });
    run.recordFingerprints(fingerprints);
    const found = await Promise.all(fingerprints.map((fingerprint) => store.read(fingerprint)));
    process.env.MIS_TEST_PAUSE = 'running';
    await point('running');
    await run.finish({ complete: true });
    return found.map((record) => record !== undefined);
  },

  /** Opens, nothing else. */
  async open(store) {
    return store.dir;
  },
};

async function output(store: Store, letter: string, bytes: number): Promise<string> {
  const workspace = await store.workspace();
  const path = join(workspace.dir, 'out');
  await writeFile(path, letter.repeat(bytes)).catch((error) => {
    throw Object.assign(error, { message: `writing the output: ${error.message}` });
  });
  await point('written');
  return path;
}

async function commit(
  store: Store,
  fingerprint: string,
  outputs: { [name: string]: Artifact },
): Promise<void> {
  const ran = { at: new Date().toISOString(), ms: 1, host: 'here', warnings: [] };
  await store.commit({ fingerprint, stage: 'test', vars: {}, document: { a: 1 }, outputs, lists: {}, ran });
}

const [command, args] = process.argv.slice(2);
try {
  const [dir, ...rest] = JSON.parse(args ?? '[]') as [string, ...never[]];
  const store = await openStore(dir);
  const result = await commands[command ?? '']?.(store, ...rest);
  await store.close();
  console.log(JSON.stringify(result));
} catch (error) {
  if (!isUserError(error)) throw error;
  console.log(JSON.stringify({ userError: error.message }));
}
