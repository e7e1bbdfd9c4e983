import { copyFile, mkdir, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Artifact, Store } from '../../cache/store.ts';

/**
 * Lays a stored folder out at a path, as a folder of links into the store; where the file system has no links, of copies.
 * Every byte is checked first. Throws CorruptBlob.
 */
export async function layOut(artifact: Artifact, store: Store, to: string): Promise<string> {
  await store.verified(artifact);
  await mkdir(to, { recursive: true });
  for (const [path, { digest }] of Object.entries(await store.manifest(artifact))) {
    const [blob, place] = [store.blobPath(digest), join(to, path)];
    await mkdir(dirname(place), { recursive: true });
    await symlink(blob, place).catch(() => copyFile(blob, place));
  }
  return to;
}
