import { readlinkSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { type Environment, hubFolder, webFolder } from './folders.ts';

/**
 * A function that gives, for the absolute path of a file in the caches of fetched files, the digest that its bytes lie
 * under: SHA-256, for small files of the hub the id of their git blob. Undefined for every other path.
 */
export function digestsInCache(env: Environment = process.env): (path: string) => string | undefined {
  const web = `${resolve(webFolder(env))}/`;
  const hub = `${resolve(hubFolder(env))}/`;
  return (path) => {
    if (path.startsWith(web)) return /^([0-9a-f]{64})\/[^/]+$/.exec(path.slice(web.length))?.[1];
    if (!path.startsWith(hub) || !/^[^/]+--[^/]+\/snapshots\/[0-9a-f]{40}\//.test(path.slice(hub.length)))
      return undefined;
    return blobOf(path);
  };
}

/** The name of the blob that a file of a snapshot links to; undefined for one that is no link (hubs without links). */
function blobOf(path: string): string | undefined {
  try {
    const link = readlinkSync(path);
    return /(^|\/)blobs\/[0-9a-f]{40,64}$/.test(link) ? basename(link) : undefined;
  } catch {
    return undefined;
  }
}
