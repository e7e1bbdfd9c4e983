import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import { canonicalJson, sha256 } from '../../common/json.ts';

/**
 * Digest of what lies at some absolute paths: of every file there (in folders: below them) its path, size and
 * modification time. It tells that something changed without reading any file's content. The whole path counts, since
 * what a stage makes of a listing says where the files lie: a data set that was moved is listed again.
 */
export async function listingDigest(paths: readonly string[]): Promise<string> {
  const limit = pLimit(16);
  const lines: string[] = [];
  const add = async (path: string): Promise<void> => {
    const info = await limit(() => stat(path, { bigint: true }));
    if (!info.isDirectory()) {
      lines.push(canonicalJson([path, Number(info.size), String(info.mtimeNs)]));
      return;
    }
    const entries = await limit(() => readdir(path));
    await Promise.all(entries.map((entry) => add(join(path, entry))));
  };
  await Promise.all(paths.map((path) => add(path)));
  return sha256(lines.sort().join('\n'));
}
