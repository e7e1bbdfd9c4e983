import { execFileSync, spawnSync } from 'node:child_process';
import { access, chmod, chown, constants, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';
import {
  afterwards,
  filesBelow,
  hashOf,
  newStore,
  print,
  putText,
  recordOf,
  startChild,
  temporaryFolder,
} from './support.ts';

const NOBODY = 65534;

/** A small file system of its own; undefined where mounting isn't permitted. */
async function smallDisk(bytes: number): Promise<string | undefined> {
  const dir = await temporaryFolder();
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes},mode=755`, 'tmpfs', dir]).status !== 0)
    return undefined;
  afterwards(async () => spawnSync('umount', ['-l', dir]));
  return dir;
}

/** Why no process of another user can be started here; undefined when it can. */
async function whyNoOtherUser(): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'only root can start a process of another user';
  const here = fileURLToPath(new URL('.', import.meta.url));
  const seen = spawnSync(process.execPath, ['-e', `require('fs').readdirSync(${JSON.stringify(here)})`], {
    uid: NOBODY,
  });
  return seen.status === 0 ? undefined : 'the repository is not readable for another user';
}

describe('a full disk', () => {
  it('is told with the path; nothing half-written counts, and with space again it goes on', async (context) => {
    const disk = await smallDisk(4 << 20);
    if (!disk) return context.skip('mounting a small file system is not permitted');
    const store = await newStore(join(disk, 'store'));
    const small = await putText(store, 'small');
    await store.commit(recordOf(print('small'), { small }));
    await writeFile(join(disk, 'ballast'), Buffer.alloc(3 << 20));
    const outside = join(await temporaryFolder(), 'out');
    await writeFile(outside, 'x'.repeat(2 << 20));

    const error = await store.put(outside, 'file').catch((thrown) => thrown);
    expect(isUserError(error)).toBe(true);
    expect(error.message).toContain('No space is left');
    expect(error.message).toContain(store.dir);
    expect(await readFile(outside, 'utf8')).toHaveLength(2 << 20);
    expect(Object.keys(await filesBelow(join(store.dir, 'blobs')))).toHaveLength(1);
    expect(await store.read(print('small'))).toBeDefined();

    execFileSync('rm', [join(disk, 'ballast')]);
    const big = await store.put(outside, 'file');
    await store.commit(recordOf(print('big'), { big }));
    expect(await store.read(print('big'))).toBeDefined();
  });

  it('while a record is written leaves none', async (context) => {
    const disk = await smallDisk(1 << 20);
    if (!disk) return context.skip('mounting a small file system is not permitted');
    const store = await newStore(join(disk, 'store'));
    await store.workspace();
    const record = { ...recordOf(print('r')), document: 'd'.repeat(1 << 20) };
    const error = await store.commit(record).catch((thrown) => thrown);
    expect(isUserError(error)).toBe(true);
    expect(error.message).toContain(join('records', print('r').slice(0, 2)));
    expect(await store.read(print('r'))).toBeUndefined();
    expect(await filesBelow(join(store.dir, 'records'))).toEqual({});
    await store.commit(recordOf(print('r')));
    expect(await store.read(print('r'))).toBeDefined();
  });

  it('fails a run’s log with words, and a memo silently', async (context) => {
    const disk = await smallDisk(256 << 10);
    if (!disk) return context.skip('mounting a small file system is not permitted');
    const store = await openStore(join(disk, 'store'));
    const run = await store.runs.create({});
    store.memo<string>('m').set('a', 'x'.repeat(300_000));
    const log = () => {
      for (let i = 0; i < 300; i += 1) run.event({ text: 'y'.repeat(1000) });
    };
    expect(log).toThrow(/No space is left.*events\.jsonl/);
    await store.close();
  });
});

describe('a file system that is read-only', () => {
  it('is told on opening', async (context) => {
    const disk = await smallDisk(1 << 20);
    if (!disk) return context.skip('mounting a small file system is not permitted');
    const store = await openStore(join(disk, 'store'));
    await store.close();
    if (spawnSync('mount', ['-o', 'remount,ro', disk]).status !== 0)
      return context.skip('remounting is not permitted');
    for (const dir of ['store', 'another']) {
      const error = await openStore(join(disk, dir)).catch((thrown) => thrown);
      expect(isUserError(error)).toBe(true);
      expect(error.message).toMatch(/read-only/);
    }
  });
});

describe('another user', () => {
  it('is told which folder may not be written', async (context) => {
    const why = await whyNoOtherUser();
    if (why) return context.skip(why);
    const dir = await temporaryFolder();
    const store = await newStore(join(dir, 'store'));
    for (const place of [store.dir, join(dir, 'new')]) {
      const said = (await startChild('open', [place], { uid: NOBODY }).end()) as { userError: string };
      expect(said.userError).toContain(`No permission for ${place}`);
    }
  });

  it('may share a store whose folder is writable for a group, whoever makes the folders in it', async (context) => {
    const why = await whyNoOtherUser();
    if (why) return context.skip(why);
    const dir = join(await temporaryFolder(), 'store');
    await mkdir(dir);
    await chown(dir, 0, NOBODY);
    await chmod(dir, 0o2775);
    const store = await newStore(dir);
    const out = await putText(store, 's'.repeat(10));
    await store.commit(recordOf(print('mine'), { out }));

    const other = startChild('commit', [store.dir, print('theirs'), 's', 10], { uid: NOBODY });
    expect(await other.end()).toEqual(out);
    const reader = startChild('run', [store.dir, [print('mine')]], { uid: NOBODY });
    await reader.says('running');
    reader.go();
    expect(await reader.end()).toEqual([true]);
    expect(await store.read(print('theirs'))).toBeDefined();
    await store.commit(recordOf(print('theirs'), { out }));
    await store.close();
    expect(await startChild('gc', [store.dir], { uid: NOBODY }).end()).toMatchObject({
      records: 1,
      kept: { records: 1 },
    });
  });
});

describe('opening', () => {
  it('makes a store of a missing or empty folder, and opens it again', async () => {
    const dir = join(await temporaryFolder(), 'a', 'b');
    await (await openStore(dir)).close();
    await mkdir(join(dir, '..', 'empty'));
    await (await openStore(join(dir, '..', 'empty'))).close();
    expect((await openStore(dir)).dir).toBe(dir);
    await access(join(dir, 'blobs'), constants.W_OK);
  });

  it('goes on where a first opening was cut off', async () => {
    const dir = await temporaryFolder();
    await mkdir(join(dir, 'blobs'));
    await writeFile(join(dir, 'format-0123456789'), 'mis st');
    const store = await newStore(dir);
    expect((await putText(store, 'x')).digest).toBe(hashOf('x'));
  });

  it.each(['somebody’s files', 'a file', 'a newer store', 'a spoilt marker'])('refuses %s', async (what) => {
    const dir = join(await temporaryFolder(), 'store');
    if (what === 'a file') await writeFile(dir, 'x');
    else await mkdir(dir);
    if (what === 'somebody’s files') await writeFile(join(dir, 'thesis.tex'), 'x');
    if (what === 'a newer store') await writeFile(join(dir, 'format'), 'mis store 2\n');
    if (what === 'a spoilt marker') await writeFile(join(dir, 'format'), 'mis');
    const error = await openStore(dir).catch((thrown) => thrown);
    expect(isUserError(error)).toBe(true);
    expect(error.message).toContain(dir);
    if (what !== 'a file') expect(await readdir(dir)).toHaveLength(1);
  });

  it('is not repeated by a store whose folder was removed meanwhile: that is told', async () => {
    const dir = join(await temporaryFolder(), 'store');
    const [unused, used] = [await newStore(dir), await newStore(dir)];
    await used.workspace();
    await rm(dir, { recursive: true });
    const attempts = [
      () => unused.workspace(),
      () => used.workspace(),
      () => used.lock('k'),
      () => used.commit(recordOf(print('a'))),
      () => used.runs.create({}),
    ];
    for (const attempt of attempts) {
      const error = await attempt().catch((thrown) => thrown);
      expect(isUserError(error)).toBe(true);
      expect(error.message).toContain('removed or moved');
    }
    await expect(readdir(dir)).rejects.toThrow('ENOENT');
  });

  it('makes anew what is missing in a store', async () => {
    const store = await newStore();
    const out = await putText(store, 'x');
    await store.commit(recordOf(print('a'), { out }));
    await store.close();
    for (const part of await readdir(store.dir)) {
      if (part !== 'format') await rm(join(store.dir, part), { recursive: true });
    }
    const next = await newStore(store.dir);
    expect(await next.read(print('a'))).toBeUndefined();
    await next.commit(recordOf(print('a'), { out: await putText(next, 'x') }));
    await next.withLock('k', async () => undefined);
    await (await next.runs.create({})).finish({ complete: true });
    expect(await next.gc({ yes: true })).toMatchObject({ records: 1, blobs: 1 });
  });

  it('reads no more however much there is', async () => {
    const store = await newStore();
    for (let i = 0; i < 300; i += 1) await mkdir(join(store.dir, 'tmp', `old-${i}`));
    const times: number[] = [];
    for (let i = 0; i < 5; i += 1) {
      const from = performance.now();
      await newStore(store.dir);
      times.push(performance.now() - from);
    }
    expect(Math.min(...times)).toBeLessThan(50);
  });
});
