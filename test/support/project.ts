import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Event, RunEnd } from '../../engine/run/events.ts';
import { temporaryFolder } from './fake-task.ts';

const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

type TaskEvent = Extract<Event, { event: 'task' }>;

export interface JsonRun extends Ended {
  readonly events: readonly Event[];
  /** The last line: the run's own count. */
  readonly end: RunEnd;
  /** How many tasks of each stage were hits, and how many ran. */
  readonly stages: Readonly<Record<string, { hit: number; ran: number }>>;
  /** Tasks with an outcome, as `stage model=resnet shard=01`, sorted. */
  tasks(outcome: TaskEvent['outcome']): string[];
}

export interface Planned extends Ended {
  /** Tasks by what the dry run says of them: hit, will-run, depends. */
  readonly tasks: ReadonlyMap<string, string>;
}

/** A copy of the repository as a fresh clone has it, with its command line. */
export interface Project {
  readonly folder: string;
  path(...parts: string[]): string;
  read(file: string): string;
  write(file: string, content: string | Uint8Array): void;
  /** Replaces the one occurrence of a text in a file. */
  edit(file: string, from: string, to: string): void;
  mis(...args: string[]): Promise<Ended>;
  /** `mis run --json …` */
  run(...args: string[]): Promise<JsonRun>;
  /** `mis run --dry-run --json …` */
  plan(...args: string[]): Promise<Planned>;
  /** Files that `mis path --json …` names. */
  paths(...args: string[]): Promise<{ vars: Record<string, string>; output: string; path: string }[]>;
  /** Starts the command line and leaves it running. */
  start(...args: string[]): { child: ChildProcess; ended: Promise<Ended> };
}

/** Copies what git tracks or would add, and links the installed packages. The copy goes with the tests of the file. */
export async function copyProject(): Promise<Project> {
  const folder = temporaryFolder();
  const listed = execFileSync('git', ['ls-files', '-co', '--exclude-standard', '-z'], { cwd: REPOSITORY });
  for (const file of listed.toString().split('\0')) {
    if (!file || !existsSync(join(REPOSITORY, file))) continue;
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    cpSync(join(REPOSITORY, file), join(folder, file));
  }
  symlinkSync(join(REPOSITORY, 'node_modules'), join(folder, 'node_modules'));
  return projectIn(folder);
}

export function projectIn(folder: string): Project {
  const path = (...parts: string[]) => join(folder, ...parts);
  const read = (file: string) => readFileSync(path(file), 'utf8');
  const write = (file: string, content: string | Uint8Array) => {
    mkdirSync(dirname(path(file)), { recursive: true });
    writeFileSync(path(file), content);
  };
  const start = (...args: string[]) => startIn(folder, process.execPath, [path('bin/mis.js'), ...args]);
  const mis = (...args: string[]) => start(...args).ended;
  return {
    folder,
    path,
    read,
    write,
    start,
    mis,
    edit(file, from, to) {
      const parts = read(file).split(from);
      if (parts.length !== 2)
        throw new Error(`${file} holds ${JSON.stringify(from)} ${parts.length - 1} times`);
      write(file, parts.join(to));
    },
    run: async (...args) => jsonRun(await mis('run', '--json', ...args)),
    async plan(...args) {
      const ended = await mis('run', '--dry-run', '--json', ...args);
      const lines = linesOf<TaskEvent>(ended.stdout).filter(({ event }) => event === 'task');
      return { ...ended, tasks: new Map(lines.map((line) => [taskId(line), line.outcome])) };
    },
    async paths(...args) {
      const ended = await mis('path', '--json', ...args);
      if (ended.code !== 0) throw new Error(ended.stderr);
      return linesOf(ended.stdout);
    },
  };
}

/** Starts a program in a folder with an environment that says nothing of the machine's own store. */
export function startIn(folder: string, program: string, args: readonly string[]) {
  const { MIS_STORE: _, NODE_OPTIONS: __, ...env } = process.env;
  const child = spawn(program, args, { cwd: folder, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<Ended>((resolve, reject) => {
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => err.push(chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      resolve({ code, stdout: Buffer.concat(out).toString(), stderr: Buffer.concat(err).toString() }),
    );
  });
  return { child, ended };
}

function linesOf<T>(text: string): T[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}

const taskId = ({ stage, vars }: { stage: string; vars: Readonly<Record<string, string>> }): string =>
  [stage, ...Object.entries(vars).map(([name, value]) => `${name}=${value}`)].join(' ');

function jsonRun(ended: Ended): JsonRun {
  const events = linesOf<Event>(ended.stdout);
  const end = events.at(-1);
  if (end?.event !== 'run') throw new Error(`the run ended without its last line: ${ended.stderr}`);
  const last = new Map<string, TaskEvent>();
  for (const event of events) if (event.event === 'task') last.set(taskId(event), event);
  const stages: Record<string, { hit: number; ran: number }> = {};
  for (const { stage, outcome } of last.values()) {
    stages[stage] ??= { hit: 0, ran: 0 };
    if (outcome === 'hit' || outcome === 'ran') stages[stage][outcome]++;
  }
  return {
    ...ended,
    events,
    end,
    stages,
    tasks: (outcome) => [...last].flatMap(([id, event]) => (event.outcome === outcome ? [id] : [])).sort(),
  };
}
