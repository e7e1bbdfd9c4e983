import { mkdir, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CorruptBlob } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';
import { filesBelow, hashOf, newStore, putFolder, putText, temporaryFolder, writeFiles } from './support.ts';

const FILES = {
  'index.html': '<p>',
  'tables/units.csv': 'a,b',
  'images/1.png': 'one',
  'images/2.png': 'two',
};

async function newTarget(): Promise<string> {
  return join(await temporaryFolder(), 'report');
}

describe('a folder artifact', () => {
  it('is named by its manifest, whatever the order in which its files were written', async () => {
    const store = await newStore();
    const artifact = await putFolder(store, { b: '22', 'a/c': '1' });
    const manifest = `{"a/c":{"bytes":1,"digest":"${hashOf('1')}"},"b":{"bytes":2,"digest":"${hashOf('22')}"}}`;
    expect(artifact).toEqual({ kind: 'folder', digest: hashOf(manifest), bytes: 3 });
    expect(await putFolder(store, { 'a/c': '1', b: '22' })).toEqual(artifact);
    expect(await store.manifest(artifact)).toEqual(JSON.parse(manifest));
    expect(await store.verified(artifact)).toBe(store.blobPath(artifact.digest));
  });

  it('may be empty, and may hold any names', async () => {
    const store = await newStore();
    expect(await store.manifest(await putFolder(store, {}))).toEqual({});
    const names = { __proto__x: '1', 'ä ö/ü': '2', constructor: '3', ['__proto__']: '4' };
    const target = await newTarget();
    await store.materialise(await putFolder(store, names), target);
    expect(Object.keys(await filesBelow(target)).sort()).toEqual([
      '__proto__',
      '__proto__x',
      'constructor',
      'ä ö/ü',
    ]);
  });

  it('with a spoilt file is corrupt', async () => {
    const store = await newStore();
    const artifact = await putFolder(store, FILES);
    const path = store.blobPath(hashOf('one'));
    await rm(path);
    await writeFile(path, 'eno');
    await expect(store.verified(artifact)).rejects.toThrow(CorruptBlob);
    await expect(store.materialise(artifact, await newTarget())).rejects.toThrow(CorruptBlob);
  });
});

describe('materialise', () => {
  it('writes what changed, keeps the rest, removes what is gone, leaves foreign files', async () => {
    const store = await newStore();
    const target = await newTarget();
    const first = await putFolder(store, FILES);
    expect(await store.isMaterialised(first, target)).toBe(false);
    expect(await store.materialise(first, target)).toEqual({ written: 4, kept: 0, removed: 0 });
    expect(await filesBelow(target)).toEqual(FILES);
    expect(await store.isMaterialised(first, target)).toBe(true);
    expect((await stat(join(target, 'index.html'))).mode & 0o777).toBe(0o644);

    await writeFiles(target, { 'images/mine.png': 'mine', 'notes.txt': 'notes' });
    const { ino } = await stat(join(target, 'tables/units.csv'));
    const second = await putFolder(store, {
      'index.html': '<b>',
      'tables/units.csv': 'a,b',
      'figures/f.svg': 'f',
    });
    expect(await store.isMaterialised(second, target)).toBe(false);
    expect(await store.materialise(second, target)).toEqual({ written: 2, kept: 1, removed: 2 });
    expect(await filesBelow(target)).toEqual({
      'index.html': '<b>',
      'tables/units.csv': 'a,b',
      'figures/f.svg': 'f',
      'images/mine.png': 'mine',
      'notes.txt': 'notes',
    });
    expect((await stat(join(target, 'tables/units.csv'))).ino).toBe(ino);
    expect(await store.isMaterialised(second, target)).toBe(true);
    expect(await store.materialise(second, target)).toEqual({ written: 0, kept: 3, removed: 0 });
  });

  it('removes folders that it leaves empty', async () => {
    const store = await newStore();
    const target = await newTarget();
    await store.materialise(await putFolder(store, { 'a/b/c': '1', d: '2' }), target);
    await store.materialise(await putFolder(store, { d: '2' }), target);
    expect(await readdir(target)).toEqual(['.mis-manifest.json', 'd']);
  });

  it('lets a file become a folder and back', async () => {
    const store = await newStore();
    const target = await newTarget();
    for (const files of [{ a: '1' }, { 'a/b': '2' }, { a: '1' }]) {
      await store.materialise(await putFolder(store, files), target);
      expect(await filesBelow(target)).toEqual(files);
    }
  });

  it('writes again what somebody changed, touched or deleted', async () => {
    const store = await newStore();
    const target = await newTarget();
    const artifact = await putFolder(store, FILES);
    await store.materialise(artifact, target);
    await writeFile(join(target, 'index.html'), 'mine');
    await rm(join(target, 'images/1.png'));
    await utimes(join(target, 'images/2.png'), 1, 1);
    expect(await store.isMaterialised(artifact, target)).toBe(false);
    expect(await store.materialise(artifact, target)).toEqual({ written: 3, kept: 1, removed: 0 });
    expect(await filesBelow(target)).toEqual(FILES);
  });

  it('keeps a file that it would remove if somebody has changed it', async () => {
    const store = await newStore();
    const target = await newTarget();
    await store.materialise(await putFolder(store, FILES), target);
    await writeFile(join(target, 'index.html'), 'my own words');
    await store.materialise(await putFolder(store, { x: '1' }), target);
    expect(await filesBelow(target)).toEqual({ 'index.html': 'my own words', x: '1' });
  });

  it('never writes over foreign files, and says which is in the way', async () => {
    const store = await newStore();
    const artifact = await putFolder(store, FILES);
    const cases = [{ 'index.html': 'theirs' }, { tables: 'a file' }, { 'index.html/x': 'a folder' }];
    for (const theirs of cases) {
      const target = await newTarget();
      await writeFiles(target, theirs);
      const error = await store.materialise(artifact, target).catch((thrown) => thrown);
      expect(isUserError(error)).toBe(true);
      expect(error.message).toContain(`${join(target, Object.keys(theirs)[0]?.split('/')[0] as string)}`);
      expect(error.message).toContain('in the way');
      expect(await filesBelow(target)).toMatchObject(theirs);
      expect(await store.isMaterialised(artifact, target)).toBe(false);
    }
    const file = join(await temporaryFolder(), 'report');
    await writeFile(file, 'a file');
    await expect(store.materialise(artifact, file)).rejects.toThrow('in the way');
  });

  it('takes a foreign file with the very same bytes as it is', async () => {
    const store = await newStore();
    const target = await newTarget();
    await writeFiles(target, { 'index.html': '<p>' });
    const artifact = await putFolder(store, FILES);
    expect(await store.materialise(artifact, target)).toEqual({ written: 3, kept: 1, removed: 0 });
    expect(await store.isMaterialised(artifact, target)).toBe(true);
  });

  it('starts anew from a spoilt manifest without losing anything', async () => {
    const store = await newStore();
    const target = await newTarget();
    const artifact = await putFolder(store, FILES);
    await store.materialise(artifact, target);
    for (const text of ['', '{', 'null', '[]', '{"format":2}']) {
      await writeFile(join(target, '.mis-manifest.json'), text);
      expect(await store.isMaterialised(artifact, target)).toBe(false);
      expect(await store.materialise(artifact, target)).toEqual({ written: 0, kept: 4, removed: 0 });
    }
  });

  it('takes folders only', async () => {
    const store = await newStore();
    await expect(store.materialise(await putText(store, 'x'), await newTarget())).rejects.toThrow(
      'not a folder',
    );
    await mkdir(join(store.dir, 'x'));
    expect(await readFile(join(store.dir, '.gitignore'), 'utf8')).toBe('*\n');
  });
});
