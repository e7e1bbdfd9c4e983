import { appendFileSync, closeSync, openSync } from 'node:fs';
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { explain, explained, isMissing } from './failures.ts';
import { makeStoreFolder, randomName, storeIsGone } from './files.ts';
import { lifeOf, parseOwner, thisProcess } from './owner.ts';
import type { Owner, Workspace } from './types.ts';

/**
 * The presence of a process in the store: one folder `tmp/<host>-<pid>-<nonce>/` with `owner.json`, the workspaces, and
 * `uses`, a journal of the fingerprints and digests that the process relies on. The journal is written before the thing
 * is looked for, and `gc` reads it after it has moved things away: so one of the two always sees the other.
 */
export interface Session {
  readonly owner: Owner;
  /** The folder, made at first need. */
  folder(): Promise<string>;
  /** A path in the folder that nothing has used. */
  path(): Promise<string>;
  /** Notes fingerprints or digests in the journal. */
  use(...names: readonly string[]): Promise<void>;
  /** The same for many, which aren't remembered: noted once more, they stand there twice. */
  useAll(names: readonly string[]): Promise<void>;
  workspace(): Promise<Workspace>;
  /** Files whose modification time says "still alive", beside `owner.json`. */
  readonly beating: Set<string>;
  close(): Promise<void>;
}

/** How often an owner shows that it lives, and after how long a silent one elsewhere counts as gone for `gc`. */
const BEAT_MS = 30_000;
export const SILENT_MS = 3_600_000;

export function createSession(tmp: string): Session {
  const owner = thisProcess();
  const host = owner.host.replace(/[^A-Za-z0-9.]/g, '_').slice(0, 40);
  const dir = join(tmp, `${host}-${owner.pid}-${owner.nonce}`);
  const beating = new Set<string>([join(dir, 'owner.json')]);
  const used = new Set<string>();
  let made: Promise<string> | undefined;
  let journal: number | undefined;
  let timer: NodeJS.Timeout | undefined;
  let swept: Promise<void> | undefined;
  let count = 0;

  const make = async (): Promise<string> => {
    const fresh = join(tmp, `.new-${owner.nonce}`);
    await explained(dir, async () => {
      await makeStoreFolder(fresh);
      await writeFile(join(fresh, 'owner.json'), JSON.stringify(owner));
      await rename(fresh, dir);
    });
    timer = setInterval(() => {
      const now = new Date();
      for (const path of beating) utimes(path, now, now).catch(() => undefined);
    }, BEAT_MS);
    timer.unref();
    return dir;
  };

  const folder = (): Promise<string> => {
    made ??= make().catch((error) => {
      made = undefined;
      throw error;
    });
    return made;
  };
  const note = async (names: readonly string[]): Promise<void> => {
    if (names.length === 0) return;
    await folder();
    const path = join(dir, 'uses');
    try {
      journal ??= openSync(path, 'a');
      appendFileSync(journal, `${names.join('\n')}\n`);
    } catch (error) {
      throw isMissing(error) ? storeIsGone(dir) : explain(error, path);
    }
  };
  return {
    owner,
    beating,
    folder,
    async path() {
      return join(await folder(), String(count++));
    },
    async use(...names) {
      const fresh = names.filter((name) => !used.has(name));
      await note(fresh);
      for (const name of fresh) used.add(name);
    },
    useAll: note,
    async workspace() {
      swept ??= removeDead(tmp);
      await swept;
      const path = join(await folder(), String(count++));
      await explained(path, () => makeStoreFolder(path));
      return { dir: path, dispose: () => explained(path, () => rm(path, { recursive: true, force: true })) };
    },
    async close() {
      clearInterval(timer);
      if (journal !== undefined) closeSync(journal);
      journal = undefined;
      if (made === undefined) return;
      await made.catch(() => undefined);
      await rm(dir, { recursive: true, force: true }).catch(() => undefined);
      if (isMainThread) await removeThreads(tmp, owner);
    },
  };
}

export interface FoundSession {
  readonly dir: string;
  readonly owner: Owner | undefined;
  /** `silent`: elsewhere, and without a sign of life for an hour; or a folder that never got an owner. */
  readonly life: 'alive' | 'dead' | 'elsewhere' | 'silent';
}

/** All presences in the store, of this and other processes. */
export async function findSessions(tmp: string): Promise<FoundSession[]> {
  const names = await readdir(tmp).catch((error) => {
    if (isMissing(error)) return [];
    throw explain(error, tmp);
  });
  const found: FoundSession[] = [];
  for (const name of names) {
    const dir = join(tmp, name);
    const session = await readSession(dir);
    if (session) found.push(session);
  }
  return found;
}

async function readSession(dir: string): Promise<FoundSession | undefined> {
  const path = join(dir, 'owner.json');
  try {
    const owner = parseOwner(await readFile(path, 'utf8').catch(() => ''));
    const silentMs = Date.now() - (await stat(owner ? path : dir)).mtimeMs;
    const life = owner ? lifeOf(owner, silentMs) : 'elsewhere';
    if (life !== 'elsewhere') return { dir, owner, life };
    if (silentMs > SILENT_MS) return { dir, owner, life: 'silent' };
    return owner || !basename(dir).startsWith('.new-') ? { dir, owner, life } : undefined;
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw explain(error, dir);
  }
}

/** Worker threads are ended without a word; their main thread clears up after them. */
async function removeThreads(tmp: string, main: Owner): Promise<void> {
  for (const { dir, owner, life } of await findSessions(tmp).catch(() => [])) {
    const isOurs = life === 'alive' && owner?.pid === main.pid && owner.thread !== main.thread;
    if (isOurs) await rm(dir, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** Frees what killed processes of this host left behind: a run that makes something new pays for it once. */
async function removeDead(tmp: string): Promise<void> {
  for (const { dir, life } of await findSessions(tmp)) {
    if (life === 'dead') await rm(dir, { recursive: true, force: true }).catch(() => undefined);
  }
}

/** What the processes that may still live rely on. */
export async function usesOf(sessions: readonly FoundSession[]): Promise<Set<string>> {
  const uses = new Set<string>();
  for (const { dir } of sessions) {
    const text = await readFile(join(dir, 'uses'), 'utf8').catch(() => '');
    for (const line of text.split('\n')) if (line) uses.add(line);
  }
  return uses;
}

/** A name for something that is moved out of the way, unique in any folder. */
export function asideName(name: string): string {
  return `${name}.${Date.now()}-${randomName()}`;
}
