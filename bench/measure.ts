import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../common/errors.ts';

/** The middle value; of an even number of values the mean of the two in the middle. Throws when there is none. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new Error('the median of nothing');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The one in the middle by what `by` says of each; of an even number the lower. Throws when there is none. */
export function middle<T>(values: readonly T[], by: (value: T) => number): T {
  if (values.length === 0) throw new Error('the middle of nothing');
  return values.toSorted((a, b) => by(a) - by(b))[(values.length - 1) >> 1]!;
}

/** How far the ratios of the rounds lie apart, as figures of a result. */
export function spread(rounds: readonly { readonly ratio: number }[]) {
  const ratios = rounds.map(({ ratio }) => ratio);
  return { 'least ratio of a round': Math.min(...ratios), 'largest ratio of a round': Math.max(...ratios) };
}

/** What several pieces of work gave, by name, one value a round. */
export type Rounds<Works extends Readonly<Record<string, () => unknown>>> = {
  readonly [Name in keyof Works]: Awaited<ReturnType<Works[Name]>>[];
};

/**
 * Does pieces of work in turn, `rounds` times, and gives what each returned. Every second round goes backwards: a machine
 * that slows down with time then favours none of them.
 */
export async function alternate<Works extends Readonly<Record<string, () => unknown>>>(
  rounds: number,
  works: Works,
): Promise<Rounds<Works>> {
  const names: (keyof Works)[] = Object.keys(works);
  const found = Object.fromEntries(names.map((name) => [name, []])) as unknown as Rounds<Works>;
  for (let round = 0; round < rounds; round++) {
    const order = round % 2 === 0 ? names : [...names].reverse();
    for (const name of order)
      found[name].push((await works[name]!()) as Awaited<ReturnType<Works[keyof Works]>>);
  }
  return found;
}

/** Seconds that a piece of work took in this process: by the clock, and of all processors together. */
export interface Timed<T> {
  readonly value: T;
  readonly wall: number;
  readonly cpu: number;
}

/** Times work in this process; `cpu` counts every thread, user and system. */
export async function timed<T>(work: () => T | Promise<T>): Promise<Timed<T>> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  const value = await work();
  const wall = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(cpu);
  return { value, wall, cpu: (user + system) / 1e6 };
}

/** How a child ended, and what it took, with the children that it waited for. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Seconds from its start to its end. */
  readonly wall: number;
  /** Seconds of processor time, user and system. */
  readonly cpu: number;
  /** Bytes: the largest resident set that any one of its processes had. */
  readonly peak: number;
}

export interface ChildOptions {
  readonly cwd?: string;
  /** Put over this process's environment; undefined takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Text for its standard input. */
  readonly input?: string;
}

const TIME = '/usr/bin/time';
/** Children at work, each with the folder that GNU time writes to. */
const running = new Map<ChildProcess, string>();

/**
 * Runs a program to its end and measures it. GNU time stands between: the kernel counts for a child the memory that its
 * parent had at the fork, and that of this process may be large. Whatever its exit code, that is no error here; see
 * `succeeded`. Children don't outlive this process. Throws a UserError when GNU time isn't installed, and an Error when the
 * child was killed with all that it started.
 */
export async function runChild(
  program: string,
  args: readonly string[],
  { cwd, env, input }: ChildOptions = {},
): Promise<Ended> {
  if (!existsSync(TIME))
    throw new UserError(`${TIME} is missing, which measures memory: apt-get install time.`);
  const folder = mkdtempSync(join(tmpdir(), 'mis-time-'));
  const file = join(folder, 'time');
  try {
    const start = performance.now();
    const child = spawn(TIME, ['-o', file, '-f', '%U %S %M', program, ...args], {
      cwd,
      env: { ...process.env, ...env },
      detached: true,
    });
    running.set(child, folder);
    const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)];
    child.stdin.on('error', () => {}); // A child may end before it has read everything.
    child.stdin.end(input);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', reject);
      child.on('close', resolve);
    }).finally(() => running.delete(child));
    const wall = (performance.now() - start) / 1000;
    if (code === null) throw new Error(`${program} was killed`);
    // A line about the exit status may stand before the numbers.
    const [user, system, kib] = readFileSync(file, 'utf8').trim().split('\n').at(-1)!.split(' ').map(Number);
    return { code, stdout: stdout(), stderr: stderr(), wall, cpu: user! + system!, peak: kib! * 1024 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** The same, of a program that ended well. Throws an Error with the end of what it said on standard error otherwise. */
export function succeeded(what: string, ended: Ended): Ended {
  if (ended.code === 0) return ended;
  throw new Error(`${what} ended with code ${ended.code}:\n${ended.stderr.trim().slice(-4000)}`);
}

/** Ends children that are still running, with all that they started; for the end of this process too. */
export function killChildren(): void {
  for (const [{ pid }, folder] of running) {
    try {
      if (pid !== undefined) process.kill(-pid, 'SIGKILL');
    } catch {
      // It has just ended by itself.
    }
    rmSync(folder, { recursive: true, force: true });
  }
}

function collect(stream: NodeJS.ReadableStream): () => string {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}
