import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { codeOf, isMissing } from '../failures.ts';
import { copySynced, putBack, randomName, syncFolder } from '../files.ts';
import { point } from '../points.ts';
import { type Driver, RemoteFailure } from './driver.ts';

/** Copies that were cut off are removed after so long. */
const ABANDONED_MS = 24 * 3_600_000;

/** A folder that several machines see: a network share, a disk that is carried about. */
export function folderDriver(dir: string): Driver {
  /** A share that isn't mounted must not look like one that is empty. */
  async function there(): Promise<void> {
    const isThere = (await stat(dir).catch(() => undefined))?.isDirectory();
    if (!isThere) throw new RemoteFailure('there is no such folder (is it mounted?)', false);
  }

  async function orUndefined<T>(work: () => Promise<T>): Promise<T | undefined> {
    try {
      return await work();
    } catch (error) {
      if (!isMissing(error)) throw failed(error);
      await there();
      return undefined;
    }
  }

  return {
    size: (key) =>
      orUndefined(async () => {
        const info = await stat(join(dir, key));
        return info.isFile() ? info.size : -1;
      }),
    get: (key) =>
      orUndefined(async (): Promise<Readable> => {
        const file = await open(join(dir, key), 'r');
        return createReadStream('', { fd: file });
      }),
    async put(key, { path }, alive) {
      const target = join(dir, key);
      const copy = join(dir, 'tmp', randomName());
      try {
        await there();
        await mkdir(dirname(target), { recursive: true });
        await mkdir(dirname(copy), { recursive: true });
        await removeAbandoned(dirname(copy));
        await copySynced(path, copy);
        alive();
        await point('remote:before-rename');
        await putBack(copy, target);
        await syncFolder(dirname(target));
      } catch (error) {
        await rm(copy, { force: true }).catch(() => undefined);
        if (isMissing(error)) await there();
        throw failed(error);
      }
    },
    async list(folder) {
      return (await orUndefined(() => readdir(join(dir, folder)))) ?? [];
    },
    close: async () => undefined,
  };
}

const failed = (error: unknown): Error =>
  error instanceof RemoteFailure
    ? error
    : new RemoteFailure(
        (error as Error).message,
        ['EIO', 'ESTALE', 'ETIMEDOUT'].includes(codeOf(error) ?? ''),
      );

const swept = new Set<string>();

async function removeAbandoned(tmp: string): Promise<void> {
  if (swept.has(tmp)) return;
  swept.add(tmp);
  for (const name of await readdir(tmp)) {
    const info = await stat(join(tmp, name)).catch(() => undefined);
    if (info && Date.now() - info.mtimeMs > ABANDONED_MS) await rm(join(tmp, name), { force: true });
  }
}
