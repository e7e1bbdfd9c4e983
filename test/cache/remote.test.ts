import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { remoteOf, setRemote } from '../../cache/remote/address.ts';
import { newestRun, pullRun } from '../../cache/remote/pull.ts';
import { pushRun } from '../../cache/remote/push.ts';
import { flipped, overwrite, s3Server, webServer } from './remote-support.ts';
import { blob, FILES, FOLDER, pushed, record, remoteAt, TEXT, type World, world } from './remote-world.ts';
import { afterwards, filesBelow, newStore, temporaryFolder } from './support.ts';

describe('push and pull', () => {
  let it_: World;
  beforeEach(async () => {
    it_ = await world();
  });

  const kinds = {
    folder: async () => ({ place: it_.dir, env: {} }),
    s3: async () => {
      const server = await s3Server(it_.dir);
      afterwards(server.close);
      return { place: 's3://team/mis', env: { ...server.env } };
    },
  };

  it.each(Object.entries(kinds))('%s: everything arrives, once', async (_, start) => {
    const { place, env } = await start();
    const remote = await remoteAt(place, env);
    const run = (await it_.a.runs.open(it_.run))!;
    await expect(newestRun(remote)).rejects.toThrow(/There is no run at the remote/);
    const first = await pushRun(it_.a, run, remote);
    expect(first).toMatchObject({ blobs: 4, records: 2, there: 0 });
    expect(await pushRun(it_.a, run, remote)).toMatchObject({ blobs: 0, bytes: 0, records: 0, there: 6 });

    const id = await newestRun(remote);
    expect(id).toBe(it_.run);
    expect(await pullRun(it_.b, id, remote)).toMatchObject({
      blobs: 4,
      bytes: first.bytes,
      records: 2,
      refused: [],
    });
    expect(await it_.b.read(TEXT)).toEqual(await it_.a.read(TEXT));
    const target = await temporaryFolder();
    await it_.b.materialise(it_.folder, target);
    expect(await filesBelow(target)).toEqual(FILES);
    const there = (await it_.b.runs.open(id))!;
    expect(there).toMatchObject({ state: 'complete', summary: { ran: 2 }, info: { group: 'a' } });
    expect(await there.fingerprints()).toEqual([TEXT, FOLDER]);
    expect(await there.events()).toEqual([{ event: 'start' }]);
    expect(await pullRun(it_.b, id, remote)).toMatchObject({ blobs: 0, records: 0, there: 2, refused: [] });
  });

  it('a web server over the same folder: pull by name, no push', async () => {
    await pushed(it_);
    const server = await webServer(it_.dir);
    afterwards(server.close);
    const remote = await remoteAt(server.url);
    await expect(newestRun(remote)).rejects.toThrow(/can't be listed. Say which run/);
    await expect(pushRun(it_.a, (await it_.a.runs.open(it_.run))!, remote)).rejects.toThrow(/only be read/);
    await expect(pullRun(it_.b, '../../etc/passwd', remote)).rejects.toThrow(/There is no run/);
    expect(await pullRun(it_.b, it_.run, remote)).toMatchObject({ records: 2, refused: [] });
  });

  it('push sends nothing that is damaged here', async () => {
    await overwrite(it_.a.blobPath(it_.text.digest), 'other word');
    await expect(pushed(it_)).rejects.toThrow(/Run "mis run", then push/);
    expect(existsSync(record(it_.dir, TEXT))).toBe(false);
    expect(existsSync(blob(it_.dir, it_.text))).toBe(false);
  });

  it('push says what is damaged there, and overwrites nothing', async () => {
    await pushed(it_);
    await overwrite(blob(it_.dir, it_.text), 'cut');
    await expect(pushed(it_)).rejects.toThrow(/blobs\/.* is damaged.*delete that file/);
    expect(readFileSync(blob(it_.dir, it_.text), 'utf8')).toBe('cut');
    await rm(blob(it_.dir, it_.text));
    await pushed(it_);
    await overwrite(record(it_.dir, TEXT), '{}');
    await expect(pushed(it_)).rejects.toThrow(/records\/.* is damaged/);
  });

  it('push of a run whose results are gone is refused before anything is sent', async () => {
    await rm(record(it_.a.dir, TEXT));
    await expect(pushed(it_)).rejects.toThrow(/1 of 2 results aren't in the store any more/);
    expect(existsSync(join(it_.dir, 'blobs'))).toBe(false);
  });

  it('pull refuses what is wrong, takes the rest, and goes on later', async () => {
    await pushed(it_);
    const wrong = flipped(blob(it_.dir, it_.text));
    await overwrite(blob(it_.dir, it_.text), wrong);
    const remote = await remoteAt(it_.dir);
    const first = await pullRun(it_.b, it_.run, remote);
    expect(first).toMatchObject({
      records: 1,
      refused: [expect.stringContaining(`${it_.text.digest} isn't right`)],
    });
    expect(await it_.b.read(TEXT)).toBeUndefined();
    expect(existsSync(it_.b.blobPath(it_.text.digest))).toBe(false);
    expect(await it_.b.read(FOLDER)).toBeDefined();
    expect(await it_.b.runs.list()).toEqual([]);
    await rm(blob(it_.dir, it_.text));
    await pushed(it_);
    expect(await pullRun(it_.b, it_.run, remote)).toMatchObject({
      blobs: 1,
      records: 1,
      there: 1,
      refused: [],
    });
    expect(await it_.b.runs.list()).toEqual([it_.run]);
  });

  it('pull of a run that was changed on the way is refused', async () => {
    await pushed(it_);
    const path = join(it_.dir, 'runs', `${it_.run}.json`);
    await overwrite(path, flipped(path));
    await expect(pullRun(it_.b, it_.run, await remoteAt(it_.dir))).rejects.toThrow(/cut or changed/);
  });
});

describe('where the remote is', () => {
  it('is written into the store, and the environment wins', async () => {
    const store = await newStore();
    const dir = await temporaryFolder();
    expect(remoteOf(store.dir, {})).toBeUndefined();
    await setRemote(store.dir, join(dir, 'shared'));
    expect(existsSync(join(dir, 'shared'))).toBe(true);
    expect(remoteOf(store.dir, {})?.name).toBe(join(dir, 'shared'));
    expect(remoteOf(store.dir, { MIS_REMOTE: 's3://x' })?.name).toBe('s3://x');
    expect(remoteOf(store.dir, { MIS_REMOTE: 'none' })).toBeUndefined();
    await setRemote(store.dir, 'none');
    expect(remoteOf(store.dir, {})).toBeUndefined();
  });

  it('refuses a password in it, a place that is none, a folder on what is not there', async () => {
    const store = await newStore();
    await expect(setRemote(store.dir, 'https://me:secret@host/')).rejects.toThrow(/MIS_REMOTE/);
    await expect(setRemote(store.dir, 'ftp://host/')).rejects.toThrow(/can't be a remote/);
    await expect(setRemote(store.dir, '/no/such/place')).rejects.toThrow(/isn't mounted/);
    await mkdir(join(store.dir, 'x'), { recursive: true });
    expect(remoteOf(store.dir, {})).toBeUndefined();
  });
});
