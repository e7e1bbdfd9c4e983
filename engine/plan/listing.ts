import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { canonicalJson, sha256 } from '../../common/json.ts';

/**
 * Digest of what lies at some absolute paths: of every file there (in folders: below them) its path, size and
 * modification time. It tells that something changed without reading any file's content. The whole path counts, since
 * what a stage makes of a listing says where the files lie: a data set that was moved is listed again.
 *
 * What can't be looked at (a link to nowhere, a name that is no UTF-8, a folder without permission, a link back to a folder
 * that it lies in) counts by its path and the reason: the stage tells of it if it matters.
 */
export async function listingDigest(paths: readonly string[]): Promise<string> {
  const limit = pLimit(16);
  const lines: string[] = [];
  const add = async (path: string, above: readonly string[]): Promise<void> => {
    try {
      const info = await limit(() => stat(path, { bigint: true }));
      if (!info.isDirectory()) {
        lines.push(canonicalJson([path, Number(info.size), String(info.mtimeNs)]));
        return;
      }
      const identity = `${info.dev}:${info.ino}`;
      if (above.includes(identity)) {
        lines.push(canonicalJson([path, 'lies in itself']));
        return;
      }
      const entries = await limit(() => readdir(path));
      const trail = [...above, identity];
      await Promise.all(entries.map((entry) => add(join(path, entry), trail)));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined) throw error;
      lines.push(canonicalJson([path, code]));
    }
  };
  await Promise.all(paths.map((path) => add(path, [])));
  return sha256(lines.sort().join('\n'));
}
