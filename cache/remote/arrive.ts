import { join } from 'node:path';
import { explained } from '../failures.ts';
import { statNow } from '../files.ts';
import { point } from '../points.ts';
import { type Artifact, CorruptBlob, type Store } from '../types.ts';
import { blobKey, isDigest, MOST_TEXT } from './layout.ts';
import type { Remote } from './remote.ts';

/** Brings blobs from a remote into the store; each counts only once its bytes were seen to have the digest. */
export interface Arrivals {
  /** Makes sure that all files of an artifact are here. Throws CorruptBlob when the remote doesn't have what it should. */
  bring(artifact: Artifact): Promise<void>;
  /** Cheap: whether all files of an artifact are here, by their sizes. */
  isHere(artifact: Artifact): Promise<boolean>;
}

export interface ArrivalOptions {
  readonly store: Store;
  /** The remote; called when something has to come. May throw CorruptBlob for a remote that was given up. */
  readonly remote: (digest: string) => Promise<Remote>;
  readonly onBytes?: (bytes: number) => void;
  readonly onFile?: () => void;
}

export function createArrivals({ store, remote, onBytes, onFile }: ArrivalOptions): Arrivals {
  const coming = new Map<string, Promise<void>>();

  /** `bytes`: undefined for a manifest, whose size isn't known before. */
  function lies(digest: string, bytes: number | undefined): boolean {
    const found = statNow(store.blobPath(digest));
    return !!found?.isFile() && (bytes === undefined || found.size === BigInt(bytes));
  }

  async function need(digest: string, bytes: number | undefined): Promise<void> {
    if (!isDigest(digest)) throw lost(digest, 'is named by what is no digest');
    if (lies(digest, bytes)) return;
    const going = coming.get(digest) ?? download(digest, bytes).finally(() => coming.delete(digest));
    coming.set(digest, going);
    await going;
  }

  async function download(digest: string, bytes: number | undefined): Promise<void> {
    const from = await remote(digest);
    const workspace = await store.workspace();
    try {
      const to = join(workspace.dir, digest);
      const wanted = { digest, bytes: bytes ?? MOST_TEXT };
      if (!(await explained(to, () => from.fetch(blobKey(digest), to, wanted, onBytes))))
        throw lost(digest, `is neither here nor at the remote ${from.name}`);
      await point('arrive:before-put');
      await store.put(to, 'file');
      onFile?.();
    } finally {
      await workspace.dispose();
    }
  }

  const lost = (digest: string, why: string): CorruptBlob =>
    Object.assign(new CorruptBlob(digest, '', ''), { message: `The file ${digest} ${why}.` });

  async function bring(artifact: Artifact): Promise<void> {
    if (artifact.kind === 'file') return need(artifact.digest, artifact.bytes);
    await need(artifact.digest, undefined);
    const entries = Object.values(await store.manifest(artifact));
    await Promise.all(entries.map((entry) => need(entry.digest, entry.bytes)));
  }

  async function isHere(artifact: Artifact): Promise<boolean> {
    if (artifact.kind === 'file') return lies(artifact.digest, artifact.bytes);
    if (!lies(artifact.digest, undefined)) return false;
    const entries = Object.values(await store.manifest(artifact));
    return entries.every((entry) => isDigest(entry.digest) && lies(entry.digest, entry.bytes));
  }

  return { bring, isHere };
}
