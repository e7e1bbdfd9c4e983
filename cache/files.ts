import { createHash, randomBytes } from 'node:crypto';
import { type BigIntStats, constants, statSync } from 'node:fs';
import {
  access,
  chmod,
  copyFile,
  type FileHandle,
  link,
  mkdir,
  open,
  rename,
  rm,
  stat,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { UserError } from '../common/errors.ts';
import { codeOf, explain, isMissing } from './failures.ts';

const CHUNK = 1 << 20;

/** Ten characters that no other process will choose. */
export function randomName(): string {
  return randomBytes(5).toString('hex');
}

/** SHA-256 and length of what an open file holds. Reads in chunks of 1 MiB. */
export async function hashHandle(file: FileHandle): Promise<{ digest: string; bytes: number }> {
  const hash = createHash('sha256');
  const { size } = await file.stat();
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(CHUNK, size + 1)));
  let bytes = 0;
  for (;;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, bytes);
    if (bytesRead === 0) break;
    hash.update(buffer.subarray(0, bytesRead));
    bytes += bytesRead;
  }
  return { digest: hash.digest('hex'), bytes };
}

/** What a path leads to, undefined when nothing. Synchronous: a cheap look at many files is ten times faster so. */
export function statNow(path: string): BigIntStats | undefined {
  try {
    return statSync(path, { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    throw explain(error, path);
  }
}

/** What tells a file from one that took its place, and how large it is. */
export interface FileLook {
  readonly ino: number;
  readonly size: number;
  readonly mtimeMs: number;
}

/** The file that a path leads to, undefined when none. A third less work than {@link statNow}. */
export function fileNow(path: string): FileLook | undefined {
  try {
    const found = statSync(path, { throwIfNoEntry: false });
    return found?.isFile() ? found : undefined;
  } catch (error) {
    throw explain(error, path);
  }
}

/** Opens a file, hands it to `work`, closes it whatever happens. */
export async function withFile<T>(
  path: string,
  flags: string,
  work: (file: FileHandle) => Promise<T>,
): Promise<T> {
  const file = await open(path, flags);
  try {
    return await work(file);
  } finally {
    await file.close();
  }
}

/** Makes a folder and those above it. Node says ENOENT where a read-only file system is why: the cause is looked up. */
export async function makeFolder(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true });
  } catch (error) {
    let above = dirname(path);
    while (codeOf(error) === 'ENOENT' && !statNow(above)) above = dirname(above);
    if (codeOf(error) === 'ENOENT') await access(above, constants.W_OK | constants.X_OK);
    throw error;
  }
}

/**
 * A folder in the store, and the one above it if need be. Where a team made the store's folder writable for its group, the
 * new ones are so too, whatever each member's umask. UserError when the store was removed meanwhile: it isn't made anew.
 */
export async function makeStoreFolder(path: string): Promise<void> {
  const above = dirname(path);
  try {
    await makeLikeParent(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
    if (!statNow(join(dirname(above), 'format'))) {
      throw storeIsGone(above);
    }
    await makeLikeParent(above);
    await makeLikeParent(path);
  }
}

export function storeIsGone(path: string): UserError {
  return new UserError(`${path} is gone: the store was removed or moved while it was in use. Run again.`);
}

async function makeLikeParent(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return;
    throw error;
  }
  const { mode } = await stat(dirname(path));
  if ((mode & 0o022) !== 0) await chmod(path, mode & 0o7777);
}

/** Moves a file back to its place unless there is one again: then it goes. Never overwrites, where links are known. */
export async function putBack(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    const code = codeOf(error);
    if (code !== 'EEXIST' && code !== 'ENOENT') return rename(from, to);
  }
  await rm(from, { force: true });
}

/** Makes a folder's names last through a power cut. File systems that can't sync a folder are left at that. */
export async function syncFolder(path: string): Promise<void> {
  try {
    await withFile(path, 'r', (folder) => folder.sync());
  } catch (error) {
    if (!['EINVAL', 'EPERM', 'EISDIR', 'ENOTSUP', 'EACCES', 'EBADF'].includes(codeOf(error) ?? ''))
      throw error;
  }
}

/** Renames, making the target's folder when it isn't there; the new name lasts through a power cut. */
export async function renameSynced(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!isMissing(error)) throw error;
    await makeStoreFolder(dirname(to));
    await rename(from, to);
    await syncFolder(dirname(dirname(to)));
  }
  await syncFolder(dirname(to));
}

/**
 * Writes a whole file so that its name always stands for all of the old or all of the new content: to `via` (a path on the
 * same file system), synced, renamed. Failures name the file.
 */
export async function writeWhole(path: string, via: string, content: string | Uint8Array): Promise<void> {
  try {
    await withFile(via, 'w', async (file) => {
      await file.writeFile(content);
      await file.sync();
    });
    await renameSynced(via, path);
  } catch (error) {
    await rm(via, { force: true }).catch(() => undefined);
    throw isMissing(error) ? storeIsGone(dirname(via)) : explain(error, path);
  }
}

/** Copies bytes (sharing them where the file system can) and syncs the copy. */
export async function copySynced(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await withFile(to, 'r', (file) => file.sync());
}

/** Runs `work` over items, at most `width` at once; the first failure is thrown after the running ones have ended. */
export async function eachAtOnce<T>(
  items: readonly T[],
  width: number,
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < items.length && !failed) {
      const index = next++;
      try {
        await work(items[index] as T, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const lanes = await Promise.allSettled(Array.from({ length: Math.min(width, items.length) }, lane));
  for (const end of lanes) if (end.status === 'rejected') throw end.reason;
}
