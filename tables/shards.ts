import type { Texts } from './texts.ts';

/** Anything that was made for one shard: a file that carries the foreach variables of the task that made it. */
interface OfShard {
  readonly path: string;
  readonly vars: Readonly<Record<string, string>>;
}

/**
 * For each file of `shards`, the file of `others` that was made for the same shard. Throws when the two don't cover the
 * same shards, which the graph rules out.
 */
export function sameShards<T extends OfShard>(shards: readonly OfShard[], others: readonly T[]): T[] {
  const byShard = new Map(others.map((other) => [other.vars.shard ?? '', other]));
  if (byShard.size !== others.length || others.length !== shards.length) {
    throw new Error(`${others.length} files for ${shards.length} shards`);
  }
  return shards.map(({ vars }) => {
    const other = byShard.get(vars.shard ?? '');
    if (!other) throw new Error(`nothing was made for shard ${vars.shard}`);
    return other;
  });
}

/**
 * Throws unless the paths of some consecutive rows, from row `start` on, are those of the image index: what was computed
 * for an image must be told to that image.
 */
export function checkPaths(file: string, start: number, paths: readonly string[], index: Texts): void {
  for (let i = 0; i < paths.length; i++) {
    const path = index.at(start + i);
    if (paths[i] !== path) {
      throw new Error(`row ${start + i} of ${file} is ${paths[i]}, in the image index it is ${path}`);
    }
  }
}
