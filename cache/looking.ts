import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import { explain } from './failures.ts';
import { type Bytes, type Folders, lookAt } from './index-entry.mjs';

/** Looks at the files of entries of the index: see {@link lookAt}. */
export interface Looking {
  look(files: readonly Bytes[], places: Uint32Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** So many entries take no more time to look at than a thread takes to start. */
const FEW = 8000;
/** One processor is left to who asks. */
const MOST_THREADS = Math.max(1, Math.min(4, availableParallelism() - 1));

/** So many questions to each thread are enough to keep it busy while this one helps. */
const MOST_WAITING = 4;

/** Looks here as long as there is little to look at; then in threads, while this one goes on, and helps when it is ahead. */
export function createLooking(dirs: Folders): Looking {
  const threads: Thread[] = [];
  let looks = 0;
  const free = (): Thread => {
    const least = threads.reduce<Thread | undefined>(
      (a, b) => (a && a.waiting() <= b.waiting() ? a : b),
      undefined,
    );
    if (least && (least.waiting() === 0 || threads.length === MOST_THREADS)) return least;
    const thread = startThread(dirs);
    threads.push(thread);
    return thread;
  };
  return {
    async look(files, places) {
      looks += places.length / 2;
      const thread = looks >= FEW ? free() : undefined;
      if (thread && thread.waiting() < MOST_WAITING) return thread.ask(files, places);
      try {
        return lookAt(dirs, files, places);
      } catch (error) {
        throw explain(error, dirs.records);
      }
    },
    async close() {
      await Promise.all(threads.splice(0).map((thread) => thread.end()));
    },
  };
}

interface Thread {
  waiting(): number;
  ask(files: readonly Bytes[], places: Uint32Array): Promise<Uint8Array>;
  end(): Promise<unknown>;
}

/** Answers come in the order of the questions. */
function startThread(dirs: Folders): Thread {
  const worker = new Worker(new URL('./look-worker.mjs', import.meta.url), {
    workerData: dirs,
    execArgv: [],
  });
  const waiting: { resolve(found: Uint8Array): void; reject(error: unknown): void }[] = [];
  let told: readonly Bytes[] | undefined;
  const failAll = (error: Error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  worker.on('message', (found: Uint8Array | { code: string; message: string }) => {
    const { resolve, reject } = waiting.shift()!;
    if (found instanceof Uint8Array) resolve(found);
    else reject(explain(Object.assign(new Error(found.message), { code: found.code }), dirs.records));
    if (waiting.length === 0) worker.unref();
  });
  worker.on('error', failAll);
  worker.on('exit', (code) => failAll(new Error(`a thread that looks at files ended with code ${code}`)));
  return {
    waiting: () => waiting.length,
    ask: (files, places) =>
      new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        worker.ref();
        if (told !== files)
          worker.postMessage(
            files.map(({ numbers, bytes, folders }) => ({
              shared: numbers.buffer,
              length: bytes.length,
              folders,
            })),
          );
        told = files;
        worker.postMessage(places, [places.buffer as ArrayBuffer]);
      }),
    end: () => worker.terminate(),
  };
}
