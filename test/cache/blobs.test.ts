import { execFileSync } from 'node:child_process';
import { link, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { CorruptBlob } from '../../cache/store.ts';
import { afterwards, hashOf, newStore, print, putText, recordOf, temporaryFolder } from './support.ts';

async function overwrite(path: string, text: string): Promise<void> {
  await rm(path);
  await writeFile(path, text);
}

describe('blobs', () => {
  it('keep a file under the digest that sha256sum gives', async () => {
    const store = await newStore();
    const text = 'x'.repeat(3_000_001);
    const artifact = await putText(store, text);
    const path = await store.verified(artifact);
    expect(execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64)).toBe(artifact.digest);
    expect(artifact).toEqual({ kind: 'file', digest: hashOf(text), bytes: text.length });
    expect(path).toBe(store.blobPath(artifact.digest));
    expect((await stat(path)).mode & 0o777).toBe(0o444);
  });

  it('move the file: the same inode, nothing left behind', async () => {
    const store = await newStore();
    const workspace = await store.workspace();
    const from = join(workspace.dir, 'big');
    await writeFile(from, 'bytes');
    const { ino } = await stat(from);
    const artifact = await store.put(from, 'file');
    expect((await stat(store.blobPath(artifact.digest))).ino).toBe(ino);
    expect(await readdir(workspace.dir)).toEqual([]);
  });

  it('put twice are one, and the second file is gone too', async () => {
    const store = await newStore();
    const first = await putText(store, 'same');
    const { ino } = await stat(store.blobPath(first.digest));
    const workspace = await store.workspace();
    await writeFile(join(workspace.dir, 'again'), 'same');
    expect(await store.put(join(workspace.dir, 'again'), 'file')).toEqual(first);
    expect((await stat(store.blobPath(first.digest))).ino).toBe(ino);
    expect(await readdir(workspace.dir)).toEqual([]);
  });

  it('hold empty files', async () => {
    const store = await newStore();
    const artifact = await putText(store, '');
    expect(artifact.digest).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
    expect(await readFile(await store.verified(artifact), 'utf8')).toBe('');
  });

  it('copy a file that has another name, so that nobody can change the blob through it', async () => {
    const store = await newStore();
    const workspace = await store.workspace();
    const [path, other] = [join(workspace.dir, 'a'), join(workspace.dir, 'b')];
    await writeFile(path, 'shared');
    await link(path, other);
    const artifact = await store.put(path, 'file');
    await writeFile(other, 'changed');
    expect(await readFile(await store.verified(artifact), 'utf8')).toBe('shared');
  });

  it('come from another file system too', async (context) => {
    const store = await newStore();
    const shm = await mkdtemp('/dev/shm/mis-').catch(() => undefined);
    if (shm === undefined || (await stat(shm)).dev === (await stat(store.dir)).dev) {
      return context.skip('there is no second file system');
    }
    afterwards(() => rm(shm, { recursive: true, force: true }));
    await writeFile(join(shm, 'out'), 'from afar');
    const artifact = await store.put(join(shm, 'out'), 'file');
    expect(await readFile(await store.verified(artifact), 'utf8')).toBe('from afar');
    expect(await readdir(shm)).toEqual([]);
  });

  it('are never made from links or folders', async () => {
    const store = await newStore();
    const dir = await temporaryFolder();
    await symlink('/etc/passwd', join(dir, 'link'));
    await expect(store.put(join(dir, 'link'), 'file')).rejects.toThrow('is none');
    await expect(store.put(dir, 'file')).rejects.toThrow('is none');
  });
});

describe('a spoilt blob', () => {
  const cases: { [what: string]: (path: string, text: string) => Promise<void> } = {
    'with a flipped bit': (path, text) => overwrite(path, `${text.slice(0, 7)}b${text.slice(8)}`),
    'cut short': (path, text) => truncate(path, text.length - 1),
    'with a byte too many': (path, text) => overwrite(path, `${text}a`),
    emptied: (path) => truncate(path, 0),
    deleted: (path) => rm(path),
  };
  for (const [what, spoil] of Object.entries(cases)) {
    it(`${what} is found on reading, set aside, and made anew by the next put`, async () => {
      const dir = join(await temporaryFolder(), 'store');
      const maker = await newStore(dir);
      const text = 'a'.repeat(100);
      const artifact = await putText(maker, text);
      await maker.commit(recordOf(print('1'), { out: artifact }));
      await spoil(maker.blobPath(artifact.digest), text);

      const store = await newStore(dir);
      const error = await store.verified(artifact).catch((thrown) => thrown);
      expect(error).toBeInstanceOf(CorruptBlob);
      expect(error).toMatchObject({ digest: artifact.digest, path: store.blobPath(artifact.digest) });
      expect(await store.read(print('1'))).toBeUndefined();
      expect(await readdir(join(dir, 'quarantine'))).toHaveLength(what === 'deleted' ? 0 : 1);

      expect(await putText(store, text)).toEqual(artifact);
      expect(await readFile(await store.verified(artifact), 'utf8')).toBe(text);
      expect(await store.read(print('1'))).toBeDefined();
    });
  }

  it('is found by a process that has seen it good before', async () => {
    const store = await newStore();
    const artifact = await putText(store, 'good');
    await store.verified(artifact);
    await overwrite(store.blobPath(artifact.digest), 'baad');
    await expect(store.verified(artifact)).rejects.toThrow(CorruptBlob);
  });

  it('is mended by a put of the right bytes even if nobody has noticed', async () => {
    const dir = join(await temporaryFolder(), 'store');
    const artifact = await putText(await newStore(dir), 'good');
    const store = await newStore(dir);
    await overwrite(store.blobPath(artifact.digest), 'baad');
    await putText(store, 'good');
    expect(await readFile(store.blobPath(artifact.digest), 'utf8')).toBe('good');
  });
});
