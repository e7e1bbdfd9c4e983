import { existsSync, readFileSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { recordText } from '../../cache/records.ts';
import { CorruptBlob, type Store } from '../../cache/store.ts';
import { overwrite, type WebServer, webServer } from './remote-support.ts';
import { blob, FOLDER, pushed, record, TEXT, through, type World, world } from './remote-world.ts';
import { afterwards, filesBelow, newStore, print, putText, recordOf, temporaryFolder } from './support.ts';

describe('reading through', () => {
  let it_: World;
  let server: WebServer;
  let b: { store: Store; warnings: string[] };
  beforeEach(async () => {
    it_ = await world();
    await pushed(it_);
    server = await webServer(it_.dir);
    afterwards(server.close);
    b = through(it_.b, server.url);
  });
  const blobsAsked = () => server.asked.filter((line) => line.includes('/blobs/'));

  it('asks for a record once, for files when somebody reads them, and for nothing that is here', async () => {
    expect(await b.store.read(TEXT)).toEqual(await it_.a.read(TEXT));
    expect(await b.store.read(FOLDER)).toBeDefined();
    await b.store.read(TEXT);
    expect(server.asked).toHaveLength(2);
    await b.store.bring([it_.text]);
    expect(readFileSync(b.store.blobPath(it_.text.digest), 'utf8')).toBe('some words');
    await Promise.all([b.store.bring([it_.folder]), b.store.bring([it_.folder])]);
    expect(blobsAsked()).toHaveLength(4);
    await b.store.bring([it_.text, it_.folder]);
    expect(server.asked).toHaveLength(6);
    await b.store.read(TEXT);
    await b.store.read(FOLDER);
    expect(await it_.b.read(TEXT)).toBeDefined();
    expect(await it_.b.read(FOLDER)).toBeDefined();
    expect(b.warnings).toEqual([]);
  });

  it('remembers what the remote has, so that the next time nobody is asked', async () => {
    await b.store.read(TEXT);
    const later = through(it_.b, server.url);
    expect(await later.store.read(TEXT)).toBeDefined();
    expect(server.asked).toHaveLength(1);
    const other = through(it_.b, `${server.url}/other`);
    expect(await other.store.read(TEXT)).toBeUndefined();
    expect(server.asked).toHaveLength(2);
  });

  it('what is nowhere is asked for once', async () => {
    expect(await b.store.read(print('new'))).toBeUndefined();
    expect(await b.store.read(print('new'))).toBeUndefined();
    expect(server.asked).toHaveLength(1);
    expect(b.warnings).toEqual([]);
  });

  it('mends a file that was damaged or lost here', async () => {
    await b.store.read(TEXT);
    await b.store.bring([it_.text]);
    await b.store.read(TEXT);
    await overwrite(b.store.blobPath(it_.text.digest), 'cut');
    expect(await it_.b.read(TEXT)).toBeUndefined();
    expect(await b.store.read(TEXT)).toBeDefined();
    await b.store.bring([it_.text]);
    expect(readFileSync(b.store.blobPath(it_.text.digest), 'utf8')).toBe('some words');
  });

  it.each(['flip', 'short', 'endless'] as const)(
    'a blob that comes wrong (%s) is refused and made here',
    async (fault) => {
      server.fault = (path) => (path.includes('/blobs/') ? fault : undefined);
      expect(await b.store.read(TEXT)).toBeDefined();
      await expect(b.store.bring([it_.text])).rejects.toBeInstanceOf(CorruptBlob);
      expect(b.warnings).toEqual([expect.stringMatching(/gave a file .* that isn't right .*: refused/)]);
      expect(await b.store.read(TEXT)).toBeUndefined();
      expect(existsSync(b.store.blobPath(it_.text.digest))).toBe(false);
      await b.store.put(await written('some words'), 'file');
      await b.store.commit(recordOf(TEXT, { out: it_.text }));
      expect(await b.store.read(TEXT)).toBeDefined();
    },
  );

  async function written(text: string): Promise<string> {
    const path = join(await temporaryFolder(), 'out');
    await overwrite(path, text);
    return path;
  }

  it.each(['flip', 'short'] as const)('a record that comes wrong (%s) is refused', async (fault) => {
    server.fault = (path) => (path.includes('/records/') ? fault : undefined);
    expect(await b.store.read(TEXT)).toBeUndefined();
    expect(b.warnings).toEqual([expect.stringMatching(/gave a record .* that isn't right .*: refused/)]);
    expect(existsSync(record(it_.b.dir, TEXT))).toBe(false);
  });

  it('after three wrong files a remote is left alone', async () => {
    server.fault = () => 'flip';
    for (const name of ['1', '2', '3', '4', '5']) {
      const fingerprint = print(name);
      await overwrite(record(it_.dir, fingerprint), 'nonsense');
      expect(await b.store.read(fingerprint)).toBeUndefined();
    }
    expect(server.asked).toHaveLength(3);
    expect(b.warnings.at(-1)).toMatch(/left alone from here on: it gave 3 wrong files/);
  });

  it('a file that is gone there: made here, and the promise is forgotten', async () => {
    await b.store.read(TEXT);
    await rm(blob(it_.dir, it_.text));
    await expect(b.store.bring([it_.text])).rejects.toThrow(/neither here nor at the remote/);
    expect(await b.store.read(TEXT)).toBeUndefined();
    expect(await filesBelow(join(it_.b.dir, 'promised'))).toEqual({});
  });

  it.each([
    [401, 1, /doesn't let us in \(status 401\)/],
    [403, 1, /doesn't let us in \(status 403\)/],
    [500, 3, /answers with status 500/],
    [503, 3, /answers with status 503/],
    ['cut', 3, /left alone/],
    ['stall', 1, /nothing came for 0.3 s/],
    ['silence', 1, /nothing came for 0.3 s/],
  ] as const)('%s: tried %d times, one warning, then it goes on without', async (fault, tries, said) => {
    server.fault = () => fault;
    const started = Date.now();
    const found = await Promise.all([TEXT, FOLDER].map((fingerprint) => b.store.read(fingerprint)));
    expect(found).toEqual([undefined, undefined]);
    expect(Date.now() - started).toBeLessThan(3_000);
    expect(server.asked.length).toBeLessThanOrEqual(2 * tries);
    expect(server.asked.length).toBeGreaterThanOrEqual(tries);
    expect(b.warnings).toEqual([expect.stringMatching(said)]);
    server.fault = () => undefined;
    expect(await b.store.read(print('later'))).toBeUndefined();
    expect(server.asked.some((line) => line.includes(print('later')))).toBe(false);
  });

  it.each([500, 'cut', 429] as const)('%s once: the second try succeeds', async (fault) => {
    let left = 1;
    server.fault = () => (left-- > 0 ? fault : undefined);
    expect(await b.store.read(TEXT)).toBeDefined();
    expect(b.warnings).toEqual([]);
  });

  it('nobody there at all', async () => {
    await server.close();
    expect(await b.store.read(TEXT)).toBeUndefined();
    expect(b.warnings).toEqual([expect.stringMatching(/left alone from here on: .*ECONNREFUSED/)]);
  });

  it('a share that is not mounted', async () => {
    const gone = through(it_.b, it_.dir);
    await rename(it_.dir, `${it_.dir}-away`);
    afterwards(() => rm(`${it_.dir}-away`, { recursive: true }));
    expect(await gone.store.read(TEXT)).toBeUndefined();
    expect(gone.warnings).toEqual([expect.stringMatching(/is it mounted/)]);
  });

  it('a record that names files outside of the store is refused', async () => {
    const evil = print('evil');
    for (const digest of ['../../../../tmp/evil', 'AB'.repeat(32), '']) {
      const out = { kind: 'file', digest, bytes: 3 } as const;
      await overwrite(record(it_.dir, evil), recordText(recordOf(evil, { out })));
      const fresh = through(await newStore(), it_.dir);
      expect(await fresh.store.read(evil)).toBeUndefined();
      expect(fresh.warnings).toHaveLength(1);
    }
  });

  it('a manifest whose entries climb out is refused', async () => {
    const store = await newStore();
    for (const entries of [{ '../../x': it_.text }, { x: { digest: '../../../x', bytes: 1 } }]) {
      const bytes = Object.values(entries)[0]!.bytes;
      const manifest = await putText(it_.a, JSON.stringify(entries));
      await overwrite(blob(it_.dir, manifest), JSON.stringify(entries));
      const bad = through(store, it_.dir);
      const artifact = { kind: 'folder', digest: manifest.digest, bytes } as const;
      await expect(bad.store.bring([artifact])).rejects.toBeInstanceOf(CorruptBlob);
    }
  });
});
