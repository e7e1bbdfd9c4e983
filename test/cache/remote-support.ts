import { createReadStream, readFileSync, statSync } from 'node:fs';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { createServer, type ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { AddressInfo } from 'node:net';
import { dirname, join } from 'node:path';
import type { Patience } from '../../cache/remote/remote.ts';
import { signedFront } from './signed-front.ts';

/** So short that faults don't hold up the tests. */
export const HASTY: Patience = { tries: 3, pauseMs: 5, idleMs: 300, sendMs: 2_000 };

/** What a web server does instead of answering well: a status, or harm to the bytes. */
export type Fault = number | 'cut' | 'stall' | 'silence' | 'flip' | 'short' | 'endless' | undefined;

export interface WebServer {
  readonly url: string;
  /** `GET /path` of every request, in order. */
  readonly asked: string[];
  /** Decides on the fault of each request. */
  fault: (path: string, method: string) => Fault;
  close(): Promise<void>;
}

/** A web server over a folder that can be told to fail. */
export async function webServer(dir: string): Promise<WebServer> {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/');
    const method = request.method ?? 'GET';
    it.asked.push(`${method} ${path}`);
    const fault = it.fault(path, method);
    if (fault === 'silence') return;
    if (typeof fault === 'number') return void response.writeHead(fault).end('no');
    const file = join(dir, path);
    const bytes = statSync(file, { throwIfNoEntry: false });
    if (!bytes?.isFile()) return void response.writeHead(404).end();
    if (fault !== 'endless') response.setHeader('content-length', bytes.size);
    if (method === 'HEAD') return void response.writeHead(200).end();
    if (fault === undefined) return void createReadStream(file).pipe(response);
    harmed(response, readFileSync(file), fault);
  });
  const it: WebServer = {
    url: '',
    asked: [],
    fault: () => undefined,
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  };
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return Object.assign(it, { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
}

function harmed(response: ServerResponse, data: Buffer, fault: Fault): void {
  const half = data.subarray(0, data.length >> 1);
  if (fault === 'cut') response.write(half, () => response.destroy());
  if (fault === 'stall') response.write(half);
  if (fault === 'short') response.removeHeader('content-length');
  if (fault === 'short') response.end(half);
  if (fault === 'flip') {
    const wrong = Buffer.from(data);
    wrong[wrong.length >> 1]! ^= 1;
    response.end(wrong);
  }
  if (fault === 'endless') {
    const more = (): void => void response.write(Buffer.alloc(1 << 16), (error) => error ?? more());
    more();
  }
}

export interface S3Server {
  readonly endpoint: string;
  readonly env: NodeJS.ProcessEnv;
  close(): Promise<void>;
}

/** A server of the S3 protocol that checks signatures; objects lie in a folder of its own. Its one bucket: `team`. */
export async function s3Server(directory: string): Promise<S3Server> {
  const S3rver = createRequire(import.meta.url)('s3rver') as new (
    options: object,
  ) => {
    run(): Promise<AddressInfo>;
    close(): Promise<void>;
  };
  const options = { address: '127.0.0.1', port: 0, silent: true, directory };
  const server = new S3rver({ ...options, configureBuckets: [{ name: 'team' }] });
  const front = signedFront((await server.run()).port, { S3RVER: 'S3RVER' });
  await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(front.address() as AddressInfo).port}`;
  const key = { AWS_ACCESS_KEY_ID: 'S3RVER', AWS_SECRET_ACCESS_KEY: 'S3RVER' };
  return {
    endpoint,
    env: { ...key, AWS_REGION: 'us-east-1', AWS_ENDPOINT_URL: endpoint },
    async close() {
      front.closeAllConnections();
      front.close();
      await server.close();
    },
  };
}

/** Writes over a file, read-only or not. */
export async function overwrite(path: string, data: string | Buffer): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await chmod(path, 0o644).catch(() => undefined);
  await writeFile(path, data);
}

export function flipped(path: string): Buffer {
  const data = readFileSync(path);
  data[data.length >> 1]! ^= 1;
  return data;
}
