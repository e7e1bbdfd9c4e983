import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '../common/json.ts';
import type { Blobs } from './blobs.ts';
import { explained } from './failures.ts';
import { eachAtOnce } from './files.ts';
import type { Session } from './session.ts';
import { type Artifact, CorruptBlob, type FileDigest, type Manifest } from './types.ts';

/** Files that are hashed and synced side by side. */
const WIDTH = 8;

/** Folders as blobs: every file one blob, and a manifest of them, itself a blob whose digest names the folder. */
export interface Folders {
  put(path: string): Promise<Artifact>;
  manifest(artifact: Artifact): Promise<Manifest>;
  /** Cheap: whether the manifest is there and whole, and a file of the right size for each of its entries. */
  present(artifact: Artifact): Promise<boolean>;
  /** All bytes; returns the manifest's path. */
  verified(artifact: Artifact): Promise<string>;
}

export function createFolders(blobs: Blobs, session: Session): Folders {
  async function put(path: string): Promise<Artifact> {
    const files = await filesBelow(path);
    const found: [string, FileDigest][] = files.map((file) => [file, { digest: '', bytes: 0 }]);
    await eachAtOnce(found, WIDTH, async (entry) => {
      entry[1] = await blobs.adopt(join(path, entry[0]));
    });
    const entries = Object.fromEntries(found);
    const own = await session.path();
    await explained(own, () => writeFile(own, canonicalJson(entries)));
    const { digest } = await blobs.adopt(own);
    await rm(path, { recursive: true, force: true });
    return { kind: 'folder', digest, bytes: total(entries) };
  }

  async function manifest(artifact: Artifact): Promise<Manifest> {
    if (artifact.kind !== 'folder') throw new Error(`${artifact.digest} is a file, not a folder`);
    const path = await blobs.verified(artifact.digest);
    const entries: unknown = JSON.parse(await explained(path, () => readFile(path, 'utf8')));
    if (!isManifest(entries) || total(entries) !== artifact.bytes) {
      throw new CorruptBlob(artifact.digest, path, "isn't the manifest of the folder that it should be");
    }
    return entries;
  }

  async function present(artifact: Artifact): Promise<boolean> {
    try {
      const entries = await manifest(artifact);
      return Object.values(entries).every((entry) => blobs.present(entry.digest, entry.bytes));
    } catch (error) {
      if (error instanceof CorruptBlob) return false;
      throw error;
    }
  }

  async function verified(artifact: Artifact): Promise<string> {
    const entries = Object.values(await manifest(artifact));
    await eachAtOnce(entries, WIDTH, async (entry) => {
      await blobs.verified(entry.digest, entry.bytes);
    });
    return blobs.pathOf(artifact.digest);
  }

  return { put, manifest, present, verified };
}

/** Paths of all files below a folder, relative, forward slashes, sorted by code unit. */
async function filesBelow(path: string): Promise<string[]> {
  const found: string[] = [];
  const walk = async (below: string): Promise<void> => {
    const here = join(path, below);
    for (const entry of await explained(here, () => readdir(here, { withFileTypes: true }))) {
      const name = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) await walk(name);
      else if (entry.isFile() && isInside(name)) found.push(name);
      else
        throw new Error(`${join(path, name)} can't be stored: not a plain file, or a backslash in its name`);
    }
  };
  await walk('');
  return found.sort();
}

/** Whether a value is the list of a folder's files, none of which lies outside it. */
export function isManifest(value: unknown): value is Manifest {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([name, is]) =>
      isInside(name) && /^[0-9a-f]{64}$/.test(is?.digest) && Number.isSafeInteger(is.bytes) && is.bytes >= 0,
  );
}

/** Bytes of all files together. */
export function total(entries: Manifest): number {
  return Object.values(entries).reduce((sum, entry) => sum + entry.bytes, 0);
}

/** A relative path that stays below the folder it is joined to. */
function isInside(name: string): boolean {
  const parts = name.split('/');
  return parts.every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\\'));
}
