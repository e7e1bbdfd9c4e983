import { constants } from 'node:fs';
import { access, chmod, lstat, rename, rm, stat } from 'node:fs/promises';
import { join, sep } from 'node:path';
import { codeOf, explain, explained, isMissing } from './failures.ts';
import {
  copySynced,
  fileNow,
  hashHandle,
  makeStoreFolder,
  putBack,
  renameSynced,
  statNow,
  withFile,
} from './files.ts';
import { point } from './points.ts';
import { asideName, type Session } from './session.ts';
import type { Sweeping } from './sweeping.ts';
import { CorruptBlob, type FileDigest } from './types.ts';

/** Files by the SHA-256 of their bytes: `blobs/ab/abcd…`, read-only, never changed, put in place by one rename. */
export interface Blobs {
  pathOf(digest: string): string;
  /** Cheap: whether a file of that size lies under the digest. Bytes aren't looked at. */
  present(digest: string, bytes: number): boolean;
  /** Moves a finished file in (or drops it where the store has the same bytes already). */
  adopt(path: string): Promise<FileDigest>;
  /** The path, after its bytes were hashed (once a process, unless the file changes). Throws CorruptBlob. */
  verified(digest: string, bytes?: number): Promise<string>;
  /** Sets the blob aside unless another file has taken its place since it was seen to be bad. */
  dropBad(digest: string, seen: Identity): Promise<void>;
}

/** What tells a file from another one that takes its name. */
export type Identity = string;

export function createBlobs(dir: string, quarantine: string, session: Session, sweeping: Sweeping): Blobs {
  const seenGood = new Map<string, Identity>();
  const checking = new Map<string, Promise<string>>();
  const pathOf = (digest: string): string => `${dir}${sep}${digest.slice(0, 2)}${sep}${digest}`;
  const present = (digest: string, bytes: number): boolean => fileNow(pathOf(digest))?.size === bytes;

  async function adopt(path: string): Promise<FileDigest> {
    const info = await explained(path, () => lstat(path));
    if (!info.isFile()) throw new Error(`${path} is to be stored as a file but is none`);
    const found = await explained(path, () =>
      withFile(path, 'r', async (file) => {
        const digest = await hashHandle(file);
        await file.sync();
        return digest;
      }),
    );
    await session.use(found.digest);
    await point('put:hashed');
    if (await has(found)) await rm(path, { force: true });
    else await moveIn(path, found.digest, info.nlink > 1);
    return found;
  }

  /** A blob that is there counts only if its bytes are right: a put mends what the disk spoilt. */
  async function has({ digest, bytes }: FileDigest): Promise<boolean> {
    if (!present(digest, bytes)) return false;
    try {
      await verified(digest, bytes);
      return true;
    } catch (error) {
      if (error instanceof CorruptBlob) return false;
      throw error;
    }
  }

  async function moveIn(path: string, digest: string, shared: boolean): Promise<void> {
    const target = pathOf(digest);
    try {
      if (!shared) await chmod(path, 0o444).catch(() => undefined);
      await point('put:before-rename');
      if (statNow(target)?.isFile() === false) await setAside(target, digest, quarantine, () => true);
      if (shared || !(await renamedInto(path, target))) {
        await renameSynced(await copyIn(path), target);
        await rm(path, { force: true });
      }
      await point('put:renamed');
      seenGood.set(digest, identity(await stat(target, { bigint: true })));
    } catch (error) {
      throw explain(error, target);
    }
  }

  /** A copy in the session's folder, for a file with several names or on another file system. */
  async function copyIn(path: string): Promise<string> {
    const copy = await session.path();
    try {
      await copySynced(path, copy);
    } catch (error) {
      await rm(copy, { force: true }).catch(() => undefined);
      throw error;
    }
    await chmod(copy, 0o444).catch(() => undefined);
    return copy;
  }

  function verified(digest: string, bytes?: number): Promise<string> {
    const going = checking.get(digest);
    if (going) return going;
    const check = verify(digest, bytes).finally(() => checking.delete(digest));
    checking.set(digest, check);
    return check;
  }

  async function verify(digest: string, bytes: number | undefined): Promise<string> {
    const path = pathOf(digest);
    if (!statNow(path)) await sweeping.ended();
    let seen: Identity;
    let why: string;
    try {
      const info = await stat(path, { bigint: true });
      seen = identity(info);
      if (seenGood.get(digest) === seen) return path;
      if (!info.isFile()) {
        why = 'is not a file';
      } else if (bytes !== undefined && info.size !== BigInt(bytes)) {
        why = `has ${info.size} bytes instead of ${bytes}`;
      } else {
        const found = await withFile(path, 'r', hashHandle);
        if (found.digest === digest) {
          seenGood.set(digest, seen);
          return path;
        }
        why = `doesn't have the digest in its name (its bytes give ${found.digest})`;
      }
    } catch (error) {
      if (isMissing(error)) throw new CorruptBlob(digest, path, 'is gone');
      throw explain(error, path);
    }
    await dropBad(digest, seen);
    throw new CorruptBlob(digest, path, why);
  }

  const dropBad = (digest: string, seen: Identity): Promise<void> =>
    setAside(pathOf(digest), digest, quarantine, (moved) => moved === seen);

  return { pathOf, present, adopt, verified, dropBad };
}

/** False where the two lie on different file systems. */
async function renamedInto(path: string, target: string): Promise<boolean> {
  try {
    await renameSynced(path, target);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EXDEV') return false;
    throw error;
  }
}

export function identity(info: { ino: bigint; size: bigint; mtimeNs: bigint }): Identity {
  return `${info.ino}:${info.size}:${info.mtimeNs}`;
}

/**
 * Moves a bad file to the quarantine. Somebody may have put a good one in its place since it was looked at: when the file
 * that was moved isn't the bad one, it goes back.
 */
export async function setAside(
  path: string,
  name: string,
  quarantine: string,
  isBad: (moved: Identity, at: string) => boolean,
): Promise<void> {
  const aside = join(quarantine, asideName(name));
  try {
    await makeStoreFolder(quarantine);
    await rename(path, aside);
  } catch (error) {
    if (isMissing(error)) return;
    throw explain(error, path);
  }
  if (isBad(identity(await stat(aside, { bigint: true })), aside)) return;
  await putBack(aside, path);
}

/** Throws unless this process may write in a folder. */
export async function checkWritable(dir: string): Promise<void> {
  await explained(dir, () => access(dir, constants.R_OK | constants.W_OK | constants.X_OK));
}
