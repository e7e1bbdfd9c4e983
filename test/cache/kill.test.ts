import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
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

const FP = print('task');
const TEXT = 'k'.repeat(200_000);

describe('a process killed with -9 while it stores an output', () => {
  const points = [
    'written',
    'put:hashed',
    'put:before-rename',
    'put:renamed',
    'commit:before',
    'commit:after',
  ];
  it.each(points)('at %s leaves nothing half counted, and the next one goes on', async (pauseAt) => {
    const dir = join(await temporaryFolder(), 'store');
    const child = startChild('commit', [dir, FP, 'k', TEXT.length], { pauseAt });
    await child.says(pauseAt);
    await child.kill();

    const store = await newStore(dir);
    const record = await store.read(FP);
    expect(record !== undefined).toBe(pauseAt === 'commit:after');
    const blobs = Object.entries(await filesBelow(join(dir, 'blobs')));
    for (const [path, text] of blobs) expect(path.slice(3)).toBe(hashOf(text));
    expect(blobs).toHaveLength(['put:renamed', 'commit:before', 'commit:after'].includes(pauseAt) ? 1 : 0);

    const out = await putText(store, TEXT);
    await store.commit(recordOf(FP, { out }));
    expect((await store.read(FP))?.outputs).toEqual({ out });
    expect(await readFile(await store.verified(out), 'utf8')).toBe(TEXT);
    expect((await readdir(join(dir, 'tmp'))).filter((name) => name.includes(`-${child.pid}-`))).toEqual([]);
  });
});

describe('a process killed with -9 while it publishes a folder', () => {
  it('leaves whole files only, all known as ours, and the next one finishes', async () => {
    const store = await newStore();
    const target = join(await temporaryFolder(), 'report');
    const files = Object.fromEntries(
      Array.from({ length: 5 }, (_, i) => [`images/${i}.png`, `picture ${i}`]),
    );
    const first = await putFolder(store, { ...files, 'index.html': 'first', old: 'old' });
    const second = await putFolder(store, { ...files, 'index.html': 'second', 'tables/t.csv': '1,2' });
    await store.materialise(first, target);

    const child = startChild('materialise', [store.dir, second, target], { pauseAt: 'materialise:file' });
    await child.says('materialise:file');
    await child.kill();
    expect(await store.isMaterialised(first, target)).toBe(false);
    expect(await store.isMaterialised(second, target)).toBe(false);

    expect(await store.materialise(second, target)).toMatchObject({ written: 2, kept: 5 });
    expect(await filesBelow(target)).toEqual({ ...files, 'index.html': 'second', 'tables/t.csv': '1,2' });
    expect(await store.isMaterialised(second, target)).toBe(true);
  });

  it('the first time, too: its files are not taken for somebody else’s', async () => {
    const store = await newStore();
    const target = join(await temporaryFolder(), 'report');
    const first = await putFolder(store, { a: 'one' });
    const child = startChild('materialise', [store.dir, first, target], { pauseAt: 'materialise:written' });
    await child.says('materialise:written');
    await child.kill();
    expect(await filesBelow(target)).toEqual({ a: 'one' });
    const second = await putFolder(store, { a: 'two' });
    await store.materialise(second, target);
    expect(await filesBelow(target)).toEqual({ a: 'two' });
  });
});

describe('a process killed with -9 while it cleans', () => {
  it.each(['gc:records-moved', 'gc:blobs-moved'])(
    'at %s has harmed nothing that is kept',
    async (pauseAt) => {
      const store = await newStore();
      const [kept, old] = [await putText(store, 'kept'), await putText(store, 'old')];
      await store.commit(recordOf(print('kept'), { kept }));
      await store.commit(recordOf(print('old'), { old }));
      const run = await store.runs.create({});
      run.recordFingerprints([print('kept')]);
      await run.finish({ complete: true });
      await store.close();

      const child = startChild('gc', [store.dir], { pauseAt });
      await child.says(pauseAt);
      await child.kill();
      const next = await newStore(store.dir);
      expect(await next.read(print('kept'))).toBeDefined();
      expect(await next.read(print('old'))).toBeUndefined();
      await next.close();
      const last = await newStore(store.dir);
      expect(await last.gc({ yes: true })).toMatchObject({
        records: 0,
        tmp: 1,
        kept: { records: 1, blobs: 1 },
      });
      expect(await last.read(print('kept'))).toBeDefined();
      expect(await readFile(await last.verified(kept), 'utf8')).toBe('kept');
    },
  );
});
