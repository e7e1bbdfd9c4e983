import { readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { beforeEach, describe, expect, it } from 'vitest';
import { parseAddress } from '../../cache/remote/address.ts';
import { type Driver, RemoteFailure } from '../../cache/remote/driver.ts';
import { folderDriver } from '../../cache/remote/folder.ts';
import { httpDriver } from '../../cache/remote/http.ts';
import { s3Driver } from '../../cache/remote/s3.ts';
import { s3Server, webServer } from './remote-support.ts';
import { afterwards, hashOf, temporaryFolder } from './support.ts';

/** A driver under test, and another way to put a file behind it. */
interface Place {
  readonly driver: Driver;
  fill(key: string, data: Buffer | string): Promise<void>;
}

const PART = 5 << 20;
const signal = new AbortController().signal;

async function folderPlace(): Promise<Place> {
  const dir = await temporaryFolder();
  return { driver: folderDriver(dir), fill: (key, data) => filed(join(dir, key), data) };
}

async function httpPlace(): Promise<Place> {
  const dir = await temporaryFolder();
  const server = await webServer(dir);
  afterwards(server.close);
  return {
    driver: httpDriver(new URL(`${server.url}/shared/`)),
    fill: (key, data) => filed(join(dir, 'shared', key), data),
  };
}

async function s3Place(): Promise<Place> {
  const server = await s3Server(await temporaryFolder());
  afterwards(server.close);
  const at = { bucket: 'team', endpoint: server.endpoint, env: server.env, part: PART };
  const driver = s3Driver({ ...at, prefix: 'a/b' });
  afterwards(driver.close);
  return {
    driver,
    async fill(key, data) {
      const path = join(await temporaryFolder(), 'file');
      await writeFile(path, data);
      await driver.put?.(key, { path, bytes: Buffer.byteLength(data) }, () => undefined);
    },
  };
}

async function filed(path: string, data: Buffer | string): Promise<void> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, data);
}

const places = { folder: folderPlace, http: httpPlace, s3: s3Place };

describe.each(Object.entries(places))('driver %s', (_, open) => {
  let place: Place;
  beforeEach(async () => {
    place = await open();
  });
  const bytesAt = async (key: string): Promise<Buffer | undefined> => {
    const stream = await place.driver.get(key, signal);
    return stream && buffer(stream);
  };

  it('knows what is there and what is not', async () => {
    await place.fill('blobs/ab/abc', 'hello');
    expect(await place.driver.size('blobs/ab/abc', signal)).toBe(5);
    expect(String(await bytesAt('blobs/ab/abc'))).toBe('hello');
    expect(await place.driver.size('blobs/ab/abd', signal)).toBeUndefined();
    expect(await bytesAt('blobs/zz/none')).toBeUndefined();
  });

  it('carries empty files and every byte', async () => {
    const all = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 31) % 256));
    await place.fill('blobs/aa/all', all);
    await place.fill('blobs/aa/empty', '');
    expect(await place.driver.size('blobs/aa/empty', signal)).toBe(0);
    expect((await bytesAt('blobs/aa/empty'))?.length).toBe(0);
    expect((await bytesAt('blobs/aa/all'))?.equals(all)).toBe(true);
  });

  it('puts whole files, small and large, where it can write', async () => {
    if (!place.driver.put) return expect(place.driver).not.toHaveProperty('put');
    for (const size of [0, 1, PART, PART + 1, 2 * PART + 12345]) {
      const data = Buffer.alloc(size, `${size}-`);
      const path = join(await temporaryFolder(), 'file');
      await writeFile(path, data);
      await place.driver.put(`blobs/x/${size}`, { path, bytes: size }, () => undefined);
      expect(hashOf((await bytesAt(`blobs/x/${size}`))!), String(size)).toBe(hashOf(data));
      expect(readFileSync(path).length).toBe(size);
    }
  });

  it('lists names right below a folder, where it can', async () => {
    if (!place.driver.list) return expect(place.driver).not.toHaveProperty('list');
    expect(await place.driver.list('runs')).toEqual([]);
    for (const key of ['runs/1.json', 'runs/2.json', 'runs-not/3.json']) await place.fill(key, '{}');
    expect((await place.driver.list('runs')).sort()).toEqual(['1.json', '2.json']);
  });
});

describe('what only one of them has', () => {
  it('folder: one that is gone is a failure, not an empty one', async () => {
    const dir = await temporaryFolder();
    await rm(dir, { recursive: true });
    const driver = folderDriver(dir);
    await expect(driver.size('a', signal)).rejects.toThrow(/is it mounted/);
    await expect(driver.list?.('runs')).rejects.toBeInstanceOf(RemoteFailure);
    const path = join(await temporaryFolder(), 'x');
    await writeFile(path, 'x');
    await expect(driver.put?.('a', { path, bytes: 1 }, () => undefined)).rejects.toThrow(/is it mounted/);
  });

  it('folder: what is there is never overwritten', async () => {
    const dir = await temporaryFolder();
    const driver = folderDriver(dir);
    await filed(join(dir, 'blobs/a'), 'first');
    const path = join(await temporaryFolder(), 'x');
    await writeFile(path, 'second');
    await driver.put?.('blobs/a', { path, bytes: 6 }, () => undefined);
    expect(readFileSync(join(dir, 'blobs/a'), 'utf8')).toBe('first');
  });

  it('s3: a wrong secret, an unknown key, no such bucket, nobody there', async () => {
    const server = await s3Server(await temporaryFolder());
    afterwards(server.close);
    const at = { bucket: 'team', prefix: '', endpoint: server.endpoint, env: server.env };
    const path = join(await temporaryFolder(), 'x');
    await writeFile(path, 'x');
    for (const [name, code] of [
      ['AWS_SECRET_ACCESS_KEY', /SignatureDoesNotMatch.*AWS_SECRET_ACCESS_KEY/],
      ['AWS_ACCESS_KEY_ID', /InvalidAccessKeyId.*AWS_ACCESS_KEY_ID/],
    ] as const) {
      const wrong = s3Driver({ ...at, env: { ...server.env, [name]: 'wrong' } });
      await expect(wrong.get('a', signal)).rejects.toThrow(code);
      await expect(wrong.size('a', signal)).rejects.toThrow(/doesn't let us in/);
      await expect(wrong.put?.('a', { path, bytes: 1 }, () => undefined)).rejects.toThrow(code);
      await expect(wrong.list?.('runs')).rejects.toThrow(code);
      await wrong.close();
    }
    const other = s3Driver({ ...at, env: server.env, bucket: 'nope' });
    await expect(other.get('a', signal)).rejects.toThrow(/NoSuchBucket/);
    await other.close();
    const nobody = s3Driver({ ...at, endpoint: 'http://127.0.0.1:9' });
    const failure: RemoteFailure = await nobody.get('a', signal).then(undefined as never, (error) => error);
    expect(failure).toMatchObject({ passing: true, message: expect.stringContaining('ECONNREFUSED') });
    await nobody.close();
  });

  it('http: user name and password go as a header, and are in no name', async () => {
    const dir = await temporaryFolder();
    await filed(join(dir, 'a'), 'x');
    const server = await webServer(dir);
    afterwards(server.close);
    const address = parseAddress(server.url.replace('//', '//me:secret@'));
    expect(address.name).toBe(server.url);
    expect(await (await address.open()).size('a', signal)).toBe(1);
  });
});

describe('addresses', () => {
  it.each([
    ['/mnt/share', 'folder', '/mnt/share'],
    ['file:///mnt/my%20share', 'folder', '/mnt/my share'],
    ['https://host/a/b/', 'http', 'https://host/a/b'],
    ['http://me:pw@host:81/', 'http', 'http://host:81'],
    ['s3://bucket', 's3', 's3://bucket'],
    ['s3://bucket/a/b/', 's3', 's3://bucket/a/b'],
  ])('%s', (text, kind, name) => {
    expect(parseAddress(text, {})).toMatchObject({ kind, name });
  });

  it.each(['ftp://host/x', 's3://', 'https://host/x?y=1', 's3://user:pw@bucket', 'http://'])(
    '%s is none',
    (text) => {
      expect(() => parseAddress(text, {})).toThrow(/can't be a remote. Give a folder/);
      expect(() => parseAddress(text, {})).not.toThrow(/pw/);
    },
  );

  it('buckets of the same name at two endpoints are two places', () => {
    const [one, two] = ['http://a', 'http://b'].map(
      (url) => parseAddress('s3://x', { AWS_ENDPOINT_URL: url }).id,
    );
    expect(one).not.toBe(two);
  });
});
