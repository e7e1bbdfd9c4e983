import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { type Graph, ROOT } from './graphs.ts';

export interface Event {
  readonly event: string;
  readonly outcome?: 'hit' | 'ran' | 'failed';
  readonly fingerprint?: string;
  readonly stage?: string;
  readonly [more: string]: unknown;
}

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The whole lines that it printed; one that a kill cut is left out. */
  readonly events: readonly Event[];
  readonly stderr: string;
  /** It didn't end in `HANGS_MS` and was ended. */
  readonly hung: boolean;
  /** Milliseconds from its start, and from its first event, to its end. */
  readonly ms: number;
  readonly sinceFirst: number;
}

/** `mis run --json` in a process group of its own. */
export interface Running {
  /** Ends when so many events were printed, or the process has ended. */
  printed(count: number): Promise<void>;
  /** Ends when it has printed a text (on either stream); fails when it has ended without. */
  says(text: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

/** No run of these graphs takes so long. */
const HANGS_MS = 120_000;

const living = new Set<number>();
process.on('exit', () => {
  for (const pid of living) killGroup(pid, 'SIGKILL');
});

function killGroup(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch {
    // It has ended.
  }
}

export interface RunOptions {
  /** More arguments of `mis run`. */
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** User to run as. */
  readonly uid?: number;
  /** A shell command before it, such as `ulimit -f 64`. */
  readonly before?: string;
}

export function startRun(graph: Graph, store: string, options: RunOptions = {}): Running {
  const started = performance.now();
  let first = Number.NaN;
  const { MIS_STORE: _, NODE_OPTIONS: __, MIS_TEST_PAUSE: ___, VITEST: ____, ...env } = process.env;
  const { args = [], uid, before = ':' } = options;
  const command = [join(ROOT, 'bin', 'mis.js'), 'run', '--json', '--store', store, ...graph.args, ...args];
  const child = spawn('/bin/sh', ['-c', `${before}; exec "$@"`, 'sh', process.execPath, ...command], {
    cwd: graph.dir,
    env: { ...env, ...options.env },
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe'],
    ...(uid === undefined ? {} : { uid, gid: uid }),
  });
  const pid = child.pid as number;
  living.add(pid);
  let [stdout, stderr] = ['', ''];
  const waiting = new Set<() => void>();
  const lines = () => stdout.split('\n').slice(0, -1);
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    if (Number.isNaN(first)) first = performance.now();
    for (const check of [...waiting]) check();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    for (const check of [...waiting]) check();
  });
  let hung = false;
  const watch = setTimeout(() => {
    hung = true;
    killGroup(pid, 'SIGKILL');
  }, HANGS_MS);
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code, signal) => {
      living.delete(pid);
      clearTimeout(watch);
      const now = performance.now();
      const events = lines()
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line) as Event);
      resolve({ code, signal, events, stderr, hung, ms: now - started, sinceFirst: now - first });
    });
  });
  let isOver = false;
  const when = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (!isOver && !holds()) return;
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
      ended.then(() => {
        isOver = true;
        check();
      });
    });
  const printed = (count: number) => when(() => lines().length >= count);
  const says = async (text: string) => {
    await when(() => stdout.includes(text) || stderr.includes(text));
    if (!stdout.includes(text) && !stderr.includes(text))
      throw new Error(`it ended without saying "${text}": ${stdout}${stderr}`);
  };
  return { printed, says, signal: (signal) => killGroup(pid, signal), ended };
}
