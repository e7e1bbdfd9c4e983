import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fetchSource, forgetSources } from '../../../cache/sources/fetch.ts';
import { sourceText } from '../../../cache/sources/source.ts';

const NET = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * i) % 253));
const SHA256 = createHash('sha256').update(NET).digest('hex');
const DEEP = `package/${'deep/'.repeat(30)}x.onnx`;

let server: Server;
let url: string;
let folder: string;
let answers: Record<string, { status?: number; body: Uint8Array | string; breakAfter?: number[] }>;
let log: string[];

async function packed(files: Record<string, Uint8Array>): Promise<Buffer> {
  const tar = pack();
  for (const [name, bytes] of Object.entries(files)) tar.entry({ name }, Buffer.from(bytes));
  tar.finalize();
  const parts: Buffer[] = [];
  for await (const part of tar) parts.push(part as Buffer);
  return gzipSync(Buffer.concat(parts));
}

async function fetched(text: string, unverified = false, more: Record<string, string> = {}) {
  forgetSources();
  const env = { MIS_CACHE: folder, npm_config_registry: url, ...more };
  const found = await fetchSource(text, {
    env,
    unverified,
    patience: { attempts: 2, waitMs: 1, silenceMs: 500 },
  });
  return { ...found!, bytes: readFileSync(found!.path) };
}

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mis-web-'));
  log = [];
  server = createServer((request, response) => {
    log.push(`${request.url}${request.headers.range ? ` ${request.headers.range}` : ''}`);
    const answer = answers[decodeURIComponent(request.url!)];
    if (!answer) return void response.writeHead(404).end();
    const bytes = Buffer.from(answer.body);
    const first = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const range = first > 0 ? { 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` } : {};
    const part = bytes.subarray(first);
    response.writeHead(answer.status ?? (first > 0 ? 206 : 200), { ...range, 'content-length': part.length });
    const most = answer.breakAfter?.shift();
    if (most === undefined) response.end(part);
    else response.write(part.subarray(0, most), () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const tarball = await packed({
    'package/package.json': Buffer.from('{}'),
    'package/nets/net.onnx': NET,
    'package/empty': Buffer.alloc(0),
    [DEEP]: Buffer.from('deep'),
  });
  const integrity = `sha512-${createHash('sha512').update(tarball).digest('base64')}`;
  const dist = { tarball: `${url}/nets.tgz`, integrity };
  answers = {
    '/net.onnx': { body: NET },
    '/nets.tgz': { body: tarball },
    '/@lab/nets/1.0.0': { body: JSON.stringify({ dist }) },
    '/bad/1.0.0': { body: JSON.stringify({ dist: { ...dist, integrity: `sha512-${'A'.repeat(86)}==` } }) },
    '/none/1.0.0': { body: JSON.stringify({ dist: { tarball: dist.tarball } }) },
  };
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true });
});

describe('a file from the web', () => {
  it('is kept under its digest, and taken from there', async () => {
    const first = await fetched(`${url}/net.onnx#sha256=${SHA256}`);
    expect(first.path).toBe(join(folder, 'https', SHA256, 'net.onnx'));
    expect(first.bytes.equals(NET)).toBe(true);
    await fetched(`${url}/net.onnx#sha256=${SHA256}`, false, { MIS_OFFLINE: '1' });
    expect(log).toEqual(['/net.onnx']);
  });

  it('without a digest is refused, unless it is to be found out', async () => {
    await expect(fetched(`${url}/net.onnx`)).rejects.toThrow(/has no digest.*mis models add/);
    const { pinned, path } = await fetched(`${url}/net.onnx`, true);
    expect(sourceText(pinned)).toBe(`${url}/net.onnx#sha256=${SHA256}`);
    expect(path).toBe(join(folder, 'https', SHA256, 'net.onnx'));
  });

  it('with another digest, missing, closed, offline, broken', async () => {
    const wrong = `${url}/net.onnx#sha256=${'00'.repeat(32)}`;
    await expect(fetched(wrong)).rejects.toThrow(`its sha256 is ${SHA256}, expected is 0000`);
    expect(readdirSync(join(folder, 'https', '00'.repeat(32)))).toEqual([]);
    await expect(fetched(wrong, false, { MIS_OFFLINE: '1' })).rejects.toThrow(/MIS_OFFLINE/);
    await expect(fetched(`${url}/no.onnx#sha256=${SHA256}`)).rejects.toThrow(/no file at .*404/);
    answers['/closed'] = { status: 403, body: '' };
    await expect(fetched(`${url}/closed#sha256=${SHA256}`)).rejects.toThrow(/isn't open to everybody/);
    answers['/net.onnx']!.breakAfter = [20_000, 20_000];
    expect((await fetched(`${url}/net.onnx#sha256=${SHA256}`)).bytes.equals(NET)).toBe(true);
    expect(log.at(-1)).toMatch(/bytes=\d{5}-/);
  });
});

describe('a file of an npm package', () => {
  it('is checked with its package and kept', async () => {
    const { path, bytes } = await fetched('npm:@lab/nets@1.0.0/nets/net.onnx');
    expect(bytes.equals(NET)).toBe(true);
    expect(path).toBe(join(folder, 'npm/@lab/nets/1.0.0/files/nets/net.onnx'));
    await fetched('npm:@lab/nets@1.0.0/nets/net.onnx');
    expect(log).toEqual(['/@lab%2Fnets/1.0.0', '/nets.tgz']);
    expect(readdirSync(join(folder, 'npm/@lab/nets/1.0.0'))).toEqual(['files']);
    expect((await fetched('npm:@lab/nets@1.0.0/empty')).bytes).toHaveLength(0);
    const deep = `npm:@lab/nets@1.0.0/${DEEP.slice('package/'.length)}`;
    expect((await fetched(deep)).bytes.toString()).toBe('deep');
  });

  it('that fails is told', async () => {
    await expect(fetched('npm:bad@1.0.0/nets/net.onnx')).rejects.toThrow(/its sha512 is/);
    await expect(fetched('npm:none@1.0.0/nets/net.onnx')).rejects.toThrow(/states no integrity/);
    await expect(fetched('npm:absent@1.0.0/x')).rejects.toThrow(/no version 1\.0\.0 of a package absent/);
    await expect(fetched('npm:@lab/nets@1.0.0/x.onnx')).rejects.toThrow(/has no file x\.onnx/);
    await expect(fetched('npm:@lab/nets@1.0.0/x', false, { MIS_OFFLINE: '1' })).rejects.toThrow(
      /MIS_OFFLINE/,
    );
    await expect(
      fetched('npm:a@1.0.0/x', false, { npm_config_registry: 'http://127.0.0.1:9' }),
    ).rejects.toThrow(/registry .* can't be asked/);
  });
});
