import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A repository of the server below; that of a data set is named `datasets/ORG/NAME`. */
export interface Repository {
  readonly commit: string;
  readonly branches: readonly string[];
  readonly files: Readonly<Record<string, Uint8Array>>;
  /** Files of at least so many bytes are "large": stored by SHA-256, and answered with a redirect to another host. */
  readonly large?: number;
  /** Token that is asked for. */
  readonly token?: string;
}

export interface HubServer {
  readonly url: string;
  /** One line a request: `GET /path range=…`. */
  readonly log: string[];
  /** Breaks the next answers with content off after so many bytes. */
  breakAfter: number[];
  /** Puts out other bytes than it says. */
  lies: boolean;
  /** Answers nothing but this status. */
  only: number | undefined;
  close(): Promise<void>;
}

export const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const gitId = (bytes: Uint8Array) =>
  createHash('sha1').update(`blob ${bytes.length}\0`).update(bytes).digest('hex');

/**
 * Speaks as much of the Hugging Face hub's protocol as a download needs: the model's description at a revision, what is
 * known of paths, and `resolve`, which sends large files on to a second server (the content network). That one gets no token.
 */
export async function startHub(repositories: Readonly<Record<string, Repository>>): Promise<HubServer> {
  const content = new Map<string, Uint8Array>();
  const log: string[] = [];
  const store = createServer((request, response) => {
    log.push(line('CDN', request));
    if (request.headers.authorization) return end(response, 400, {}, 'no token belongs here');
    const bytes = content.get(request.url ?? '');
    return bytes ? send(server, request, response, bytes) : end(response, 404, {}, '');
  });
  const main = createServer(async (request, response) => {
    log.push(line(request.method ?? '', request));
    if (server.only !== undefined) return end(response, server.only, {}, '');
    answer(request, response, await bodyOf(request));
  });
  const ports = await Promise.all(
    [main, store].map(
      (each) =>
        new Promise<number>((resolve) =>
          each.listen(0, '127.0.0.1', () => resolve((each.address() as AddressInfo).port)),
        ),
    ),
  );
  const server: HubServer = {
    url: `http://127.0.0.1:${ports[0]}`,
    log,
    breakAfter: [],
    lies: false,
    only: undefined,
    async close() {
      for (const each of [main, store]) {
        each.closeAllConnections();
        await new Promise((resolve) => each.close(resolve));
      }
    },
  };

  function answer(request: IncomingMessage, response: ServerResponse, body: string): unknown {
    const path = (request.url ?? '').split('?')[0]!;
    const [, api, name = '', verb = '', inPath = '', file = ''] =
      /^\/(api\/(?:models\/|(?=datasets\/)))?((?:datasets\/)?[^/]+\/[^/]+)\/(revision|paths-info|resolve)\/([^/]+)\/?(.*)$/.exec(
        path,
      ) ?? [];
    const revision = decodeURIComponent(inPath);
    const repository = repositories[name];
    if (!repository || (repository.token && request.headers.authorization !== `Bearer ${repository.token}`)) {
      const code = repository ? 'GatedRepo' : 'RepoNotFound';
      return error(response, request.headers.authorization && !repository ? 404 : 401, code);
    }
    const { commit, branches, files, large = 1000 } = repository;
    if (revision !== commit && !branches.includes(revision)) return error(response, 404, 'RevisionNotFound');
    if (api && verb === 'revision') return json(response, { _id: '1', id: name, sha: commit });
    if (api && verb === 'paths-info') {
      const { paths } = JSON.parse(body) as { paths: string[] };
      const known = paths.flatMap((each) => {
        const bytes = files[each];
        if (!bytes) return [];
        const lfs =
          bytes.length >= large ? { oid: sha256(bytes), size: bytes.length, pointerSize: 130 } : undefined;
        return [{ type: 'file', path: each, oid: gitId(bytes), size: bytes.length, lfs }];
      });
      return json(response, known);
    }
    const bytes = files[file];
    if (!bytes) return error(response, 404, 'EntryNotFound');
    const headers = { 'x-repo-commit': commit };
    if (bytes.length < large) return send(server, request, response, bytes, headers);
    const place = `/${sha256(bytes)}`;
    content.set(place, bytes);
    const linked = { 'x-linked-etag': `"${sha256(bytes)}"`, 'x-linked-size': String(bytes.length) };
    return end(
      response,
      302,
      { ...headers, ...linked, location: `http://localhost:${ports[1]}${place}` },
      '',
    );
  }
  return server;
}

function send(
  server: HubServer,
  request: IncomingMessage,
  response: ServerResponse,
  bytes: Uint8Array,
  headers: Record<string, string> = {},
): unknown {
  const etag = `"${sha256(bytes)}"`;
  const asked = /^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1];
  const condition = request.headers['if-range'];
  const first =
    asked !== undefined && (condition === undefined || condition === etag) ? Number(asked) : undefined;
  if (first !== undefined && first >= bytes.length) {
    return end(response, 416, { 'content-range': `bytes */${bytes.length}` }, '');
  }
  const part = Buffer.from(bytes.subarray(first ?? 0));
  if (server.lies) part[0]! ^= 1;
  response.writeHead(first === undefined ? 200 : 206, {
    ...headers,
    etag,
    'content-length': part.length,
    ...(first === undefined ? {} : { 'content-range': `bytes ${first}-${bytes.length - 1}/${bytes.length}` }),
  });
  const most = request.method === 'HEAD' ? undefined : server.breakAfter.shift();
  if (most === undefined) return void response.end(part);
  response.write(part.subarray(0, most), () => response.destroy());
}

const line = (verb: string, { url, headers }: IncomingMessage) =>
  `${verb} ${(url ?? '').split('?')[0]}${headers.range ? ` ${headers.range}` : ''}`;

function end(response: ServerResponse, status: number, headers: Record<string, string>, body: string): void {
  response.writeHead(status, headers).end(body);
}

const json = (response: ServerResponse, value: unknown) =>
  end(response, 200, { 'content-type': 'application/json' }, JSON.stringify(value));

const error = (response: ServerResponse, status: number, code: string) =>
  end(
    response,
    status,
    { 'x-error-code': code, 'content-type': 'application/json' },
    JSON.stringify({ error: code }),
  );

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
