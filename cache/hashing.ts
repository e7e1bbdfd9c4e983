import { Worker } from 'node:worker_threads';
import type { Identity } from './blobs.ts';
import { eachAtOnce } from './files.ts';

/** What hashing a file came to: its digest (none of a folder), or the system's code of the call that failed. */
export type Hashed =
  | { readonly seen: Identity; readonly digest: string | undefined; readonly bytes: number }
  | { readonly code: string | undefined; readonly message: string };

export interface HashingOptions {
  /** Threads; each holds 1 MiB of a file. */
  readonly threads: number;
  /** Told the bytes read so far, five times a second. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
}

/** Hashes files side by side in worker threads, in the given order, and hands over each as it is done. */
export async function hashFiles<T extends { readonly path: string }>(
  files: readonly T[],
  { threads, onBytes }: HashingOptions,
  done: (file: T, found: Hashed) => Promise<void>,
): Promise<void> {
  if (files.length === 0) return;
  const read = new BigInt64Array(new SharedArrayBuffer(8));
  const workers = Array.from({ length: Math.min(threads, files.length) }, () => start(read.buffer));
  const tell = (): void => onBytes?.(Number(Atomics.load(read, 0)));
  const timer = setInterval(tell, 200);
  try {
    const idle = [...workers];
    await eachAtOnce(files, workers.length, async (file) => {
      const worker = idle.pop() as Worker;
      const found = await ask(worker, file.path);
      idle.push(worker);
      await done(file, found);
    });
    tell();
  } finally {
    clearInterval(timer);
    await Promise.all(workers.map((worker) => worker.terminate()));
  }
}

function start(read: SharedArrayBuffer): Worker {
  return new Worker(new URL('./hash-worker.mjs', import.meta.url), { workerData: { read }, execArgv: [] });
}

function ask(worker: Worker, path: string): Promise<Hashed> {
  return new Promise((resolve, reject) => {
    const end = (settle: () => void): void => {
      worker.off('message', told).off('error', failed).off('exit', gone);
      settle();
    };
    const told = (found: Hashed) => end(() => resolve(found));
    const failed = (error: Error) => end(() => reject(error));
    const gone = (code: number) => end(() => reject(new Error(`a hashing thread ended with code ${code}`)));
    worker.on('message', told).on('error', failed).on('exit', gone);
    worker.postMessage(path);
  });
}
