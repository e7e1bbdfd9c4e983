import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Artifact, Manifest, Record } from '../../cache/types.ts';

/**
 * The store as it lies on disk, read by code of its own: the campaign is not to trust the code that it tries.
 */

export const sha256 = (data: string | Buffer): string => createHash('sha256').update(data).digest('hex');

/** SHA-256 of everything that a result is made of: each output of each record, each file of folders, what is published. */
export type Result = ReadonlyMap<string, string>;

/** @param fingerprints of the tasks of a finished run */
export function resultOf(store: string, fingerprints: Iterable<string>, published: string): Result {
  const found = new Map<string, string>();
  for (const fingerprint of fingerprints) {
    const record = readRecord(store, fingerprint);
    if (typeof record === 'string') {
      found.set(`record ${fingerprint}`, record);
      continue;
    }
    for (const [name, artifact] of outputsOf(record)) {
      const bytes = readIfThere(blobPath(store, artifact.digest));
      found.set(`${record.stage} ${fingerprint} ${name}`, bytes ? sha256(bytes) : 'missing');
      if (artifact.kind === 'file' || !bytes) continue;
      for (const [path, { digest }] of Object.entries(JSON.parse(String(bytes)) as Manifest)) {
        const file = readIfThere(blobPath(store, digest));
        found.set(`${record.stage} ${fingerprint} ${name}/${path}`, file ? sha256(file) : 'missing');
      }
    }
  }
  for (const [path, digest] of filesBelow(published)) found.set(`published ${path}`, digest);
  return found;
}

/** What differs between a result and the one that it should be, a line each. */
export function differences(found: Result, wanted: Result): string[] {
  const names = [...new Set([...found.keys(), ...wanted.keys()])].sort();
  return names
    .filter((name) => found.get(name) !== wanted.get(name))
    .map((name) => `${name}: ${found.get(name) ?? 'absent'} instead of ${wanted.get(name) ?? 'absent'}`);
}

/** Fingerprints of all records in a store, and what is wrong with the files that bear their names. */
export function recordsOf(store: string): { whole: string[]; torn: string[] } {
  const [whole, torn]: [string[], string[]] = [[], []];
  for (const name of filesIn(join(store, 'records'))) {
    const fingerprint = name.replace(/^.*\//, '').replace(/\.json$/, '');
    const record = readRecord(store, fingerprint);
    if (typeof record === 'string') torn.push(`record ${fingerprint} is ${record}`);
    else whole.push(fingerprint);
  }
  return { whole, torn };
}

/** Blobs whose bytes aren't what their names say. */
export function tornBlobs(store: string): string[] {
  return filesIn(join(store, 'blobs'))
    .filter((name) => sha256(readFileSync(join(store, 'blobs', name))) !== name.slice(3))
    .map((name) => `blob ${name} holds other bytes`);
}

export function blobPath(store: string, digest: string): string {
  return join(store, 'blobs', digest.slice(0, 2), digest);
}

export function recordPath(store: string, fingerprint: string): string {
  return join(store, 'records', fingerprint.slice(0, 2), `${fingerprint}.json`);
}

export function readRecord(store: string, fingerprint: string): Record | 'missing' | 'torn' {
  const text = readIfThere(recordPath(store, fingerprint))?.toString();
  if (text === undefined) return 'missing';
  try {
    const body = text.slice(text.indexOf('"record":') + '"record":'.length, -2);
    const { checksum, record } = JSON.parse(text) as { checksum: string; record: Record };
    return checksum === sha256(body) && record.fingerprint === fingerprint ? record : 'torn';
  } catch {
    return 'torn';
  }
}

/** Outputs of a record, those of its lists too, by name. */
export function outputsOf(record: Record): [string, Artifact][] {
  const found = Object.entries(record.outputs);
  for (const [list, elements] of Object.entries(record.lists))
    for (const [element, outputs] of Object.entries(elements))
      for (const [name, artifact] of Object.entries(outputs))
        found.push([`${list}/${element}/${name}`, artifact]);
  return found;
}

function readIfThere(path: string): Buffer | undefined {
  return existsSync(path) ? readFileSync(path) : undefined;
}

/** Paths of the files below a folder, relative. */
export function filesIn(dir: string): string[] {
  if (!existsSync(dir)) return [];
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(dir.length + 1))
    .sort();
}

/** Digests of the files of a published folder; the list of what was written, which holds times, is left out. */
function filesBelow(dir: string): [string, string][] {
  return filesIn(dir)
    .filter((name) => name !== '.mis-manifest.json')
    .map((name) => [name, sha256(readFileSync(join(dir, name)))]);
}
