import { createHash, randomBytes } from 'node:crypto';
import { type BigIntStats, constants, statSync } from 'node:fs';
import { copyFile, type FileHandle, mkdir, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
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
    await mkdir(dirname(to), { recursive: true });
    await rename(from, to);
    await syncFolder(dirname(dirname(to)));
  }
  await syncFolder(dirname(to));
}

/**
 * Writes a whole file so that its name always stands for all of the old or all of the new text: to `via` (a path on the
 * same file system), synced, renamed. Failures name the file.
 */
export async function writeWhole(path: string, via: string, text: string): Promise<void> {
  try {
    await withFile(via, 'w', async (file) => {
      await file.writeFile(text);
      await file.sync();
    });
    await renameSynced(via, path);
  } catch (error) {
    await rm(via, { force: true }).catch(() => undefined);
    throw explain(error, path);
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
