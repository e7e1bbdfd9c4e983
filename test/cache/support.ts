import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach } from 'vitest';
import { type Artifact, type NewRecord, openStore, type Store } from '../../cache/store.ts';

const cleanups: (() => Promise<unknown>)[] = [];

/** Runs after the test, last first. */
export function afterwards(work: () => Promise<unknown>): void {
  cleanups.push(work);
}

afterEach(async () => {
  for (const work of cleanups.splice(0).reverse()) await work();
});

export async function temporaryFolder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'mis-cache-'));
  await chmod(dir, 0o755);
  afterwards(() => rm(dir, { recursive: true, force: true }));
  return dir;
}

/** A store in a new folder (or a second one over a given folder), closed after the test. */
export async function newStore(dir?: string): Promise<Store> {
  const store = await openStore(dir ?? join(await temporaryFolder(), 'store'));
  afterwards(() => store.close());
  return store;
}

export function hashOf(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** A fingerprint-like name. */
export function print(name: string): string {
  return hashOf(`fingerprint of ${name}`);
}

export async function putText(store: Store, text: string): Promise<Artifact> {
  const workspace = await store.workspace();
  const path = join(workspace.dir, 'out');
  await writeFile(path, text);
  const artifact = await store.put(path, 'file');
  await workspace.dispose();
  return artifact;
}

/** Puts a folder with the given files. */
export async function putFolder(store: Store, files: { [path: string]: string }): Promise<Artifact> {
  const workspace = await store.workspace();
  const dir = join(workspace.dir, 'out');
  await writeFiles(dir, files);
  const artifact = await store.put(dir, 'folder');
  await workspace.dispose();
  return artifact;
}

export async function writeFiles(dir: string, files: { [path: string]: string }): Promise<void> {
  await mkdir(dir, { recursive: true });
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), text);
  }
}

export function recordOf(fingerprint: string, outputs: { [name: string]: Artifact } = {}): NewRecord {
  return {
    fingerprint,
    stage: 'score-mis',
    vars: { model: 'resnet' },
    document: { params: { alpha: 0.16 }, unit: 'µ' },
    outputs,
    lists: {},
    ran: { at: '2026-11-22T10:00:00.000Z', ms: 12, host: 'here', warnings: [] },
  };
}

/** Texts of all files below a folder, by relative path; `.mis-manifest.json` left out. */
export async function filesBelow(dir: string): Promise<{ [path: string]: string }> {
  const found: [string, string][] = [];
  for (const entry of await readdir(dir, { withFileTypes: true, recursive: true })) {
    const path = join(entry.path, entry.name).slice(dir.length + 1);
    if (entry.isFile() && entry.name !== '.mis-manifest.json')
      found.push([path, await readFile(join(dir, path), 'utf8')]);
  }
  return Object.fromEntries(found);
}

/** Another process at the store, driven line by line: see child.ts. */
export interface Child {
  readonly pid: number;
  /** Waits until the process has printed the line. */
  says(line: string): Promise<void>;
  /** Sends a line. */
  go(): void;
  /** kill -9, and waits for the end. */
  kill(): Promise<void>;
  /** Waits for the end; returns the last line, parsed. A process that ends badly throws what it said. */
  end(): Promise<unknown>;
}

export interface ChildOptions {
  readonly pauseAt?: string;
  readonly uid?: number;
}

const SCRIPT = fileURLToPath(new URL('child.ts', import.meta.url));
const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export function startChild(command: string, args: readonly unknown[], options: ChildOptions = {}): Child {
  const { MIS_TEST_PAUSE: _, ...inherited } = process.env;
  const child: ChildProcessWithoutNullStreams = spawn(
    process.execPath,
    ['--import', 'tsx', SCRIPT, command, JSON.stringify(args)],
    {
      cwd: ROOT,
      env: { ...inherited, ...(options.pauseAt ? { MIS_TEST_PAUSE: options.pauseAt } : {}) },
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.uid }),
    },
  );
  let said = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors += text;
  });
  const closed = once(child, 'close');
  const kill = async (): Promise<void> => {
    child.kill('SIGKILL');
    await closed;
  };
  afterwards(kill);
  const lines = (): string[] => said.split('\n').slice(0, -1);
  return {
    pid: child.pid as number,
    kill,
    go: () => void child.stdin.write('\n'),
    async says(line) {
      while (!lines().includes(line)) {
        const ended = closed.then(() => {
          if (!lines().includes(line)) throw new Error(`ended without saying "${line}": ${said}${errors}`);
        });
        await Promise.race([once(child.stdout, 'data'), ended]);
      }
    },
    async end() {
      const [status] = await closed;
      if (status !== 0) throw new Error(`child ended with ${status}: ${errors}`);
      return JSON.parse(lines().at(-1) ?? 'null');
    },
  };
}
