import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const cleanups: (() => void)[] = [];

afterAll(() => {
  for (const work of cleanups.splice(0).reverse()) work();
});

/** A folder with a pipeline of its own, removed after the tests of the file. */
export interface Project {
  readonly dir: string;
  path(name: string): string;
  read(name: string): string;
  write(name: string, text: string): void;
  /** Replaces a text that must be there. */
  edit(name: string, from: string, to: string): void;
  remove(name: string): void;
  /** Starts the command line here. */
  start(...args: string[]): Running;
  /** Runs the command line to its end. */
  mis(...args: string[]): Promise<Ended>;
}

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** Standard output as JSON lines. */
  events(): { [key: string]: unknown }[];
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
}

/** A copy of a fixture (`toy`, `engine/gated`) in a temporary folder beside the engine, with some files written over it. */
export function project(fixture: string, files: Readonly<Record<string, string>> = {}): Project {
  const dir = mkdtempSync(join(tmpdir(), 'mis-engine-'));
  cleanups.push(() => rmSync(dir, { recursive: true, force: true }));
  cpSync(join(ROOT, 'test', 'fixtures', fixture), dir, { recursive: true });
  for (const entry of readdirSync(join(dir, 'stages'), { recursive: true, withFileTypes: true })) {
    const file = join(entry.parentPath, entry.name);
    if (entry.isFile())
      writeFileSync(file, readFileSync(file, 'utf8').replace(/'[./]*\/(engine|common)\//g, "'../../$1/"));
  }
  for (const name of ['node_modules', 'engine', 'common']) symlinkSync(join(ROOT, name), join(dir, name));
  writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
  const path = (name: string) => join(dir, name);
  const it: Project = {
    dir,
    path,
    read: (name) => readFileSync(path(name), 'utf8'),
    write: (name, text) => {
      mkdirSync(dirname(path(name)), { recursive: true });
      writeFileSync(path(name), text);
    },
    edit: (name, from, to) => {
      const text = it.read(name);
      if (!text.includes(from)) throw new Error(`${name} doesn't hold ${from}`);
      it.write(name, text.replace(from, to));
    },
    remove: (name) => rmSync(path(name), { recursive: true }),
    start: (...args) => start(dir, args),
    mis: (...args) => start(dir, args).ended,
  };
  for (const [name, text] of Object.entries(files)) it.write(name, text);
  return it;
}

function start(cwd: string, args: readonly string[]): Running {
  const child = spawn(process.execPath, [join(ROOT, 'bin', 'mis.js'), ...args], { cwd, env: environment() });
  cleanups.push(() => child.kill('SIGKILL'));
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', (data) => {
    stdout += data;
  });
  child.stderr.on('data', (data) => {
    stderr += data;
  });
  const ended = new Promise<Ended>((resolve) => {
    child.on('close', (code) => resolve({ code, stdout, stderr, events: () => jsonLines(stdout) }));
  });
  return { child, ended };
}

function environment(): NodeJS.ProcessEnv {
  const { MIS_STORE: _, NODE_OPTIONS: __, VITEST: ___, ...env } = process.env;
  return { ...env, NO_COLOR: '1' };
}

function jsonLines(text: string): { [key: string]: unknown }[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as { [key: string]: unknown });
}

/** Outcome of each task by `stage name=value`, of `run --json` or `run --dry-run --json`. */
export function outcomes(ended: Ended): Record<string, string> {
  const found: Record<string, string> = {};
  for (const { event, stage, vars, outcome } of ended.events()) {
    if (event !== 'task') continue;
    const name = [stage, ...Object.entries(vars as object).map(([key, value]) => `${key}=${value}`)].join(
      ' ',
    );
    found[name] = String(outcome);
  }
  return found;
}

/** The tasks with an outcome, sorted. */
export function tasksThat(outcome: string, ended: Ended): string[] {
  return Object.entries(outcomes(ended))
    .filter(([, each]) => each === outcome)
    .map(([name]) => name)
    .sort();
}

/** Waits for something that another process does. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  ms = 40_000,
): Promise<void> {
  const end = Date.now() + ms;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`waited in vain for: ${what}`);
    await sleep(10);
  }
}

/** The bytes of all blobs of a store, by digest. */
export async function blobs(store: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const entry of await readdir(join(store, 'blobs'), { withFileTypes: true, recursive: true })) {
    if (entry.isFile()) found[entry.name] = await readFile(join(entry.parentPath, entry.name), 'latin1');
  }
  return found;
}
