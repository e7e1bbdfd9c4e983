import { readFile, rename, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { openStore } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';
import { hashOf, newStore, temporaryFolder } from './support.ts';

describe('a memo', () => {
  it('is kept from one opening to the next, together with what others wrote meanwhile', async () => {
    const dir = join(await temporaryFolder(), 'store');
    const [one, two] = [await openStore(dir), await openStore(dir)];
    one.memo<number>('times').set('a', 1);
    two.memo<number>('times').set('b', 2);
    expect(one.memo('times').get('a')).toBe(1);
    expect(two.memo('times').get('a')).toBeUndefined();
    await one.close();
    await two.close();
    const memo = (await newStore(dir)).memo<number>('times');
    expect([memo.get('a'), memo.get('b'), memo.get('c')]).toEqual([1, 2, undefined]);
  });

  it.each(['', '{', 'null', '[[1,2]]', '[["a"', '{"a":1}'])('that is spoilt (%s) is empty', async (text) => {
    const store = await newStore();
    await writeFile(join(store.dir, 'memo', 'times.json'), text);
    const memo = store.memo<number>('times');
    expect(memo.get('a')).toBeUndefined();
    memo.set('a', 3);
    await store.close();
    expect((await newStore(store.dir)).memo('times').get('a')).toBe(3);
  });
});

describe('digestFile', () => {
  /** A file that was last changed long enough ago. Change times can't be set: one has to wait. */
  async function settledFile(text: string): Promise<string> {
    const path = join(await temporaryFolder(), 'model.onnx');
    await writeFile(path, text);
    await utimes(path, 1, 1);
    await sleep(2100);
    return path;
  }
  async function remembered(dir: string): Promise<string> {
    return readFile(join(dir, 'memo', 'digests.json'), 'utf8').catch(() => '');
  }

  it('remembers what it has read until the file changes in any way', async () => {
    const path = await settledFile('weights');
    const store = await newStore();
    expect(await store.digestFile(path)).toEqual({ digest: hashOf('weights'), bytes: 7 });
    await store.close();
    const memo = JSON.parse(await remembered(store.dir));
    expect(memo).toHaveLength(1);
    memo[0][1].digest = 'from the memo';
    await writeFile(join(store.dir, 'memo', 'digests.json'), JSON.stringify(memo));
    const again = await newStore(store.dir);
    expect((await again.digestFile(path)).digest).toBe('from the memo');

    // Same size, same modification time, another inode: what `cp -p` and `mv` leave.
    await writeFile(`${path}.new`, 'WEIGHTS');
    await utimes(`${path}.new`, 1, 1);
    await rename(`${path}.new`, path);
    expect(await again.digestFile(path)).toEqual({ digest: hashOf('WEIGHTS'), bytes: 7 });
  });

  it("doesn't remember a file that was changed a moment ago, or in the future", async () => {
    const path = join(await temporaryFolder(), 'model.onnx');
    await writeFile(path, 'one');
    const store = await newStore();
    expect((await store.digestFile(path)).digest).toBe(hashOf('one'));
    await writeFile(path, 'two');
    const later = new Date(Date.now() + 3_600_000);
    await utimes(path, later, later);
    expect((await store.digestFile(path)).digest).toBe(hashOf('two'));
    await store.close();
    expect(await remembered(store.dir)).toBe('');
  });

  it('says what is wrong with the path', async () => {
    const store = await newStore();
    const dir = await temporaryFolder();
    for (const path of [join(dir, 'none'), dir]) {
      const error = await store.digestFile(path).catch((thrown) => thrown);
      expect(isUserError(error)).toBe(true);
      expect(error.message).toContain(path);
    }
  });
});
