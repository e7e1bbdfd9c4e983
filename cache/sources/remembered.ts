import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../../common/errors.ts';
import { sha256 } from '../../common/json.ts';
import { reasonOf } from './download.ts';
import type { Fetched, FetchOptions } from './fetch.ts';
import { isOffline, webFolder } from './folders.ts';
import type { WebSource } from './source.ts';
import { bringFromWeb, isFile, pathInCache } from './web.ts';

/** What a server tells of a file without sending it. */
interface Version {
  readonly etag?: string;
  readonly modified?: string;
  /** Bytes. */
  readonly size?: number;
}

/** What the cache remembers of an address: which bytes it led to, and what the server called them. */
interface Remembered extends Version {
  readonly url: string;
  readonly sha256: string;
}

/**
 * Brings a file from the web whose digest isn't given. Its digest is remembered in the cache; the server is asked each time
 * whether it still has that version (ETag, else date, and size), and the file is downloaded anew, with a warning, when it
 * hasn't. Where the server can't be asked, or gives another answer than a description, the file that is there is taken.
 * As `fetchSource`.
 */
export async function fetchRemembered(source: WebSource, options: FetchOptions): Promise<Fetched> {
  const { env = process.env } = options;
  const { url } = source;
  const record = join(webFolder(env), 'known', `${sha256(url)}.json`);
  const known = await read(record, url);
  const fetched = (digest: string): Fetched => ({
    path: pathInCache(env, url, digest),
    beside: [],
    pinned: { ...source, sha256: digest },
  });
  const here = known && (await isFile(fetched(known.sha256).path)) ? known : undefined;
  if (isOffline(env, 'https')) {
    if (here) return fetched(here.sha256);
    throw new UserError(
      `${url} isn't in ${webFolder(env)}, and MIS_OFFLINE says that nothing is to be fetched.`,
    );
  }
  const now = await ask(url);
  if (here && typeof now === 'string') {
    options.warn?.(
      `${new URL(url).host} can't be asked whether its files have changed: ${now}. What was downloaded before is used.`,
    );
    return fetched(here.sha256);
  }
  const version = typeof now === 'string' ? {} : now;
  if (here && isSame(here, version)) return fetched(here.sha256);
  const { etag, size } = version;
  const strong = etag?.startsWith('"') ? { etag } : {};
  const target = join(webFolder(env), 'new', sha256(`${url} ${etag ?? ''}`));
  const digest = await bringFromWeb(url, { ...strong, ...(size && { size }) }, target, options);
  if (known && known.sha256 !== digest)
    options.warn?.(
      `${url} has changed at its source: its SHA-256 was ${known.sha256}, and is ${digest} now.`,
    );
  else if (!known) options.onDigest?.(url, digest);
  await write(record, { url, sha256: digest, ...version });
  return fetched(digest);
}

const isSame = (one: Version, other: Version): boolean =>
  one.size === other.size &&
  one.etag === other.etag &&
  (one.etag !== undefined || one.modified === other.modified);

/** What the server tells, or the reason why it doesn't. */
async function ask(url: string): Promise<Version | string> {
  try {
    const { ok, status, headers } = await fetch(url, {
      method: 'HEAD',
      headers: { 'accept-encoding': 'identity' },
      signal: AbortSignal.timeout(30_000),
    });
    if (!ok) return `it answers ${status}`;
    const etag = headers.get('etag');
    const modified = headers.get('last-modified');
    const size = Number(headers.get('content-length'));
    return { ...(etag && { etag }), ...(modified && { modified }), ...(size > 0 && { size }) };
  } catch (error) {
    return reasonOf(error);
  }
}

async function read(record: string, url: string): Promise<Remembered | undefined> {
  try {
    const found = JSON.parse(await readFile(record, 'utf8')) as Remembered;
    return found.url === url && /^[0-9a-f]{64}$/.test(found.sha256) ? found : undefined;
  } catch {
    return undefined;
  }
}

async function write(record: string, remembered: Remembered): Promise<void> {
  await mkdir(dirname(record), { recursive: true });
  const temporary = `${record}.${process.pid}.tmp`;
  await writeFile(temporary, `${JSON.stringify(remembered, null, 2)}\n`);
  await rename(temporary, record);
}
