import { mkdtempSync, readFileSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FetchOptions, fetchSources, forgetSources } from '../../../cache/sources/fetch.ts';
import { digestsInCache } from '../../../cache/sources/pinned.ts';
import { type HubServer, sha256, startHub } from './hub-server.ts';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const PATIENCE = { attempts: 2, waitMs: 1, silenceMs: 2000 };
const part = (seed: number) => Buffer.from(Array.from({ length: 90_000 }, (_, i) => (i * seed) % 251));

let hub: HubServer;
let cache: string;
let files: Record<string, Buffer>;
let warnings: string[];
let digests: string[];

const environment = (more: Record<string, string> = {}) => ({
  HF_ENDPOINT: hub.url,
  HF_HUB_CACHE: join(cache, 'hub'),
  HF_TOKEN_PATH: join(cache, 'none'),
  MIS_CACHE: join(cache, 'mis'),
  ...more,
});

/** Fetches as a new process would, and gives the bytes. */
async function fetched(texts: string[], more: Record<string, string> = {}, options: FetchOptions = {}) {
  forgetSources();
  hub.log.length = 0;
  warnings.length = 0;
  digests.length = 0;
  const found = await fetchSources(texts, {
    env: environment(more),
    patience: PATIENCE,
    warn: (message) => warnings.push(message),
    onDigest: (_, digest) => digests.push(digest),
    remember: true,
    ...options,
  });
  return found.map(({ path }) => ({ path, bytes: readFileSync(path) }));
}

const bytesOf = async (...given: Parameters<typeof fetched>) =>
  (await fetched(...given)).map(({ bytes }) => sha256(bytes));

const ofHub = (revision = '') => ['0', '1', '2'].map((n) => `hf://datasets/lab/tars${revision}/a-${n}.tar`);
const ofWeb = () => ['0', '1', '2'].map((n) => `${hub.url}/datasets/lab/tars/resolve/main/a-${n}.tar`);
const expected = () => ['0', '1', '2'].map((n) => sha256(files[`a-${n}.tar`]!));

beforeEach(async () => {
  cache = mkdtempSync(join(tmpdir(), 'mis-several-'));
  warnings = [];
  digests = [];
  files = { 'a-0.tar': part(3), 'a-1.tar': Buffer.from('small'), 'a-2.tar': part(7) };
  hub = await startHub({
    'datasets/lab/tars': { commit: COMMIT, branches: ['main'], files },
    'lab/tars': { commit: COMMIT, branches: ['main'], files: {} },
  });
});
afterEach(async () => {
  await hub.close();
  rmSync(cache, { recursive: true });
});

describe('files of a data set of the hub', () => {
  it('come in their order, resumed where the connection broke, all of one commit', async () => {
    hub.breakAfter = [40_000];
    const found = await fetched(ofHub());
    expect(found.map(({ bytes }) => sha256(bytes))).toEqual(expected());
    expect(hub.log.filter((line) => line.includes('revision'))).toHaveLength(1);
    expect(hub.log.some((line) => /^CDN .*bytes=[1-9]/.test(line))).toBe(true);
    const snapshot = join(cache, 'hub/datasets--lab--tars/snapshots', COMMIT);
    expect(found.map(({ path }) => path)).toEqual([0, 1, 2].map((n) => join(snapshot, `a-${n}.tar`)));
  });

  it('are asked for once; offline and pinned without a request', async () => {
    await fetched(ofHub());
    expect(await bytesOf(ofHub())).toEqual(expected());
    expect(hub.log).toEqual(['GET /api/datasets/lab/tars/revision/main']);
    expect(await bytesOf(ofHub(`@${COMMIT}`))).toEqual(expected());
    expect(await bytesOf(ofHub(), { MIS_OFFLINE: '1' })).toEqual(expected());
    expect(hub.log).toEqual([]);
  });

  it('of which one is missing: told, and nothing more is begun', async () => {
    delete files['a-0.tar'];
    const all = Array.from({ length: 60 }, (_, n) => `hf://datasets/lab/tars/a-${n}.tar`);
    await expect(fetched(all)).rejects.toThrow(
      /lab\/tars has no file a-0\.tar at main.*\/datasets\/lab\/tars/,
    );
    expect(hub.log.length).toBeLessThan(30);
    await expect(fetched(ofHub(), { HF_HUB_OFFLINE: '1' })).rejects.toThrow(/HF_HUB_OFFLINE/);
  });
});

describe('files of the web without digests', () => {
  it('are remembered with their digests, and asked after', async () => {
    expect(await bytesOf(ofWeb())).toEqual(expected());
    expect(digests.sort()).toEqual(expected().sort());
    expect(await bytesOf(ofWeb())).toEqual(expected());
    expect(hub.log.filter((line) => line.startsWith('GET'))).toEqual([]);
    expect([...warnings, ...digests]).toEqual([]);
    expect(await bytesOf(ofWeb(), { MIS_OFFLINE: '1' })).toEqual(expected());
    expect(hub.log).toEqual([]);
  });

  it('are taken anew, with a warning, when they have changed', async () => {
    const [, old] = await fetched(ofWeb());
    files['a-1.tar'] = Buffer.from('SMALL');
    const [, changed] = await fetched(ofWeb());
    expect(changed!.bytes.toString()).toBe('SMALL');
    expect(changed!.path).not.toBe(old!.path);
    expect(warnings).toEqual([expect.stringMatching(/a-1\.tar has changed at its source: its SHA-256 was/)]);
    await fetched(ofWeb());
    expect(warnings).toEqual([]);
  });

  it('are used as they are, with one warning, when the server fails', async () => {
    await fetched(ofWeb());
    hub.only = 503;
    expect(await bytesOf(ofWeb())).toEqual(expected());
    expect(warnings).toEqual([expect.stringMatching(/it answers 503\. What was downloaded before is used/)]);
    await expect(fetched([`${hub.url}/x.tar`])).rejects.toThrow(/503/);
    hub.only = undefined;
    await expect(fetched([`${hub.url}/x.tar`])).rejects.toThrow(/refuse|isn't open|no file at/);
    await expect(fetched([`${hub.url}/x.tar`], { MIS_OFFLINE: '1' })).rejects.toThrow(/MIS_OFFLINE/);
  });

  it('go on where an earlier process broke off, unless the file has changed', async () => {
    const [url] = ofWeb();
    hub.breakAfter = [40_000, 0];
    await expect(fetched([url!])).rejects.toThrow(/bytes that came are kept/);
    hub.breakAfter = [];
    expect(await bytesOf([url!])).toEqual([sha256(files['a-0.tar']!)]);
    expect(hub.log.at(-1)).toMatch(/bytes=[1-9]\d*-$/);
    rmSync(join(cache, 'mis'), { recursive: true });
    hub.breakAfter = [40_000, 0];
    await expect(fetched([url!])).rejects.toThrow(/bytes that came are kept/);
    hub.breakAfter = [];
    files['a-0.tar'] = part(11);
    expect(await bytesOf([url!])).toEqual([sha256(files['a-0.tar']!)]);
  });
});

it('a file in a cache is known by its digest, whatever its time; no other path is', async () => {
  const found = await fetched([...ofHub().slice(0, 1), ...ofWeb().slice(1, 2)]);
  const digestOf = digestsInCache(environment());
  for (const { path } of found) utimesSync(path, 1, 1);
  expect(found.map(({ path }) => digestOf(path))).toEqual(expected().slice(0, 2));
  for (const path of [cache, join(cache, 'mis/https/known/x.json'), '/etc/hosts', `${cache}/hub/x`])
    expect(digestOf(path)).toBeUndefined();
});
