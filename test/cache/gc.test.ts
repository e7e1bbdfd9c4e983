import { mkdir, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { thisProcess } from '../../cache/owner.ts';
import { type GcResult, openStore, type Store } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';
import {
  filesBelow,
  hashOf,
  newStore,
  print,
  putFolder,
  putText,
  recordOf,
  startChild,
  temporaryFolder,
} from './support.ts';

/** A store in which each name has a record with one blob of that text; nobody is at work on it. */
async function storeWith(...names: string[]): Promise<string> {
  const dir = join(await temporaryFolder(), 'store');
  const store = await openStore(dir);
  for (const name of names) {
    await store.commit(recordOf(print(name), { out: await putText(store, name) }));
  }
  await store.close();
  return dir;
}

async function finishedRun(store: Store, names: string[], complete = true, group = ''): Promise<string> {
  const run = await store.runs.create({}, { group });
  run.recordFingerprints(names.map(print));
  await run.finish({ complete });
  return run.id;
}

/** Which of the names still have their record and blob, seen by a process that comes later. */
async function left(dir: string, ...names: string[]): Promise<string> {
  const store = await openStore(dir);
  const found: string[] = [];
  for (const name of names) if (await store.read(print(name))) found.push(name);
  await store.close();
  return found.join(' ');
}

async function clean(dir: string, keepRuns?: number): Promise<GcResult> {
  const store = await openStore(dir);
  const options = keepRuns === undefined ? {} : { keepRuns };
  const planned = await store.gc(options);
  const done = await store.gc({ ...options, yes: true });
  await store.close();
  expect(done).toEqual(planned);
  return done;
}

describe('gc', () => {
  it('without yes removes nothing, and says what it would free', async () => {
    const dir = await storeWith('a', 'bb');
    const store = await newStore(dir);
    await finishedRun(store, ['a']);
    const before = await filesBelow(dir);
    const result = await store.gc();
    expect(result).toMatchObject({
      records: 1,
      blobs: 1,
      kept: { records: 1, blobs: 1 },
      blockedBy: [],
    });
    const keptRecord = join(dir, 'records', print('a').slice(0, 2), `${print('a')}.json`);
    expect(result.kept.bytes).toBe((await readFile(keptRecord)).length + 1);
    const record = join(dir, 'records', print('bb').slice(0, 2), `${print('bb')}.json`);
    expect(result.bytes).toBe((await readFile(record)).length + 2);
    expect(await filesBelow(dir)).toMatchObject(before);
  });

  it('keeps the last complete run of each group and every newer one', async () => {
    const dir = await storeWith('a', 'b', 'c', 'd', 'e');
    const store = await newStore(dir);
    await finishedRun(store, ['a', 'b'], true, 'one');
    await finishedRun(store, ['c'], true, 'two');
    await finishedRun(store, ['b', 'd'], true, 'one');
    await finishedRun(store, ['e'], false, 'one');
    await clean(dir);
    expect(await left(dir, 'a', 'b', 'c', 'd', 'e')).toBe('b c d e');
    await finishedRun(store, ['d'], true, 'one');
    expect(await clean(dir, 2)).toMatchObject({ records: 0 });
    expect(await clean(dir)).toMatchObject({ records: 2, blobs: 2 });
    expect(await left(dir, 'a', 'b', 'c', 'd', 'e')).toBe('c d');
    await clean(dir, 0);
    expect(await left(dir, 'a', 'b', 'c', 'd', 'e')).toBe('');
    expect(await filesBelow(join(dir, 'blobs'))).toEqual({});
  });

  it('keeps blobs that a kept record shares with one that goes, and files of kept folders', async () => {
    const dir = await storeWith('shared', 'other');
    const store = await openStore(dir);
    const folder = await putFolder(store, { x: 'shared', y: 'in the folder' });
    await store.commit(recordOf(print('folder'), { folder }));
    await finishedRun(store, ['folder']);
    await store.close();
    expect(await clean(dir)).toMatchObject({ records: 2, blobs: 1, kept: { records: 1, blobs: 3 } });
    const later = await newStore(dir);
    expect(await later.read(print('folder'))).toBeDefined();
    await later.verified(folder);
  });

  it('keeps pinned runs', async () => {
    const dir = await storeWith('a', 'b');
    const store = await newStore(dir);
    await store.pin(await finishedRun(store, ['a']), 'paper');
    await finishedRun(store, ['b']);
    expect(await clean(dir)).toMatchObject({ records: 0 });
    await store.unpin('paper');
    expect(await clean(dir)).toMatchObject({ records: 1 });
    expect(await left(dir, 'a', 'b')).toBe('b');
  });

  it('frees what killed processes left in tmp, dead locks and the quarantine', async () => {
    const dir = await storeWith('a');
    const child = startChild('put', [dir, 'x', 50_000], { pauseAt: 'put:before-rename' });
    await child.says('put:before-rename');
    await child.kill();
    await writeFile(join(dir, 'quarantine', 'bad'), 'x'.repeat(1000));
    await writeFile(join(dir, 'locks', 'k.lock'), JSON.stringify({ ...thisProcess(), started: '1' }));
    const result = await clean(dir, 0);
    expect(result).toMatchObject({ tmp: 1, quarantined: 1, locks: 1, records: 1, blobs: 1 });
    expect(result.bytes).toBeGreaterThan(51_000);
    for (const part of ['tmp', 'quarantine', 'locks']) expect(await readdir(join(dir, part))).toEqual([]);
  });

  it('runs once at a time', async () => {
    const dir = await storeWith('a');
    const child = startChild('gc', [dir], { pauseAt: 'gc:records-moved' });
    await child.says('gc:records-moved');
    const error = await (await newStore(dir)).gc().catch((thrown) => thrown);
    expect(isUserError(error)).toBe(true);
    expect(error.message).toContain(`process ${child.pid}`);
  });
});

describe('gc beside other processes', () => {
  it('keeps what a running run names or has read or put, until it ends', async () => {
    const dir = await storeWith('named', 'read', 'loose');
    const store = await openStore(dir);
    const run = await store.runs.create({});
    run.recordFingerprints([print('named')]);
    await store.read(print('read'));
    await putText(store, 'not yet committed');
    expect(await clean(dir, 0)).toMatchObject({ records: 1, blobs: 1 });
    expect(await readFile(store.blobPath(hashOf('not yet committed')), 'utf8')).toBe('not yet committed');
    expect(await store.read(print('named'))).toBeDefined();
    await store.close();
    expect(await clean(dir, 0)).toMatchObject({ records: 2, blobs: 3 });
  });

  it('keeps what the run of a living process uses, and frees it after kill -9', async () => {
    const dir = await storeWith('used', 'loose');
    const child = startChild('run', [dir, [print('used')]]);
    await child.says('running');
    expect(await clean(dir, 0)).toMatchObject({ records: 1, tmp: 0 });
    await child.kill();
    expect(await clean(dir, 0)).toMatchObject({ records: 1, tmp: 1 });
    expect(await left(dir, 'used')).toBe('');
  });

  it('puts back a record that somebody looked for between its two looks: they wait, and have it', async () => {
    const dir = await storeWith('wanted', 'loose');
    const store = await openStore(dir);
    const child = startChild('gc', [dir], { pauseAt: 'gc:records-moved' });
    await child.says('gc:records-moved');
    const reading = store.read(print('wanted'));
    await new Promise((resolve) => setTimeout(resolve, 100));
    child.go();
    expect((await reading)?.fingerprint).toBe(print('wanted'));
    expect(await child.end()).toMatchObject({ records: 1, blobs: 1 });
    await store.close();
  });

  it.each(['gc:records-moved', 'gc:blobs-moved'])(
    'keeps a blob that somebody puts anew and commits while it is at %s, even if they are gone by then',
    async (pauseAt) => {
      const dir = await storeWith('text');
      const child = startChild('gc', [dir], { pauseAt });
      await child.says(pauseAt);
      const store = await openStore(dir);
      await store.commit(recordOf(print('new'), { out: await putText(store, 'text') }));
      await store.close();
      child.go();
      await child.end();
      expect(await left(dir, 'new', 'text')).toBe('new');
    },
  );

  it('keeps what a run that began and ended meanwhile has used', async () => {
    const dir = await storeWith('a', 'b');
    const child = startChild('gc', [dir], { pauseAt: 'gc:records-moved' });
    await child.says('gc:records-moved');
    const store = await openStore(dir);
    await finishedRun(store, ['b']);
    await store.close();
    child.go();
    await child.end();
    expect(await left(dir, 'a', 'b')).toBe('b');
  });

  it('leaves records and blobs alone while another host is at work, and says who', async () => {
    const dir = await storeWith('a');
    const owner = { ...thisProcess(), host: 'node7', pid: 99 };
    const folder = join(dir, 'tmp', 'node7-99-abc');
    await mkdir(folder);
    await writeFile(join(folder, 'owner.json'), JSON.stringify(owner));
    const result = await clean(dir, 0);
    expect(result).toMatchObject({ records: 0, blobs: 0, tmp: 0 });
    expect(result.blockedBy[0]).toContain('process 99 on node7');
    const old = new Date(Date.now() - 3_700_000);
    await utimes(join(folder, 'owner.json'), old, old);
    expect(await clean(dir, 0)).toMatchObject({ records: 1, blobs: 1, tmp: 1, blockedBy: [] });
    await rm(folder, { recursive: true, force: true });
  });
});
