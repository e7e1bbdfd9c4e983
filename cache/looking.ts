import { Worker } from 'node:worker_threads';
import { explain } from './failures.ts';
import { type FileLook, fileNow } from './files.ts';

/** A folder of files that lie by their names: `dir/ab/abcd….json`. */
export interface Shelf {
  readonly dir: string;
  readonly extension: string;
  pathOf(name: string): string;
}

/** Looks at files of a shelf: a function from the place of a name to the file, undefined where there is none. */
export type Look = (shelf: Shelf, names: readonly string[]) => Promise<(i: number) => FileLook | undefined>;

export interface Looking {
  readonly look: Look;
  close(): Promise<void>;
}

/** So many looks take no more time than a thread takes to start. */
const FEW = 20_000;

/** Looks at files here as long as they are few, then in a thread of their own, while this one goes on. */
export function createLooking(): Looking {
  let thread: Thread | undefined;
  let looks = 0;
  return {
    async look(shelf, names) {
      looks += names.length;
      if (looks < FEW) return (i) => fileNow(shelf.pathOf(names[i]!));
      thread ??= startThread();
      const { dir, extension } = shelf;
      const found = await thread.ask({ dir, extension, names: names.join('\n') });
      return (i) => {
        const ino = found[3 * i]!;
        return ino === -1 ? undefined : { ino, size: found[3 * i + 1]!, mtimeMs: found[3 * i + 2]! };
      };
    },
    async close() {
      await thread?.end();
      thread = undefined;
    },
  };
}

interface Thread {
  ask(question: { dir: string; extension: string; names: string }): Promise<Float64Array>;
  end(): Promise<unknown>;
}

interface Waiting {
  readonly dir: string;
  resolve(found: Float64Array): void;
  reject(error: unknown): void;
}

/** Answers come in the order of the questions. */
function startThread(): Thread {
  const worker = new Worker(new URL('./look-worker.mjs', import.meta.url), { execArgv: [] });
  const waiting: Waiting[] = [];
  const failAll = (error: Error) => {
    for (const { reject } of waiting.splice(0)) reject(error);
  };
  worker.on('message', (found: Float64Array | { code: string; message: string }) => {
    const { dir, resolve, reject } = waiting.shift()!;
    if (found instanceof Float64Array) resolve(found);
    else reject(explain(Object.assign(new Error(found.message), { code: found.code }), dir));
    if (waiting.length === 0) worker.unref();
  });
  worker.on('error', failAll);
  worker.on('exit', (code) => failAll(new Error(`a thread that looks at files ended with code ${code}`)));
  return {
    ask: (question) =>
      new Promise((resolve, reject) => {
        waiting.push({ dir: question.dir, resolve, reject });
        worker.ref();
        worker.postMessage(question);
      }),
    end: () => worker.terminate(),
  };
}
