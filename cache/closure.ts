import { canonicalJson } from '../common/json.ts';
import { artifactsOf } from './records.ts';
import type { Manifest, Record, Store } from './types.ts';

/** All that a set of results consists of, so that it can be carried elsewhere. */
export interface Closure {
  /** Sorted by fingerprint. */
  readonly records: readonly Record[];
  /** Size in bytes of every blob that these name, manifests of folders and their files included; sorted by digest. */
  readonly blobs: ReadonlyMap<string, number>;
  /** Fingerprints that have no record (or one with a blob missing): failed, or removed since. Sorted. */
  readonly missing: readonly string[];
}

/**
 * Follows fingerprints to their records, artifacts, folder manifests and files. What is found is noted in this process's
 * journal, so `gc` of other processes leaves it alone until the store is closed. Throws CorruptBlob for a spoilt manifest;
 * other blobs aren't hashed: whoever copies them does so on the way.
 */
export async function closureOf(
  store: Pick<Store, 'read' | 'manifest'>,
  fingerprints: Iterable<string>,
): Promise<Closure> {
  const records: Record[] = [];
  const blobs = new Map<string, number>();
  const missing: string[] = [];
  for (const fingerprint of [...new Set(fingerprints)].sort()) {
    const record = await store.read(fingerprint);
    if (record === undefined) {
      missing.push(fingerprint);
      continue;
    }
    records.push(record);
    for (const [digest, bytes] of await blobsOfRecord(store, record)) blobs.set(digest, bytes);
  }
  return { records, blobs: new Map([...blobs].sort(([a], [b]) => (a < b ? -1 : 1))), missing };
}

/** Size in bytes of every blob of one record, by digest. A folder's manifest comes before its files. */
export async function blobsOfRecord(
  store: Pick<Store, 'manifest'>,
  record: Pick<Record, 'outputs' | 'lists'>,
): Promise<Map<string, number>> {
  const blobs = new Map<string, number>();
  for (const artifact of artifactsOf(record)) {
    if (artifact.kind === 'file') blobs.set(artifact.digest, artifact.bytes);
    else {
      const entries = await store.manifest(artifact);
      blobs.set(artifact.digest, manifestBytes(entries));
      for (const { digest, bytes } of Object.values(entries)) blobs.set(digest, bytes);
    }
  }
  return blobs;
}

/** Size of a manifest's own blob: its canonical JSON, as the store writes it. */
export function manifestBytes(entries: Manifest): number {
  return Buffer.byteLength(canonicalJson(entries));
}
