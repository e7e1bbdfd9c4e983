import { readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hashOf, newStore, print, putFolder, putText, recordOf } from './support.ts';

const FP = print('task');

function fileOf(store: { dir: string }, fingerprint = FP): string {
  return join(store.dir, 'records', fingerprint.slice(0, 2), `${fingerprint}.json`);
}

describe('records', () => {
  it('come back as they were committed', async () => {
    const store = await newStore();
    const a = await putText(store, 'a');
    const b = await putFolder(store, { 'x/y': '1', z: '2' });
    const record = {
      ...recordOf(FP, { a, b }),
      details: { shards: [1, 2] },
      lists: { shards: { '00': { images: a }, '01': { images: b } } },
    };
    await store.commit(record);
    expect(await store.read(FP)).toEqual({ ...record, format: 1 });
    expect(await (await newStore(store.dir)).read(FP)).toEqual({ ...record, format: 1 });
  });

  it('are plain JSON whose checksum another program can check', async () => {
    const store = await newStore();
    await store.commit(recordOf(FP));
    const text = await readFile(fileOf(store), 'utf8');
    const { checksum, record } = JSON.parse(text);
    expect(record.fingerprint).toBe(FP);
    expect(checksum).toBe(hashOf(text.slice(text.indexOf('"record":') + '"record":'.length, -2)));
  });

  it('that are not there are a miss', async () => {
    expect(await (await newStore()).read(FP)).toBeUndefined();
  });

  it('are a miss after any change of one byte, and the file is set aside', async () => {
    const store = await newStore();
    await store.commit(recordOf(FP));
    const good = await readFile(fileOf(store));
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const bad = Buffer.from(good);
        bad[at] = (bad[at] as number) ^ flip;
        await writeFile(fileOf(store), bad);
        const found = await store.read(FP);
        expect(found).toBeUndefined();
      }),
      { numRuns: 150 },
    );
    await store.commit(recordOf(FP));
    expect(await store.read(FP)).toBeDefined();
    expect((await readdir(join(store.dir, 'quarantine'))).length).toBeGreaterThan(100);
  });

  it('are a miss wherever they are cut', async () => {
    const store = await newStore();
    await store.commit(recordOf(FP));
    const good = await readFile(fileOf(store));
    for (let length = 0; length < good.length; length += 7) {
      await writeFile(fileOf(store), good);
      await truncate(fileOf(store), length);
      expect(await store.read(FP)).toBeUndefined();
      await expect(readFile(fileOf(store))).rejects.toThrow('ENOENT');
    }
  });

  it('of another version are a miss and stay where they are', async () => {
    const store = await newStore();
    await store.commit(recordOf(FP));
    const text = await readFile(fileOf(store), 'utf8');
    for (const format of ['0', '2']) {
      await writeFile(fileOf(store), text.replace('{"format":1', `{"format":${format}`));
      expect(await store.read(FP)).toBeUndefined();
      expect(await readFile(fileOf(store), 'utf8')).toContain(`{"format":${format}`);
    }
  });

  it('copied under another name are not believed', async () => {
    const store = await newStore();
    await store.commit(recordOf(FP));
    await store.commit(recordOf(print('other')));
    await writeFile(fileOf(store, print('other')), await readFile(fileOf(store)));
    expect(await store.read(print('other'))).toBeUndefined();
    expect(await store.read(FP)).toBeDefined();
  });

  it('are a miss while a blob is missing or of a wrong size, and count again when it is back', async () => {
    const store = await newStore();
    const out = await putText(store, 'text');
    await store.commit(recordOf(FP, { out }));
    await rm(store.blobPath(out.digest));
    expect(await store.read(FP)).toBeUndefined();
    await writeFile(store.blobPath(out.digest), 'longer text');
    expect(await store.read(FP)).toBeUndefined();
    await putText(store, 'text');
    expect(await store.read(FP)).toBeDefined();
  });

  it('are a miss while a file of a folder, or its list, is missing', async () => {
    const store = await newStore();
    const out = await putFolder(store, { 'a/b': 'one', c: 'two' });
    await store.commit({ ...recordOf(FP), lists: { parts: { p: { out } } } });
    expect(await store.read(FP)).toBeDefined();
    await rm(store.blobPath(hashOf('one')));
    expect(await store.read(FP)).toBeUndefined();
    await putText(store, 'one');
    expect(await store.read(FP)).toBeDefined();
    await rm(store.blobPath(out.digest));
    expect(await store.read(FP)).toBeUndefined();
  });

  it("can't be committed before their blobs", async () => {
    const store = await newStore();
    const out = { kind: 'file' as const, digest: hashOf('never put'), bytes: 9 };
    await expect(store.commit(recordOf(FP, { out }))).rejects.toThrow("isn't in the store");
    expect(await store.read(FP)).toBeUndefined();
  });

  it('refuse names that could lead elsewhere', async () => {
    const store = await newStore();
    for (const name of ['../../etc/passwd', '', 'a/b', '..', 'a.b']) {
      await expect(store.read(name)).rejects.toThrow('not a fingerprint');
      await expect(store.commit(recordOf(name))).rejects.toThrow('not a fingerprint');
    }
  });
});
