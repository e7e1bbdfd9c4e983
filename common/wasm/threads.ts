import { Worker } from 'node:worker_threads';
import { type Job, type Shared, worker } from './work.mjs';

/** Threads that work on one job at a time together. */
export interface Threads {
  /** Does a job; this thread takes its part and is blocked meanwhile. `told`: see `worker`. What it throws ends the job. */
  run(job: Job, told: (share: number) => void): Promise<void>;
  /** Does a job beside this thread, which goes on; by this thread, at once, where it has no helper. */
  aside(job: Job): Promise<void>;
  /** Has this thread take its part in a job that helpers do beside it, if they do. */
  join(): void;
  /** Lets the helpers go, or ends them, when they are at something. */
  close(): Promise<void>;
}

/** Helpers that wait for work: to start one takes longer than many a job. */
const idle: Worker[] = [];

/** A helper thread for `startThreads`, which may take a while to start. It keeps no process alive. */
export function startHelper(): Worker {
  const known = idle.pop();
  if (known) return known;
  const helper = new Worker(new URL('./helper.mjs', import.meta.url), { execArgv: [] });
  helper.unref();
  helper.once('exit', () => {
    if (idle.includes(helper)) idle.splice(idle.indexOf(helper), 1);
  });
  return helper;
}

/** Starts helpers for a piece of work, which goes on meanwhile; those that it leaves in the list are kept for the next one. */
export async function withHelpers<T>(count: number, work: (helpers: Worker[]) => Promise<T>): Promise<T> {
  const helpers = Array.from({ length: count }, startHelper);
  try {
    return await work(helpers);
  } finally {
    idle.push(...helpers);
  }
}

/**
 * Has helpers work on the memory, so that there are `count` threads with this one. The result doesn't depend on their number.
 *
 * @param started helpers that were started before; they are taken out of the list
 */
export function startThreads(shared: Shared, count: number, started: Worker[] = []): Threads {
  const work = worker(shared);
  const claimed = new Int32Array(shared.memory.buffer, 0, 1);
  const helpers = Array.from({ length: count - 1 }, () => {
    const helper = started.pop() ?? startHelper();
    helper.postMessage(shared);
    return helper;
  });
  let asked = 0;
  let beside: Job | undefined;
  /** Not counted down by a helper that fails: it is not used again. */
  const send = async (helper: Worker, job: Job) => {
    asked++;
    await ask(helper, job);
    asked--;
  };
  return {
    async run(job, told) {
      claimed[0] = 0;
      const done = helpers.map((helper) => send(helper, job));
      const all = Promise.all(done);
      all.catch(() => {}); // Told below, or less worth telling than what this thread throws.
      work(job, told);
      await all;
    },
    async aside(job) {
      claimed[0] = 0;
      if (helpers.length === 0) work(job);
      beside = job;
      await Promise.all(helpers.map((helper) => send(helper, job)));
      beside = undefined;
    },
    join() {
      if (beside) work(beside);
    },
    async close() {
      const all = helpers.splice(0);
      if (asked > 0) await Promise.all(all.map((helper) => helper.terminate()));
      for (const helper of asked > 0 ? [] : all) {
        helper.postMessage(null);
        idle.push(helper);
      }
    },
  };
}

/** Does jobs in this thread alone, at once. */
export function alone(shared: Shared): (job: Job) => void {
  const work = worker(shared);
  const claimed = new Int32Array(shared.memory.buffer, 0, 1);
  return (job) => {
    claimed[0] = 0;
    work(job);
  };
}

function ask(helper: Worker, job: Job): Promise<void> {
  return new Promise((resolve, reject) => {
    const gone = (code: number) => reject(new Error(`a helper thread ended with code ${code}`));
    const settled = (end: () => void) => {
      helper.off('error', failed).off('exit', gone);
      helper.unref();
      end();
    };
    const failed = (error: Error) => settled(() => reject(error));
    helper.ref();
    helper.once('error', failed).once('exit', gone);
    helper.once('message', () => settled(resolve));
    helper.postMessage(job);
  });
}
