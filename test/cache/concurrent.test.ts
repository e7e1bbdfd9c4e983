import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesBelow, hashOf, newStore, print, putFolder, startChild, temporaryFolder } from './support.ts';

const BYTES = 3_000_000;

describe('several processes at one store', () => {
  it.each([2, 8])(
    '%i open a new store, put the same output and commit the same record at once',
    async (count) => {
      const dir = join(await temporaryFolder(), 'new', 'store');
      const children = Array.from({ length: count }, () =>
        startChild('commit', [dir, print('task'), 's', BYTES], { pauseAt: 'put:before-rename' }),
      );
      await Promise.all(children.map((child) => child.says('put:before-rename')));
      for (const child of children) child.go();
      const outs = await Promise.all(children.map((child) => child.end()));
      const digest = hashOf('s'.repeat(BYTES));
      for (const out of outs) expect(out).toEqual({ kind: 'file', digest, bytes: BYTES });

      const store = await newStore(dir);
      const record = await store.read(print('task'));
      expect(record?.outputs).toEqual({ out: { kind: 'file', digest, bytes: BYTES } });
      expect(Object.keys(await filesBelow(join(dir, 'blobs')))).toEqual([join(digest.slice(0, 2), digest)]);
      expect(await store.verified(record?.outputs.out as never)).toBe(store.blobPath(digest));
      expect(await readdir(join(dir, 'quarantine'))).toEqual([]);
      expect((await readdir(join(dir, 'tmp'))).length).toBeLessThanOrEqual(1);
    },
  );

  it('that publish two versions of a folder to one place end with one of them, whole', async () => {
    const store = await newStore();
    const target = join(await temporaryFolder(), 'report');
    const version = (name: string) =>
      Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`${name}/${i}`, `${name} ${i}`]));
    const folders = [
      await putFolder(store, { ...version('a'), index: 'a' }),
      await putFolder(store, { ...version('b'), index: 'b' }),
    ];
    const children = [0, 1, 0, 1].map((which) =>
      startChild('materialise', [store.dir, folders[which], target]),
    );
    await Promise.all(children.map((child) => child.end()));
    const found = await filesBelow(target);
    const last = found.index as string;
    expect(found).toEqual({ ...version(last), index: last });
    expect(await store.isMaterialised(folders[last === 'a' ? 0 : 1] as never, target)).toBe(true);
  });

  it('never give two runs one id', async () => {
    const store = await newStore();
    const children = Array.from({ length: 4 }, () => startChild('run', [store.dir, []]));
    await Promise.all(children.map((child) => child.says('running')));
    expect(await store.runs.list()).toHaveLength(4);
    for await (const run of store.runs.newestFirst()) expect(run.state).toBe('running');
    for (const child of children) child.go();
    await Promise.all(children.map((child) => child.end()));
    for await (const run of store.runs.newestFirst()) expect(run.state).toBe('complete');
    expect(await readFile(join(store.dir, 'format'), 'utf8')).toBe('mis store 1\n');
  });
});
