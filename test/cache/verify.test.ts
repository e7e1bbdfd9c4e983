import { chmod, mkdir, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openStore, type Store } from '../../cache/store.ts';
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

/** A store with a file result, a folder result, a list result, and a blob that nothing names; opened anew. */
async function filled() {
  const dir = join(await temporaryFolder(), 'store');
  const store = await openStore(dir);
  const out = await putText(store, 'x'.repeat(1_500_000));
  const folder = await putFolder(store, { 'index.html': 'page', 'a/b': 'inside' });
  const element = await putText(store, 'element');
  const loose = await putText(store, 'loose');
  await store.commit(recordOf(print('file'), { out }));
  await store.commit(recordOf(print('folder'), { report: folder }));
  await store.commit({ ...recordOf(print('list')), lists: { shards: { s0: { images: element } } } });
  await store.close();
  return { dir, out, folder, element, loose };
}

const recordPath = (dir: string, name: string): string =>
  join(dir, 'records', print(name).slice(0, 2), `${print(name)}.json`);

async function flipIn(path: string): Promise<void> {
  await chmod(path, 0o644);
  const file = await open(path, 'r+');
  const { size } = await file.stat();
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, size - 1);
  byte[0]! ^= 4;
  await file.write(byte, 0, 1, size - 1);
  await file.close();
}

const told = async (store: Store) =>
  (await store.verify()).problems.map(({ kind, places, setAside }) => [
    kind,
    places.map(({ stage, vars, output }) => `${stage} ${vars.model} ${output}`),
    setAside,
  ]);

describe('verify', () => {
  it('finds a whole store good, changes nothing, and counts every byte', async () => {
    const { dir } = await filled();
    const store = await newStore(dir);
    const before = await filesBelow(join(dir, 'blobs'));
    const seen: [number, number][] = [];
    const result = await store.verify({ onProgress: (done, total) => seen.push([done, total]) });
    const bytes = Object.values(before).reduce((sum, text) => sum + text.length, 0);
    expect(result).toMatchObject({ blobs: 6, bytes, records: 3, foreign: 0, problems: [] });
    expect(seen.at(-1)).toEqual([bytes, bytes]);
    expect(await filesBelow(join(dir, 'blobs'))).toEqual(before);
    expect(await readdir(join(dir, 'quarantine'))).toEqual([]);
  });

  it('finds nothing in an empty store', async () => {
    expect(await (await newStore()).verify()).toMatchObject({ blobs: 0, records: 0, problems: [] });
  });

  it('names each bad blob by what it belonged to, sets it aside, and then it is a miss', async () => {
    const { dir, out, element, loose } = await filled();
    const store = await newStore(dir);
    await flipIn(store.blobPath(out.digest));
    await chmod(store.blobPath(element.digest), 0o644);
    await truncate(store.blobPath(element.digest), 3);
    await flipIn(store.blobPath(loose.digest));
    await flipIn(store.blobPath(hashOf('inside')));
    const found = await told(store);
    expect(found).toHaveLength(4);
    expect(found).toContainEqual(['corrupt', ['score-mis resnet out'], true]);
    expect(found).toContainEqual(['corrupt', ['score-mis resnet shards.images[s0]'], true]);
    expect(found).toContainEqual(['corrupt', ['score-mis resnet report/a/b'], true]);
    expect(found).toContainEqual(['corrupt', [], true]);
    expect(await readdir(join(dir, 'quarantine'))).toHaveLength(4);
    for (const name of ['file', 'folder', 'list']) expect(await store.read(print(name))).toBeUndefined();
    expect((await told(store)).map(([kind]) => kind)).toEqual(['missing', 'missing', 'missing']);
    await putText(store, 'x'.repeat(1_500_000));
    expect((await store.read(print('file')))?.outputs).toEqual({ out });
  });

  it('finds blobs that are gone, a manifest spoilt, a folder in the place of a blob', async () => {
    const { dir, out, folder, element } = await filled();
    const store = await newStore(dir);
    await rm(store.blobPath(out.digest));
    await flipIn(store.blobPath(folder.digest));
    await rm(store.blobPath(element.digest));
    await mkdir(store.blobPath(element.digest));
    const found = await told(store);
    expect(found).toHaveLength(3);
    expect(found).toContainEqual(['missing', ['score-mis resnet out'], false]);
    expect(found).toContainEqual(['corrupt', ['score-mis resnet report'], true]);
    expect(found).toContainEqual(['corrupt', ['score-mis resnet shards.images[s0]'], true]);
  });

  it('sets damaged records aside, and leaves those of other versions unjudged', async () => {
    const { dir } = await filled();
    const store = await newStore(dir);
    await flipIn(recordPath(dir, 'file'));
    await truncate(recordPath(dir, 'folder'), 40);
    const text = await readFile(recordPath(dir, 'list'), 'utf8');
    await writeFile(recordPath(dir, 'list'), text.replace('{"format":1', '{"format":7'));
    const { problems, foreign } = await store.verify();
    expect(problems.map(({ kind, name }) => [kind, name]).sort()).toEqual(
      [print('file'), print('folder')].sort().map((name) => ['record', name]),
    );
    expect(foreign).toBe(1);
    expect(await readdir(join(dir, 'quarantine'))).toHaveLength(2);
    expect(await store.verify()).toMatchObject({ records: 1, foreign: 1, problems: [] });
  });

  it('killed with -9 as it finds a bad blob leaves that to the next one', async () => {
    const { dir, out } = await filled();
    await flipIn(join(dir, 'blobs', out.digest.slice(0, 2), out.digest));
    const child = startChild('verify', [dir], { pauseAt: 'verify:bad' });
    await child.says('verify:bad');
    await child.kill();
    const store = await newStore(dir);
    expect(await told(store)).toEqual([['corrupt', ['score-mis resnet out'], true]]);
  });

  it('leaves a good blob alone that took the place of a bad one meanwhile', async () => {
    const { dir, out } = await filled();
    const path = join(dir, 'blobs', out.digest.slice(0, 2), out.digest);
    await flipIn(path);
    const child = startChild('verify', [dir], { pauseAt: 'verify:bad' });
    await child.says('verify:bad');
    const store = await newStore(dir);
    await putText(store, 'x'.repeat(1_500_000));
    child.go();
    await child.end();
    expect(await store.verified(out)).toBe(path);
    expect(await store.read(print('file'))).toBeDefined();
  });

  it('beside a gc finds nothing wrong', async () => {
    const { dir } = await filled();
    const cleaning = startChild('gc', [dir], { pauseAt: 'gc:blobs-moved' });
    await cleaning.says('gc:blobs-moved');
    const store = await newStore(dir);
    const verifying = store.verify();
    await sleep(300);
    cleaning.go();
    expect((await verifying).problems).toEqual([]);
    await cleaning.end();
  });
});
