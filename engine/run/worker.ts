import { parentPort, workerData } from 'node:worker_threads';
import { explain } from '../../cache/failures.ts';
import { openStore, type Store } from '../../cache/store.ts';
import { type FromWorker, type Job, Refused } from './job.ts';
import { isOutOfMemory, outOfMemory } from './memory.ts';
import { performJob } from './perform.ts';

const { storeDir, stop } = workerData as { storeDir: string; stop: SharedArrayBuffer };
const port = parentPort!;
const send = (message: FromWorker) => port.postMessage(message);
const stopFlag = new Int32Array(stop);
let store: Promise<Store> | undefined;

port.on('message', async (job: Job) => {
  try {
    store ??= openStore(storeDir);
    const output = await performJob(job, await store, {
      progress: (done, total, unit) => send({ kind: 'progress', done, total, unit }),
      warning: (message) => send({ kind: 'warning', message }),
      stopped: () => Atomics.load(stopFlag, 0) !== 0,
    });
    send({ kind: 'done', output });
  } catch (thrown) {
    const path = (thrown as NodeJS.ErrnoException | undefined)?.path ?? storeDir;
    const told = isOutOfMemory(thrown)
      ? outOfMemory('the system gave none for a buffer')
      : explain(thrown, path);
    const error = told instanceof Error ? told : new Error(String(told));
    const { name, message, stack = '' } = error;
    send({ kind: 'failed', name, message, stack, refused: error instanceof Refused });
  }
});
send({ kind: 'ready' });
