import { Worker } from 'node:worker_threads';
import { CorruptBlob } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import { canonicalJson } from '../../common/json.ts';
import { type FromWorker, Interrupted, type Job, type Output, Refused } from './job.ts';
import { outOfMemory } from './memory.ts';

export interface Pool {
  /** Runs a job in a free worker thread. At most as many at once as the pool has threads. */
  run(
    job: Job,
    on: (message: Extract<FromWorker, { kind: 'progress' | 'warning' }>) => void,
  ): Promise<Output>;
  /** Tells running jobs to stop at their next check. */
  interrupt(): void;
  close(): Promise<void>;
}

interface Thread {
  readonly worker: Worker;
  /** Units of resources that it works with. */
  readonly key: string;
  settle: ((message: FromWorker | Error) => void) | undefined;
}

/**
 * Worker threads for jobs: started when first needed, kept for the next job (with what its modules keep in memory, such
 * as an inference session), replaced when one dies. A thread that worked with a unit of a resource is kept for that unit: what
 * it holds there, such as memory of a GPU, isn't held by a second one as well. What they print goes to standard error: standard output belongs to
 * the view of the run.
 */
export function createPool(storeDir: string): Pool {
  const stop = new SharedArrayBuffer(4);
  /** By the units of resources that they are kept for. */
  const idle = new Map<string, Thread[]>();
  const all = new Set<Thread>();

  function start(key: string): Thread {
    const workerData = { storeDir, stop };
    const worker = new Worker(new URL('./boot.mjs', import.meta.url), { workerData, stdout: true });
    worker.stdout.pipe(process.stderr, { end: false });
    const thread: Thread = { worker, settle: undefined, key };
    all.add(thread);
    const gone = (error: Error) => {
      all.delete(thread);
      idle.set(
        key,
        (idle.get(key) ?? []).filter((each) => each !== thread),
      );
      thread.settle?.(error);
    };
    worker.on('message', (message: FromWorker) => thread.settle?.(message));
    worker.on('error', (error: NodeJS.ErrnoException) =>
      gone(
        error.code === 'ERR_WORKER_OUT_OF_MEMORY'
          ? outOfMemory('the memory of its thread is used up')
          : error,
      ),
    );
    worker.on('exit', (code) =>
      gone(new Error(`a worker thread ended with code ${code} while it worked on the task`)),
    );
    worker.unref();
    return thread;
  }

  return {
    run: (job, on) =>
      new Promise((resolve, reject) => {
        const key = canonicalJson(job.resources);
        const thread = idle.get(key)?.pop() ?? start(key);
        thread.worker.ref();
        const finish = (end: () => void) => {
          thread.settle = undefined;
          thread.worker.unref();
          if (all.has(thread)) idle.set(key, [...(idle.get(key) ?? []), thread]);
          end();
        };
        thread.settle = (message) => {
          if (message instanceof Error) finish(() => reject(message));
          else if (message.kind === 'progress' || message.kind === 'warning') on(message);
          else if (message.kind === 'done') finish(() => resolve(message.output));
          else if (message.kind === 'failed') finish(() => reject(revive(message)));
        };
        thread.worker.postMessage(job);
      }),
    interrupt: () => {
      Atomics.store(new Int32Array(stop), 0, 1);
    },
    close: async () => {
      await Promise.all([...all].map((thread) => thread.worker.terminate()));
    },
  };
}

/** An error as it was before its trip from the worker. */
function revive(failed: Extract<FromWorker, { kind: 'failed' }>): Error {
  if (failed.refused) return new Refused(failed.message);
  if (failed.name === 'UserError') return new UserError(failed.message);
  if (failed.name === 'Interrupted') return new Interrupted();
  const error = new Error(failed.message);
  error.name = failed.name;
  error.stack = failed.stack;
  return error;
}

/** True for the error of a stored file that is not what its name says, also after a trip through a worker. */
export function isCorruptBlob(error: Error): boolean {
  return error.name === new CorruptBlob('', '', '').name;
}
