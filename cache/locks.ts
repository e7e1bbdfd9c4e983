import { link, open, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from '../common/json.ts';
import { codeOf, explain, isMissing } from './failures.ts';
import { makeStoreFolder, putBack } from './files.ts';
import { inWords, lifeOf, parseOwner, thisProcess } from './owner.ts';
import { point } from './points.ts';
import type { Session } from './session.ts';
import type { Held, Lock, LockOptions, Owner, WaitOptions } from './types.ts';

/** A lock whose record can't be read is left alone for so long: its owner may be about to write it. */
const UNREADABLE_MS = 60_000;

export interface Locks {
  lock(key: string, options?: LockOptions): Promise<Lock | Held>;
  withLock<T>(key: string, work: () => Promise<T>, options?: WaitOptions): Promise<T>;
  /** Locks of dead processes; removes them when asked. */
  sweep(remove: boolean): Promise<number>;
}

interface Found {
  readonly owner: Owner | undefined;
  /** Tells this lock from any later one under the same key. */
  readonly id: string;
  readonly silentMs: number;
}

/** One file a key in `dir`, with its owner in it. */
export function createLocks(dir: string, session: Session): Locks {
  const pathOf = (name: string): string => join(dir, `${name}.lock`);

  function lock(key: string, options: LockOptions = {}): Promise<Lock | Held> {
    return lockNamed(/^[A-Za-z0-9._-]{1,150}$/.test(key) ? key : sha256(key), options);
  }

  async function lockNamed(name: string, options: LockOptions): Promise<Lock | Held> {
    const path = pathOf(name);
    for (;;) {
      const owner = thisProcess();
      if (await claim(path, owner, session)) return hold(path, owner);
      const found = await look(path);
      if (found === undefined) continue;
      if (!isAbandoned(found, options)) return heldBy(found, path);
      await point('lock:dead');
      const busy = await breakLock(name, found, options);
      if (busy) return busy;
    }
  }

  function hold(path: string, owner: Owner): Lock {
    session.beating.add(path);
    let released = false;
    return {
      async release() {
        if (released) return;
        released = true;
        session.beating.delete(path);
        const found = await look(path);
        if (found?.id === owner.nonce) await rm(path, { force: true });
      },
    };
  }

  /**
   * Removes the lock of a dead owner. Only who holds the guard (a lock on `name~`, itself broken in the same way) may do
   * so, after a second look: two breakers never both win, and none removes the lock of the one who came after.
   */
  async function breakLock(name: string, dead: Found, options: LockOptions): Promise<Held | undefined> {
    const path = pathOf(name);
    const guard = await lockNamed(`${name}~`, options);
    if ('heldBy' in guard) return guard;
    try {
      const found = await look(path);
      if (found?.id !== dead.id) return undefined;
      await point('lock:breaking');
      const away = await session.path();
      await rename(path, away);
      const moved = await look(away);
      if (moved?.id !== dead.id) await putBack(away, path);
      else await rm(away, { force: true });
      return undefined;
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw explain(error, path);
    } finally {
      await guard.release();
    }
  }

  async function withLock<T>(key: string, work: () => Promise<T>, options: WaitOptions = {}): Promise<T> {
    const got = await wait(key, options);
    try {
      return await work();
    } finally {
      await got.release();
    }
  }

  async function wait(key: string, options: WaitOptions): Promise<Lock> {
    let told: string | undefined;
    for (let pause = 50; ; pause = Math.min(500, pause * 1.5)) {
      options.signal?.throwIfAborted();
      const got = await lock(key, options);
      if (!('heldBy' in got)) return got;
      if (told !== got.holder) options.onWait?.(got);
      told = got.holder;
      await sleep(
        pause * (0.75 + Math.random() / 2),
        undefined,
        options.signal ? { signal: options.signal } : {},
      ).catch(() => options.signal?.throwIfAborted());
    }
  }

  async function sweep(remove: boolean): Promise<number> {
    let count = 0;
    for (const name of await readdir(dir).catch(() => [])) {
      const path = join(dir, name);
      const found = name.endsWith('.lock') ? await look(path) : undefined;
      if (found === undefined || !isAbandoned(found, {})) continue;
      count += 1;
      if (remove) await breakLock(basename(name, '.lock'), found, {});
    }
    return count;
  }

  return { lock, withLock, sweep };
}

/**
 * Puts the owner's record under the lock's name if nothing is there; whole at once, by a hard link, so that nobody ever
 * reads half of it. File systems without hard links get an exclusively created file.
 */
async function claim(path: string, owner: Owner, session: Session): Promise<boolean> {
  const text = JSON.stringify(owner);
  const own = await session.path();
  try {
    await writeFile(own, text);
    await link(own, path);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return false;
    if (code === 'ENOENT') {
      for (const file of [own, path]) await makeStoreFolder(dirname(file));
      return false;
    }
    // A network file system may have linked and lost the answer: two names say so.
    if ((await stat(own).catch(() => undefined))?.nlink === 2) return true;
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV'].includes(code ?? ''))
      throw explain(error, path);
    return claimByCreating(path, text);
  } finally {
    await rm(own, { force: true });
  }
}

async function claimByCreating(path: string, text: string): Promise<boolean> {
  try {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(text);
    } finally {
      await file.close();
    }
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw explain(error, path);
  }
  return (await readFile(path, 'utf8').catch(() => '')) === text;
}

async function look(path: string): Promise<Found | undefined> {
  try {
    const owner = parseOwner(await readFile(path, 'utf8'));
    const { mtimeMs, ino } = await stat(path);
    return { owner, id: owner?.nonce ?? `${ino}:${mtimeMs}`, silentMs: Date.now() - mtimeMs };
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw explain(error, path);
  }
}

function isAbandoned(found: Found, options: LockOptions): boolean {
  if (found.owner === undefined) return found.silentMs > UNREADABLE_MS;
  const life = lifeOf(found.owner, found.silentMs);
  if (life === 'elsewhere')
    return options.breakAfterMs !== undefined && found.silentMs > options.breakAfterMs;
  return life === 'dead';
}

function heldBy(found: Found, path: string): Held {
  return { heldBy: found.owner, holder: inWords(found.owner), path };
}
