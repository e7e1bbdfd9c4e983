import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Blobs } from './blobs.ts';
import { explain, isMissing } from './failures.ts';
import { statNow } from './files.ts';
import { isManifest } from './folders.ts';
import { artifactsOf, names, type Records } from './records.ts';
import type { Result } from './retention.ts';
import type { Manifest, Record } from './types.ts';

/** A record as `gc` sees it; `newer`: of a later version of the program, so that its blobs aren't known. */
export interface Counted extends Result {
  readonly newer: boolean;
}

/** Digests of all files in `blobs/`. */
export async function allBlobs(dir: string): Promise<string[]> {
  const found: string[] = [];
  for (const part of await names(join(dir, 'blobs'))) {
    found.push(...(await names(join(dir, 'blobs', part))).filter((name) => /^[0-9a-f]{64}$/.test(name)));
  }
  return found;
}

/**
 * What the records under fingerprints name, with the files of their folders; those that are gone by now are left out.
 *
 * @param lastUsed of the fingerprints that runs used, ms since 1970; for others, the time of the file counts
 */
export async function countResults(
  records: Records,
  blobs: Blobs,
  fingerprints: Iterable<string>,
  lastUsed: ReadonlyMap<string, number>,
): Promise<Counted[]> {
  const found: Counted[] = [];
  const same = interning();
  const folders = new Map<string, readonly string[]>();
  for (const fingerprint of fingerprints) {
    const info = statNow(records.pathOf(fingerprint));
    if (!info) continue;
    const record = await records.peek(fingerprint);
    const known = typeof record === 'object' ? record : undefined;
    const digests: string[] = [];
    for (const { kind, digest } of known ? artifactsOf(known as Record) : []) {
      digests.push(same(digest));
      if (kind !== 'folder') continue;
      const files =
        folders.get(digest) ??
        Object.values(await manifestAt(blobs.pathOf(digest))).map((file) => same(file.digest));
      folders.set(digest, files);
      digests.push(...files);
    }
    found.push({
      fingerprint,
      stage: known?.stage ?? '',
      bytes: Number(info.size),
      blobs: digests,
      usedAt: lastUsed.get(fingerprint) ?? Number(info.mtimeMs),
      ms: known?.ran.ms ?? 0,
      newer: record === 'newer',
    });
  }
  return found;
}

/** One string for all equal ones: digests stand in many results. */
function interning(): (text: string) => string {
  const seen = new Map<string, string>();
  return (text) => {
    const first = seen.get(text);
    if (first === undefined) seen.set(text, text);
    return first ?? text;
  };
}

async function manifestAt(path: string): Promise<Manifest> {
  try {
    const value: unknown = JSON.parse(await readFile(path, 'utf8'));
    return isManifest(value) ? value : {};
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error)) return {};
    throw explain(error, path);
  }
}
