import { mkdir, rename, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../../common/errors.ts';
import { sha256 } from '../../common/json.ts';
import { type Download, download } from './download.ts';
import type { Fetched, FetchOptions } from './fetch.ts';
import { type Environment, isOffline, webFolder } from './folders.ts';
import { sourceText, type WebSource } from './source.ts';

/** Brings a file from the web; it lies in the cache under its digest. As `fetchSource`. */
export async function fetchFromWeb(source: WebSource, options: FetchOptions): Promise<Fetched> {
  const { env = process.env } = options;
  const folder = webFolder(env);
  const pathOf = (digest: string) => pathInCache(env, source.url, digest);
  if (source.sha256 === undefined && !options.unverified) {
    throw new UserError(
      `${source.url} has no digest, so nobody could tell when the file behind the address changes. Write #sha256=DIGEST behind it; \`mis models add ${source.url}\` downloads the file and writes its digest down.`,
    );
  }
  const expected = source.sha256;
  if (expected !== undefined && (await isFile(pathOf(expected)))) {
    return { path: pathOf(expected), beside: [], pinned: source };
  }
  if (isOffline(env, 'https')) {
    throw new UserError(
      `${sourceText(source)} isn't in ${folder}, and MIS_OFFLINE says that nothing is to be fetched.`,
    );
  }
  const digest = await bringFromWeb(
    source.url,
    expected === undefined ? {} : { expected: { algorithm: 'sha256', digest: expected } },
    expected === undefined ? join(folder, 'new', sha256(source.url)) : pathOf(expected),
    options,
  );
  return { path: pathOf(digest), beside: [], pinned: { ...source, sha256: digest } };
}

/** Path of the file with these bytes that an address led to. */
export function pathInCache(env: Environment, url: string, digest: string): string {
  const name = decodeURIComponent(basename(new URL(url).pathname)) || 'file';
  return join(webFolder(env), digest, name.replace(/[^\w.-]/g, '_'));
}

export const isFile = async (path: string): Promise<boolean> =>
  (await stat(path).catch(() => undefined))?.isFile() === true;

/** Downloads to `target`, and from there to the file's path in the cache. Gives its SHA-256. */
export async function bringFromWeb(
  url: string,
  told: Pick<Download, 'expected' | 'etag' | 'size'>,
  target: string,
  options: FetchOptions,
): Promise<string> {
  const { env = process.env, turn = (work) => work() } = options;
  const wanted = { url, what: url, ...told, explain: (status: number) => explain(url, status) };
  const digest = await turn(() => {
    options.onStart?.(url);
    return download(wanted, target, options.onProgress, options.patience);
  });
  const path = pathInCache(env, url, digest);
  if (path !== target) {
    await mkdir(dirname(path), { recursive: true });
    await rename(target, path);
  }
  return digest;
}

function explain(url: string, status: number): string | undefined {
  if (status === 404 || status === 410) {
    return `There is no file at ${url} (the server answers ${status}). Check the address in a browser.`;
  }
  if (status === 401 || status === 403) {
    return `${url} isn't open to everybody (the server answers ${status}). Download the file by hand and give its path.`;
  }
  return undefined;
}
