import { createHash } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { createWriteStream } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import pLimit from 'p-limit';
import { codeOf } from '../failures.ts';
import type { Address } from './address.ts';
import { broken, type Driver, RemoteFailure, type Sent } from './driver.ts';

/** A driver with patience: few retries, an end to every wait, not too much at once, and bytes that are looked at. */
export interface Remote {
  readonly name: string;
  readonly canWrite: boolean;
  readonly canList: boolean;
  size(key: string): Promise<number | undefined>;
  /** A small file's text; undefined when it isn't there. WrongBytes when it is larger than `most` bytes. */
  text(key: string, most: number): Promise<string | undefined>;
  /**
   * Writes what is under a key to a file whose SHA-256 and length are known; false when there is nothing. Throws
   * WrongBytes when something else comes. The file may be left in pieces.
   */
  fetch(key: string, to: string, wanted: Wanted, onBytes?: (bytes: number) => void): Promise<boolean>;
  send(key: string, file: Sent): Promise<void>;
  list(folder: string): Promise<string[]>;
  close(): Promise<void>;
}

export interface Wanted {
  readonly digest: string;
  /** Most bytes that may come. */
  readonly bytes: number;
}

/** What came isn't what it should be. */
export class WrongBytes extends Error {
  override readonly name = 'WrongBytes';
}

export interface Patience {
  /** Tries of one request. */
  readonly tries: number;
  /** Before the second try, ms; doubled for each further one. */
  readonly pauseMs: number;
  /** So long nothing may come, ms. */
  readonly idleMs: number;
  /** So long one part of a file may take to be sent, ms. */
  readonly sendMs: number;
}

export const PATIENCE: Patience = { tries: 3, pauseMs: 300, idleMs: 15_000, sendMs: 300_000 };
const READS_AT_ONCE = 8;
const WRITES_AT_ONCE = 4;

export async function openRemote(address: Address, patience: Patience = PATIENCE): Promise<Remote> {
  const driver = await address.open();
  return createRemote(address.name, driver, patience);
}

export function createRemote(name: string, driver: Driver, patience: Patience = PATIENCE): Remote {
  const reading = pLimit(READS_AT_ONCE);
  const writing = pLimit(WRITES_AT_ONCE);
  /** Set at the first answer: a place that never answered isn't waited for a second time. */
  let answers = false;
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);

  async function retried<T>(
    idleMs: number,
    work: (alive: () => void, signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        const result = await withinIdle(idleMs, closing.signal, work);
        answers = true;
        return result;
      } catch (error) {
        if (!(error instanceof RemoteFailure) || closing.signal.aborted) throw error;
        const again = error.passing && attempt < patience.tries && (answers || !(error instanceof Silence));
        if (!again) throw error;
        await sleep(patience.pauseMs * 2 ** (attempt - 1));
      }
    }
  }

  const read = <T>(work: (alive: () => void, signal: AbortSignal) => Promise<T>): Promise<T> =>
    reading(() => retried(patience.idleMs, work));

  return {
    name,
    canWrite: driver.put !== undefined,
    canList: driver.list !== undefined,
    size: (key) => read((_, signal) => driver.size(key, signal)),
    text: (key, most) =>
      read(async (alive, signal) => {
        const stream = await driver.get(key, signal);
        if (!stream) return undefined;
        const chunks: Buffer[] = [];
        const counted = counter(most, alive);
        await received(
          pipeline(
            stream,
            counted,
            async (chunk) => {
              for await (const each of chunk) chunks.push(each as Buffer);
            },
            { signal },
          ),
        );
        return Buffer.concat(chunks).toString('utf8');
      }),
    fetch: (key, to, wanted, onBytes) =>
      read(async (alive, signal) => {
        const stream = await driver.get(key, signal);
        if (!stream) return false;
        const hash = createHash('sha256');
        const counted = counter(wanted.bytes, (bytes, chunk) => {
          hash.update(chunk);
          alive();
          onBytes?.(bytes);
        });
        await received(pipeline(stream, counted, createWriteStream(to), { signal }));
        const found = hash.digest('hex');
        if (found !== wanted.digest) throw new WrongBytes(`its bytes have the digest ${found}`);
        return true;
      }),
    send: (key, file) => writing(() => retried(patience.sendMs, (alive) => driver.put!(key, file, alive))),
    list: (folder) => read(() => driver.list!(folder)),
    close() {
      closing.abort();
      return driver.close();
    },
  };
}

/** Nothing came for too long. */
class Silence extends RemoteFailure {}

/** Runs work that has to show signs of life; its signal is aborted when it doesn't, or nobody waits for it any more. */
async function withinIdle<T>(
  idleMs: number,
  closing: AbortSignal,
  work: (alive: () => void, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  let close = (): void => {};
  try {
    return await new Promise<T>((resolve, reject) => {
      close = () => {
        reject(new RemoteFailure('it was closed', false));
        controller.abort();
      };
      if (closing.aborted) return close();
      closing.addEventListener('abort', close);
      const alive = (): void => {
        clearTimeout(timer);
        timer = setTimeout(() => {
          reject(new Silence(`nothing came for ${idleMs / 1000} s`, true));
          controller.abort();
        }, idleMs);
      };
      alive();
      work(alive, controller.signal).then(resolve, reject);
    });
  } finally {
    clearTimeout(timer);
    closing.removeEventListener('abort', close);
  }
}

/** Lets bytes through and counts them; more than `most` are an error, so that nobody fills our disk. */
function counter(most: number, seen: (bytes: number, chunk: Buffer) => void): Transform {
  let bytes = 0;
  return new Transform({
    transform(chunk: Buffer, _, done) {
      bytes += chunk.length;
      if (bytes > most) return done(new WrongBytes(`it is longer than ${most} bytes`));
      seen(chunk.length, chunk);
      done(null, chunk);
    },
  });
}

/** Tells a full disk of ours (left as it is) from a connection that broke. */
async function received(coming: Promise<void>): Promise<void> {
  try {
    await coming;
  } catch (error) {
    const ours = ['ENOSPC', 'EDQUOT', 'EACCES', 'EROFS', 'EMFILE'].includes(codeOf(error) ?? '');
    throw ours || error instanceof WrongBytes ? error : broken(error);
  }
}
