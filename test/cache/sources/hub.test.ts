import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type FetchOptions, fetchSource, forgetSources } from '../../../cache/sources/fetch.ts';
import { sourceText } from '../../../cache/sources/source.ts';
import { type HubServer, sha256, startHub } from './hub-server.ts';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const LARGE = Buffer.from(Array.from({ length: 100_000 }, (_, i) => (i * 7) % 251));
const WEIGHTS = Buffer.alloc(5000, 3);
const PATIENCE = { attempts: 3, waitMs: 1, silenceMs: 2000 };

let hub: HubServer;
let cache: string;
let warnings: string[];

const environment = (more: Record<string, string> = {}) => ({
  HF_ENDPOINT: hub.url,
  HF_HUB_CACHE: cache,
  HF_TOKEN_PATH: join(cache, 'none'),
  ...more,
});

/** Fetches as a new process would, which remembers nothing. */
async function fetched(text: string, more: Record<string, string> = {}, options: FetchOptions = {}) {
  forgetSources();
  const warn = (message: string) => warnings.push(message);
  const found = await fetchSource(text, { env: environment(more), patience: PATIENCE, warn, ...options });
  return { ...found!, bytes: readFileSync(found!.path) };
}

beforeEach(async () => {
  cache = mkdtempSync(join(tmpdir(), 'mis-hub-'));
  warnings = [];
  hub = await startHub({
    'lab/net': {
      commit: COMMIT,
      branches: ['main', 'refs/pr/1'],
      files: {
        'onnx/model.onnx': LARGE,
        'small.onnx': Buffer.from('small'),
        'onnx/split.onnx': Buffer.from('graph'),
        'onnx/split.onnx_data': WEIGHTS,
      },
    },
    'lab/secret': { commit: COMMIT, branches: ['main'], files: { 'a.onnx': LARGE }, token: 'hf_right' },
  });
});
afterEach(async () => {
  await hub.close();
  rmSync(cache, { recursive: true });
});

describe('a file of the hub', () => {
  it('lies where huggingface_hub would put it, under its commit', async () => {
    const { path, bytes, pinned } = await fetched('hf://lab/net/onnx/model.onnx');
    expect(bytes.equals(LARGE)).toBe(true);
    expect(path).toBe(join(cache, 'models--lab--net/snapshots', COMMIT, 'onnx/model.onnx'));
    expect(readlinkSync(path)).toBe(`../../../blobs/${sha256(LARGE)}`);
    expect(readFileSync(join(cache, 'models--lab--net/refs/main'), 'utf8')).toBe(COMMIT);
    expect(sourceText(pinned)).toBe(`hf://lab/net@${COMMIT}/onnx/model.onnx`);
    expect(readdirSync(join(cache, 'models--lab--net/blobs'))).toEqual([sha256(LARGE)]);
  });

  it('is asked for once; a pinned one without a request', async () => {
    await fetched('hf://lab/net@main/onnx/model.onnx');
    hub.log.length = 0;
    await fetched('hf://lab/net/onnx/model.onnx');
    expect(hub.log).toEqual(['GET /api/models/lab/net/revision/main']);
    hub.log.length = 0;
    await fetched(`hf://lab/net@${COMMIT}/onnx/model.onnx`);
    expect(hub.log).toEqual([]);
  });

  it('small, on a branch with a slash, with its weights beside it', async () => {
    const small = await fetched('hf://lab/net@refs%2Fpr%2F1/small.onnx');
    expect(small.bytes.toString()).toBe('small');
    const { beside } = await fetched('hf://lab/net/onnx/split.onnx');
    expect(beside).toHaveLength(1);
    expect(readFileSync(beside[0]!).equals(WEIGHTS)).toBe(true);
  });

  it('that was taken without its weights by another program gets them', async () => {
    const pinned = `hf://lab/net@${COMMIT}/onnx/split.onnx`;
    const { beside } = await fetched(pinned);
    rmSync(beside[0]!);
    hub.log.length = 0;
    expect((await fetched(pinned)).beside).toEqual(beside);
    expect(hub.log).toHaveLength(1);
  });

  it('is fetched once for several at once', async () => {
    forgetSources();
    const options = { env: environment() };
    const all = await Promise.all([1, 2, 3].map(() => fetchSource('hf://lab/net/onnx/model.onnx', options)));
    expect(new Set(all.map((each) => each!.path)).size).toBe(1);
    expect(hub.log.filter((line) => line.startsWith('CDN'))).toHaveLength(1);
  });

  it('needs the token where the repository does; the content network never sees it', async () => {
    const { bytes } = await fetched('hf://lab/secret/a.onnx', { HF_TOKEN: 'hf_right' });
    expect(bytes.equals(LARGE)).toBe(true);
  });
});

describe('a broken connection', () => {
  it('is taken up where it broke', async () => {
    hub.breakAfter = [40_000, 30_000];
    const { bytes } = await fetched('hf://lab/net/onnx/model.onnx');
    expect(bytes.equals(LARGE)).toBe(true);
    const resolves = hub.log.filter((line) => line.startsWith('CDN'));
    expect(resolves).toHaveLength(3);
    for (const line of resolves.slice(1)) expect(line).toMatch(/bytes=\d+-$/);
  });

  it('that breaks again and again is told; a later try goes on from what came', async () => {
    hub.breakAfter = [50_000, 0, 0, 0];
    await expect(fetched('hf://lab/net/onnx/model.onnx')).rejects.toThrow(
      /can't be downloaded from 127\.0\.0\.1:\d+: .*tried several times\. The \d+ bytes that came are kept/,
    );
    hub.breakAfter = [];
    hub.log.length = 0;
    expect((await fetched('hf://lab/net/onnx/model.onnx')).bytes.equals(LARGE)).toBe(true);
    expect(hub.log.at(-1)).toMatch(/^CDN .* bytes=[1-9]\d*-$/);
  });

  it('with other bytes than the hub said: refused, and nothing of it stays', async () => {
    hub.lies = true;
    await expect(fetched('hf://lab/net/onnx/model.onnx')).rejects.toThrow(
      new RegExp(`its sha256 is [0-9a-f]{64}, expected is ${sha256(LARGE)}`),
    );
    await expect(fetched('hf://lab/net/small.onnx')).rejects.toThrow(/its git id is [0-9a-f]{40}, expected/);
    expect(readdirSync(join(cache, 'models--lab--net/blobs'))).toEqual([]);
  });
});

describe('what the hub refuses', () => {
  it.each([
    [
      'hf://lab/none/a.onnx',
      {},
      /refuses hf:.*\(401, RepoNotFound\).*no such repository, or it is private or gated.*HF_TOKEN/,
    ],
    ['hf://lab/none/a.onnx', { HF_TOKEN: 'hf_x' }, /no repository lab\/none/],
    ['hf://lab/secret/a.onnx', {}, /accept its terms on its page and set HF_TOKEN/],
    ['hf://lab/secret/a.onnx', { HF_TOKEN: 'hf_wrong' }, /The token that is set has no access/],
    ['hf://lab/net@v9/small.onnx', {}, /no branch, tag or commit "v9"/],
    ['hf://lab/net/missing.onnx', {}, /has no file missing\.onnx at main/],
    ['hf://lab/net/small.onnx', { HF_TOKEN: 'secret' }, /no token of the Hugging Face hub/],
  ])('%s', async (text, env, expected) => {
    await expect(fetched(text, env as Record<string, string>)).rejects.toThrow(expected);
  });

  it('an endpoint that nobody answers at', async () => {
    const nowhere = { HF_ENDPOINT: 'http://127.0.0.1:9' };
    await expect(fetched('hf://lab/net/small.onnx', nowhere)).rejects.toThrow(/the hub .* can't be asked/);
    await fetched('hf://lab/net/small.onnx');
    expect((await fetched('hf://lab/net/small.onnx', nowhere)).bytes.toString()).toBe('small');
    expect(warnings.join()).toMatch(/can't be asked.*downloaded before is used: commit c0ffee/);
    hub.only = 503;
    expect((await fetched('hf://lab/net/small.onnx')).bytes.toString()).toBe('small');
  });

  it('offline: what is there, or a word', async () => {
    const offline = { HF_HUB_OFFLINE: '1' };
    await expect(fetched('hf://lab/net/small.onnx', offline)).rejects.toThrow(/HF_HUB_OFFLINE/);
    expect(hub.log).toEqual([]);
    await fetched('hf://lab/net/small.onnx');
    hub.log.length = 0;
    expect((await fetched('hf://lab/net/small.onnx', offline)).bytes.toString()).toBe('small');
    expect(hub.log).toEqual([]);
  });
});
