import { Worker } from 'node:worker_threads';
import { UserError } from '../../common/errors.ts';
import type { Orientation } from './decode.ts';
import type { Decoded, Encoded } from './decoder.ts';
import { prepare } from './preprocess.ts';
import type { ResolvedPreprocess } from './preprocess-spec.ts';

/** Makes a network's pixels of an encoded image, as `prepare`; of both, the memory may be another's as soon as that is done. */
export type Prepare = (
  encoded: Uint8Array,
  path: string,
  preprocess: ResolvedPreprocess,
  orientation: Orientation,
  into?: Uint8Array,
) => Promise<Uint8Array>;

interface Thread {
  readonly worker: Worker;
  readonly open: Map<number, { resolve(pixels: Uint8Array): void; reject(error: Error): void }>;
}

/** The threads that this thread has started, which wait for the next task. */
let threads: Thread[] = [];
let last = 0;

/**
 * Decodes in `count` threads of their own, so that it goes on while this thread is busy: a session blocks its thread, and a GPU
 * is done before one thread has made the next batch. With none, this thread does it between two batches (`prepare`): on a CPU
 * nothing is lost by that, as other tasks use the core meanwhile.
 */
export function decodeIn(count: number): Prepare {
  if (count === 0) return prepare;
  return async (encoded, path, preprocess, orientation, into) => {
    const pixels = await new Promise<Uint8Array>((resolve, reject) => {
      while (threads.length < count) threads.push(start());
      const thread = threads.slice(0, count).reduce((a, b) => (b.open.size < a.open.size ? b : a));
      const id = ++last;
      if (thread.open.size === 0) thread.worker.ref();
      thread.open.set(id, { resolve, reject });
      // A copy: of a part of a buffer, all of it would be sent.
      const bytes = new Uint8Array(encoded);
      thread.worker.postMessage({ id, bytes, path, preprocess, orientation } satisfies Encoded, [
        bytes.buffer,
      ]);
    });
    into?.set(pixels);
    return into ?? pixels;
  };
}

function start(): Thread {
  const worker = new Worker(new URL('./decoder.mjs', import.meta.url));
  const thread: Thread = { worker, open: new Map() };
  worker.unref();
  worker.on('message', (decoded: Decoded) => {
    const asked = thread.open.get(decoded.id)!;
    thread.open.delete(decoded.id);
    if (thread.open.size === 0) worker.unref();
    if ('pixels' in decoded) asked.resolve(decoded.pixels);
    else asked.reject(revived(decoded));
  });
  const gone = (error: Error) => {
    threads = threads.filter((each) => each !== thread);
    for (const { reject } of thread.open.values()) reject(error);
    thread.open.clear();
  };
  worker.on('error', gone);
  worker.on('exit', (code) => gone(new Error(`a thread that decodes images ended with code ${code}`)));
  return thread;
}

function revived({ message, stack, isExpected }: Exclude<Decoded, { pixels: Uint8Array }>): Error {
  if (isExpected) return new UserError(message);
  const error = new Error(message);
  if (stack !== undefined) error.stack = stack;
  return error;
}
