import { createHash } from 'node:crypto';
import { type BigIntStats, statSync } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { digestsInCache } from '../../cache/sources/pinned.ts';

/**
 * Digest of what lies at some absolute paths: of every file there (in folders: below them) its path, size and
 * modification time. It tells that something changed without reading any file's content. The whole path counts, since
 * what a stage makes of a listing says where the files lie: a data set that was moved is listed again.
 *
 * Of a file that was fetched into a cache, the digest that it lies under counts in place of the time: fetched again it is
 * the same.
 *
 * What can't be looked at (a link to nowhere, a name that is no UTF-8, a folder without permission, a link back to a folder
 * that it lies in) counts by its path and the reason: the stage tells of it if it matters.
 *
 * A million files take seconds on a local disk. Memory: that of the largest folder's names.
 */
export async function listingDigest(paths: readonly string[]): Promise<string> {
  const hash = createHash('sha256');
  const lookAt = pacer();
  const digestOf = digestsInCache();
  await addAll([...new Set(paths)].sort(), []);
  return hash.digest('hex');

  async function addAll(all: readonly string[], above: readonly string[]): Promise<void> {
    for (let at = 0; at < all.length; at += CHUNK) {
      const some = all.slice(at, at + CHUNK);
      let lines = '';
      for (const [i, look] of (await lookAt(some)).entries()) {
        const path = some[i]!;
        if (typeof look === 'string') lines += line(path, look);
        else if (!look.isDirectory()) lines += line(path, `${look.size} ${digestOf(path) ?? look.mtimeNs}`);
        else {
          hash.update(lines);
          lines = '';
          await addFolder(path, `${look.dev}:${look.ino}`, above);
        }
      }
      hash.update(lines);
    }
  }

  async function addFolder(path: string, identity: string, above: readonly string[]): Promise<void> {
    if (above.includes(identity)) {
      hash.update(line(path, 'lies in itself'));
      return;
    }
    const names = await readdir(path).catch(codeOf);
    if (typeof names === 'string') hash.update(line(path, names));
    else
      await addAll(
        names.sort().map((name) => `${path}/${name}`),
        [...above, identity],
      );
  }
}

/** No path and nothing said of it can pass for another: a path's quotes and line breaks are escaped. */
const line = (path: string, what: string): string => `${JSON.stringify(path)} ${what}\n`;

/** What a path leads to, or the code of the error that looking at it gave. */
type Look = BigIntStats | string;

const CHUNK = 256;
/** Longer than this a look at a file takes where it goes over a network. */
const SLOW_MS = 0.25;

/**
 * A function that looks at a chunk of files. One after the other in this thread costs a tenth of the processor time that
 * asking the thread pool does, but waits for every answer of a file server: there the pool asks for several at once. The
 * event loop gets its turn between chunks.
 */
function pacer(): (paths: readonly string[]) => Promise<Look[]> {
  let slow = false;
  return async (paths) => {
    const started = performance.now();
    const looks = slow
      ? await Promise.all(paths.map((path) => stat(path, { bigint: true }).catch(codeOf)))
      : paths.map(lookNow);
    if (!slow) {
      slow = paths.length >= 16 && (performance.now() - started) / paths.length > SLOW_MS;
      await new Promise(setImmediate);
    }
    return looks;
  };
}

function lookNow(path: string): Look {
  try {
    return statSync(path, { bigint: true });
  } catch (error) {
    return codeOf(error);
  }
}

function codeOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  if (code === undefined) throw error;
  return code;
}
