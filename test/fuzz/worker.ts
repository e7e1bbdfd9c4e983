import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Batch, Outcome } from './child.ts';
import { ROOT } from './corpus/index.ts';

/** How a batch ended: with an outcome, or with the death of the process at case `at`. */
export type Ended = { readonly outcome: Outcome } | { readonly at: number; readonly what: string };

export interface WorkerOptions {
  readonly seed: number;
  readonly only: readonly string[];
  /** A folder of its own; its parent holds nothing else that is written. */
  readonly folder: string;
  /** Milliseconds that one case may take. */
  readonly limit: number;
}

/** Private memory that a process may have (ulimit -d, KiB), and the heap of JavaScript in it (MiB). */
const DATA_KIB = 5 * 2 ** 20;
const HEAP_MIB = 1024;

/** A process that reads cases; it is started when needed, and again after it died. */
export class Worker {
  readonly #options: WorkerOptions;
  #child: ChildProcess | undefined;
  #errors = '';

  constructor(options: WorkerOptions) {
    this.#options = options;
    for (const name of ['tmp', 'home']) mkdirSync(join(options.folder, name), { recursive: true });
  }

  /** Reads the cases of a batch. Watches that none takes longer than the limit, and kills the process if one does. */
  async run(batch: Batch): Promise<Ended> {
    const child = this.#child ?? (await this.#start());
    return new Promise((resolve) => {
      let at = this.#progress();
      let since = Date.now();
      let what: string | undefined;
      const watch = setInterval(() => {
        const now = this.#progress();
        if (now !== at) [at, since] = [now, Date.now()];
        else if (Date.now() - since > this.#options.limit) {
          what = `hang: no end after ${this.#options.limit / 1000} s`;
          child.kill('SIGKILL');
        }
      }, 200);
      const settle = (ended: Ended) => {
        clearInterval(watch);
        child.off('message', onMessage).off('exit', onExit);
        resolve(ended);
      };
      const onMessage = (outcome: Outcome) => settle({ outcome });
      const onExit = (code: number | null, signal: string | null) => {
        this.#child = undefined;
        const last = this.#errors.trim().split('\n').slice(-4).join(' | ');
        settle({ at: this.#progress(), what: what ?? `crash: ${signal ?? `exit ${code}`}: ${last}` });
      };
      child.on('message', onMessage).on('exit', onExit);
      child.send(batch);
    });
  }

  async close(): Promise<void> {
    const child = this.#child;
    if (!child) return;
    this.#child = undefined;
    await new Promise((resolve) => {
      child.on('exit', resolve);
      child.disconnect();
    });
  }

  async #start(): Promise<ChildProcess> {
    const { seed, only, folder } = this.#options;
    const script = fileURLToPath(new URL('child.ts', import.meta.url));
    const loader = import.meta.resolve('tsx');
    const node = [process.execPath, `--max-old-space-size=${HEAP_MIB}`, '--import', loader, script];
    const { VITEST: _, NODE_OPTIONS: __, ...env } = process.env;
    const child = spawn(
      'sh',
      ['-c', `ulimit -d ${DATA_KIB}; exec "$@"`, 'sh', ...node, `${seed}`, folder, only.join(',')],
      {
        cwd: folder,
        env: {
          ...env,
          TMPDIR: join(folder, 'tmp'),
          HOME: join(folder, 'home'),
          TSX_TSCONFIG_PATH: join(ROOT, 'tsconfig.json'),
        },
        stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      },
    );
    this.#errors = '';
    child.stderr!.on('data', (data) => {
      this.#errors = (this.#errors + data).slice(-4000);
    });
    await new Promise<void>((resolve, reject) => {
      child.once('message', () => resolve());
      child.once('exit', (code) =>
        reject(new Error(`a fuzzing process didn't start (${code}): ${this.#errors}`)),
      );
    });
    child.removeAllListeners('exit');
    this.#child = child;
    return child;
  }

  /** Number of the case that is being read. */
  #progress(): number {
    return Number(readFileSync(join(this.#options.folder, 'progress'), 'utf8'));
  }
}
