import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { uptime } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lifeOf, thisProcess } from '../../cache/owner.ts';
import type { Held, Lock, Owner, Store } from '../../cache/store.ts';
import { afterwards, newStore, startChild, temporaryFolder } from './support.ts';

function got(result: Lock | Held): Lock {
  if ('heldBy' in result) throw new Error(`held by ${result.holder}`);
  return result;
}

async function leaveLock(store: Store, key: string, owner: Partial<Owner> | string): Promise<string> {
  const path = join(store.dir, 'locks', `${key}.lock`);
  await writeFile(path, typeof owner === 'string' ? owner : JSON.stringify({ ...thisProcess(), ...owner }));
  return path;
}

/** The number of a process that has ended and that nobody has used again. */
async function deadPid(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid as number;
}

async function until(isSo: () => Promise<boolean>): Promise<void> {
  while (!(await isSo())) await new Promise((resolve) => setTimeout(resolve, 5));
}

describe('a lock', () => {
  it('is held once, says by whom, and can be taken after its release', async () => {
    const store = await newStore();
    const lock = got(await store.lock('k'));
    const held = await store.lock('k');
    expect(held).toMatchObject({ heldBy: { pid: process.pid } });
    expect((held as Held).holder).toContain(`process ${process.pid} on `);
    await lock.release();
    await lock.release();
    const again = got(await store.lock('k'));
    await lock.release();
    expect('heldBy' in (await store.lock('k'))).toBe(true);
    await again.release();
    expect(await readdir(join(store.dir, 'locks'))).toEqual([]);
  });

  it('may have any key', async () => {
    const store = await newStore();
    for (const key of ['a/../b', 'ü'.repeat(300), '']) {
      const lock = got(await store.lock(key));
      expect('heldBy' in (await store.lock(key))).toBe(true);
      await lock.release();
    }
  });

  it('of another living process is waited for, and told once', async () => {
    const store = await newStore();
    const child = startChild('hold', [store.dir, 'k']);
    await child.says('held');
    const told: string[] = [];
    const waiting = store.withLock('k', async () => 'mine', { onWait: (held) => told.push(held.holder) });
    await until(async () => told.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(told).toHaveLength(1);
    expect(told[0]).toContain(`process ${child.pid} on `);
    child.go();
    expect(await child.end()).toEqual({ had: true });
    expect(await waiting).toBe('mine');
  });

  it('of a killed process is taken over', async () => {
    const store = await newStore();
    const child = startChild('hold', [store.dir, 'k']);
    await child.says('held');
    expect('heldBy' in (await store.lock('k'))).toBe(true);
    await child.kill();
    await got(await store.lock('k')).release();
    expect(await readdir(join(store.dir, 'locks'))).toEqual([]);
  });

  it('of a process whose number was used again is taken over', async () => {
    const store = await newStore();
    await leaveLock(store, 'k', { pid: process.pid, started: '1' });
    got(await store.lock('k'));
    await leaveLock(store, 'alive', { pid: process.pid });
    expect('heldBy' in (await store.lock('alive'))).toBe(true);
  });

  it('of a zombie is taken over', async () => {
    const store = await newStore();
    const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60']);
    afterwards(async () => parent.kill('SIGKILL'));
    const [text] = await once(parent.stdout, 'data');
    const pid = Number(text);
    // `sleep` never asks after its children: once the shell has become one, a killed child stays as a zombie.
    await until(async () => (await readFile(`/proc/${parent.pid}/comm`, 'utf8')) === 'sleep\n');
    process.kill(pid, 'SIGKILL');
    await until(async () => (await readFile(`/proc/${pid}/status`, 'utf8')).includes('zombie'));
    expect(process.kill(pid, 0)).toBe(true);
    const started = (await readFile(`/proc/${pid}/stat`, 'utf8')).split(') ')[1]?.split(' ')[19] as string;
    await leaveLock(store, 'k', { pid, started });
    got(await store.lock('k'));
  });

  it('of another host is held, unless one asks for it by its silence', async () => {
    const store = await newStore();
    const path = await leaveLock(store, 'k', { host: 'elsewhere', pid: await deadPid() });
    const held = await store.lock('k', { breakAfterMs: 60_000 });
    expect(held).toMatchObject({ heldBy: { host: 'elsewhere' }, path });
    const old = new Date(Date.now() - 120_000);
    await utimes(path, old, old);
    expect('heldBy' in (await store.lock('k'))).toBe(true);
    got(await store.lock('k', { breakAfterMs: 60_000 }));
  });

  it('whose record is cut is held for a minute, then taken over', async () => {
    const store = await newStore();
    for (const text of ['', '{"host":"x', '{}', 'null']) {
      const path = await leaveLock(store, 'k', text);
      expect(await store.lock('k')).toMatchObject({ heldBy: undefined });
      const old = new Date(Date.now() - 61_000);
      await utimes(path, old, old);
      await got(await store.lock('k')).release();
    }
  });

  it('ends its waiting when the signal says so', async () => {
    const store = await newStore();
    const lock = got(await store.lock('k'));
    const control = new AbortController();
    const waiting = store.withLock('k', async () => 'never', { signal: control.signal });
    setTimeout(() => control.abort(new Error('interrupted')), 80);
    await expect(waiting).rejects.toThrow('interrupted');
    await lock.release();
  });

  it('is released when the work fails', async () => {
    const store = await newStore();
    const work = async () => {
      throw new Error('bug');
    };
    await expect(store.withLock('k', work)).rejects.toThrow('bug');
    got(await store.lock('k'));
  });
});

describe('breaking a dead lock', () => {
  it('is done by one: who comes second while the first is at it waits', async () => {
    const store = await newStore();
    await leaveLock(store, 'k', { pid: await deadPid() });
    const first = startChild('hold', [store.dir, 'k'], { pauseAt: 'lock:breaking' });
    await first.says('lock:breaking');
    expect(await store.lock('k')).toMatchObject({ heldBy: { pid: first.pid } });
    first.go();
    await first.says('held');
    expect(await store.lock('k')).toMatchObject({ heldBy: { pid: first.pid } });
    first.go();
    expect(await first.end()).toEqual({ had: true });
  });

  it('is not done twice: who found it dead looks again, and leaves the next owner alone', async () => {
    const store = await newStore();
    await leaveLock(store, 'k', { pid: await deadPid() });
    const late = startChild('hold', [store.dir, 'k'], { pauseAt: 'lock:dead' });
    await late.says('lock:dead');
    const mine = got(await store.lock('k'));
    const path = join(store.dir, 'locks', 'k.lock');
    const { ctimeNs } = await stat(path, { bigint: true });
    late.go();
    expect(await late.end()).toMatchObject({ holder: expect.stringContaining(`process ${process.pid} `) });
    expect((await stat(path, { bigint: true })).ctimeNs).toBe(ctimeNs);
    await mine.release();
  });

  it('goes on when the breaker is killed at it', async () => {
    const store = await newStore();
    await leaveLock(store, 'k', { pid: await deadPid() });
    const first = startChild('hold', [store.dir, 'k'], { pauseAt: 'lock:breaking' });
    await first.says('lock:breaking');
    await first.kill();
    await got(await store.lock('k')).release();
    expect(await readdir(join(store.dir, 'locks'))).toEqual([]);
  });

  it.each([2, 8])('%i processes that find it at once: never two inside', async (processes) => {
    const dir = await temporaryFolder();
    const store = await newStore();
    await leaveLock(store, 'k', { pid: await deadPid() });
    const [file, trace] = [join(dir, 'number'), join(dir, 'trace')];
    await writeFile(file, '0');
    const times = processes === 2 ? 20 : 5;
    const children = Array.from({ length: processes }, () =>
      startChild('count', [store.dir, 'k', file, trace, times]),
    );
    await Promise.all(children.map((child) => child.end()));
    expect(Number(await readFile(file, 'utf8'))).toBe(processes * times);
    const lines = (await readFile(trace, 'utf8')).trim().split('\n');
    expect(lines).toHaveLength(2 * processes * times);
    for (let i = 0; i < lines.length; i += 2) {
      expect(lines[i + 1]).toBe(lines[i]?.replace('in', 'out'));
    }
    expect(await readdir(join(store.dir, 'locks'))).toEqual([]);
  });
});

describe('an owner', () => {
  it('is told apart by host, boot, namespace and start', async () => {
    const me = thisProcess();
    expect(lifeOf(me, 0)).toBe('alive');
    expect(lifeOf({ ...me, pid: await deadPid() }, 0)).toBe('dead');
    expect(lifeOf({ ...me, host: 'other' }, 1e12)).toBe('elsewhere');
    expect(lifeOf({ ...me, namespace: 'pid:[1]', pid: await deadPid() }, 1e12)).toBe('elsewhere');
    expect(lifeOf({ ...me, started: '5' }, 0)).toBe('dead');
  });

  it('from before a reboot is dead; one on another machine of the same name, which shows life, is not', () => {
    const before = { ...thisProcess(), boot: 'earlier' };
    expect(lifeOf(before, uptime() * 1000 + 120_001)).toBe('dead');
    expect(lifeOf(before, 30_000)).toBe('elsewhere');
    expect(lifeOf(before, uptime() * 1000 - 1000)).toBe('elsewhere');
  });
});
