import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../common/errors.ts';
import { takePartial } from './partial.ts';

/** What the bytes of a file must hash to. */
export interface Expected {
  /** `git`: the id of a git blob, SHA-1 over a header with the size and the bytes. */
  readonly algorithm: 'sha256' | 'sha512' | 'git';
  /** Lower-case hexadecimal. */
  readonly digest: string;
}

export interface Download {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** For messages: the source as the config names it. */
  readonly what: string;
  readonly expected?: Expected;
  /** The server's name for the version that is meant (a strong ETag), where it was asked before: `target` must be of its own. */
  readonly etag?: string;
  /** Bytes, where known before. */
  readonly size?: number;
  /** What to tell of an answer other than success; undefined for the usual words. */
  explain?(status: number): string | undefined;
}

export interface Patience {
  /** Failures in a row, without a byte between them, before it is given up. */
  readonly attempts: number;
  /** Wait after the first failure; doubles with every further one. */
  readonly waitMs: number;
  /** A connection that is silent for so long is broken off. */
  readonly silenceMs: number;
}

export const PATIENCE: Patience = { attempts: 5, waitMs: 500, silenceMs: 60_000 };

/** How much has come; the total is undefined where the server doesn't tell. */
export type OnProgress = (done: number, total: number | undefined) => void;

/**
 * Downloads a file to `target`, which appears whole or not at all. A connection that breaks is taken up again where it
 * broke, also by a later process where `expected` or `etag` makes that safe. Gives the SHA-256 of the bytes. Throws a UserError when
 * the server refuses, the connection breaks again and again, or the bytes aren't the expected ones (they are removed).
 */
export async function download(
  wanted: Download,
  target: string,
  onProgress: OnProgress = () => {},
  patience: Patience = PATIENCE,
): Promise<string> {
  await mkdir(dirname(target), { recursive: true });
  const partial = await takePartial(target);
  try {
    if (!wanted.expected && !wanted.etag) await rm(partial.path, { force: true });
    const digest = await fill(wanted, partial.path, onProgress, patience);
    await rename(partial.path, target);
    return digest;
  } finally {
    partial.give();
  }
}

async function fill(
  wanted: Download,
  path: string,
  onProgress: OnProgress,
  patience: Patience,
): Promise<string> {
  const file = await open(path, 'a+');
  const state: State = { file, wanted, onProgress, patience, path, have: (await file.stat()).size };
  if (wanted.etag !== undefined) state.etag = wanted.etag;
  try {
    let failures = 0;
    for (;;) {
      const before = state.have;
      const failure = await attempt(state);
      if (failure === undefined) break;
      failures = state.have > before ? 1 : failures + 1;
      if (failures >= patience.attempts) throw broken(state, failure);
      await sleep(patience.waitMs * 2 ** (failures - 1));
    }
    await file.sync();
    return await verified(state);
  } finally {
    await file.close();
  }
}

interface State {
  readonly file: FileHandle;
  readonly path: string;
  readonly wanted: Download;
  readonly onProgress: OnProgress;
  readonly patience: Patience;
  /** Bytes in the file. */
  have: number;
  /** Bytes of the whole, once told. */
  total?: number | undefined;
  /** The server's name for this version of the file: what is appended must be of the same. */
  etag?: string;
}

/** One connection. Gives the reason when it failed in a way that may pass; undefined when the file is whole. */
async function attempt(state: State): Promise<string | undefined> {
  const { wanted, patience } = state;
  const abort = new AbortController();
  let timer = setTimeout(() => abort.abort(), patience.silenceMs);
  const alive = () => {
    clearTimeout(timer);
    timer = setTimeout(() => abort.abort(), patience.silenceMs);
  };
  try {
    if (wanted.size !== undefined && state.have >= wanted.size) {
      if (state.have === wanted.size) return undefined;
      await restart(state);
    }
    const response = await fetch(wanted.url, { headers: headersOf(state), signal: abort.signal });
    const start = await accepted(state, response);
    if (typeof start === 'string') return start;
    if (start !== state.have) await restart(state);
    for await (const bytes of response.body ?? []) {
      alive();
      await state.file.write(bytes);
      state.have += bytes.length;
      state.onProgress(state.have, state.total);
    }
    return state.total !== undefined && state.have < state.total ? 'the connection ended early' : undefined;
  } catch (error) {
    if (error instanceof UserError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') {
      throw new UserError(`There is no room on the disk for ${wanted.what} (in ${dirname(state.path)}).`);
    }
    return abort.signal.aborted ? `no byte came for ${patience.silenceMs / 1000} s` : reasonOf(error);
  } finally {
    clearTimeout(timer);
  }
}

function headersOf({ wanted, have, etag }: State): Record<string, string> {
  if (have === 0) return { ...wanted.headers, 'accept-encoding': 'identity' };
  const same = etag === undefined ? {} : { 'if-range': etag };
  return { ...wanted.headers, ...same, 'accept-encoding': 'identity', range: `bytes=${have}-` };
}

/** The place of the answer's first byte in the file; or the reason why another attempt may go better. */
async function accepted(state: State, response: Response): Promise<number | string> {
  const { wanted } = state;
  const { status, headers } = response;
  if (status === 200 || status === 206) {
    const [, first, total] = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(headers.get('content-range') ?? '') ?? [];
    const etag = headers.get('etag');
    if (etag?.startsWith('"')) state.etag = etag;
    const whole = status === 206 ? total : headers.get('content-length');
    state.total = Number(whole) > 0 ? Number(whole) : wanted.size;
    return status === 206 ? Number(first) : 0;
  }
  await response.body?.cancel();
  if (status === 416) {
    // Nothing is left to send: what is here is the whole, or has nothing to do with it.
    if (headers.get('content-range') === `bytes */${state.have}`) {
      state.total = state.have;
      return state.have;
    }
    await restart(state);
    return 'the server has another file by now';
  }
  if (status >= 500 || status === 408 || status === 429) return `the server answers ${status}`;
  throw new UserError(
    wanted.explain?.(status) ?? `${wanted.what} can't be downloaded: the server answers ${status}.`,
  );
}

async function restart(state: State): Promise<void> {
  await state.file.truncate(0);
  state.have = 0;
}

async function verified({ path, wanted, have }: State): Promise<string> {
  const hashes = new Map<string, Hash>([['sha256', createHash('sha256')]]);
  const { expected } = wanted;
  if (expected?.algorithm === 'sha512') hashes.set('sha512', createHash('sha512'));
  if (expected?.algorithm === 'git') hashes.set('git', createHash('sha1').update(`blob ${have}\0`));
  for await (const bytes of createReadStream(path)) for (const hash of hashes.values()) hash.update(bytes);
  const digests = new Map([...hashes].map(([name, hash]) => [name, hash.digest('hex')]));
  const found = expected && digests.get(expected.algorithm);
  if (found !== expected?.digest) {
    await rm(path, { force: true });
    throw new UserError(
      `${wanted.what} isn't what it should be: its ${expected!.algorithm === 'git' ? 'git id' : expected!.algorithm} is ${found}, expected is ${expected!.digest}. The ${have} bytes that came were removed. Either the file has changed at its source, or the digest is that of another file; see which one you mean before you change the digest.`,
    );
  }
  return digests.get('sha256')!;
}

function broken({ wanted, have }: State, reason: string): UserError {
  const kept =
    (wanted.expected || wanted.etag) && have > 0
      ? ` The ${have} bytes that came are kept, and the next try goes on from there.`
      : '';
  return new UserError(
    `${wanted.what} can't be downloaded from ${new URL(wanted.url).host}: ${reason}. It was tried several times.${kept}`,
  );
}

/** Why a connection failed: the cause that fetch hides in its error. */
export function reasonOf(error: unknown): string {
  const cause = error instanceof Error ? (error.cause ?? error) : error;
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') return 'the host is not found';
  if (code === 'ECONNREFUSED') return 'nobody answers there';
  if (code === 'ECONNRESET' || code === 'UND_ERR_SOCKET') return 'the connection was broken off';
  return message || code || String(cause);
}
