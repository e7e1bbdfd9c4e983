import { readdir, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import pLimit from 'p-limit';
import { canonicalJson, sha256 } from '../../common/json.ts';

/**
 * Digest of what lies at some paths: of every file there (in folders: below them) its name, size and modification time.
 * It tells that something changed without reading any file's content.
 */
export async function listingDigest(paths: readonly string[]): Promise<string> {
  const limit = pLimit(16);
  const lines: string[] = [];
  const add = async (path: string, name: string): Promise<void> => {
    const info = await limit(() => stat(path, { bigint: true }));
    if (!info.isDirectory()) {
      lines.push(canonicalJson([name, Number(info.size), String(info.mtimeNs)]));
      return;
    }
    const entries = await limit(() => readdir(path));
    await Promise.all(entries.map((entry) => add(join(path, entry), `${name}/${entry}`)));
  };
  await Promise.all(paths.map((path, i) => add(path, paths.length === 1 ? '' : `${i}:${basename(path)}`)));
  return sha256(lines.sort().join('\n'));
}
