import { join } from 'node:path';
import { writeImages } from '../../tables/images.ts';
import type { FakeInput } from './fake-task.ts';

/** Some images of a data set, to be written shard by shard. */
export interface FakeImages {
  /** Distinct paths, in any order. */
  readonly paths: readonly string[];
  readonly labels?: readonly (string | null)[];
  /** Shard of each image: a number below the number of shards. */
  readonly shardOf: (position: number) => number;
  readonly shards: number;
}

/**
 * Writes the image index of a data set in shards, and what `writeRows` writes for each of them: it gets the positions
 * (in `paths`) of the shard's images in the order of its rows. Returns both kinds of files as inputs of a stage.
 */
export function writeShards(
  folder: string,
  { paths, labels, shardOf, shards }: FakeImages,
  writeRows: (file: string, paths: string[], positions: number[]) => void,
  vars: Readonly<Record<string, string>> = {},
): { images: FakeInput[]; files: FakeInput[] } {
  const images: FakeInput[] = [];
  const files: FakeInput[] = [];
  const sorted = paths.map((_, position) => position).sort((a, b) => (paths[a]! < paths[b]! ? -1 : 1));
  for (let s = 0; s < shards; s++) {
    const shard = `${s}`.padStart(2, '0');
    const rows = sorted.filter((position) => shardOf(position) === s);
    const names = rows.map((position) => paths[position]!);
    const ones = new Int32Array(rows.length).fill(1);
    const index = join(folder, `images-${shard}.arrow`);
    writeImages(index, {
      paths: names,
      bytes: Float64Array.from(ones),
      digests: names.map((name) => `digest of ${name}`),
      labels: rows.map((position) => labels?.[position] ?? null),
      widths: ones,
      heights: ones,
    });
    const file = join(folder, `rows-${shard}.arrow`);
    writeRows(file, names, rows);
    images.push({ path: index, vars: { shard } });
    files.push({ path: file, vars: { ...vars, shard } });
  }
  return { images, files };
}

/** `count` paths whose order isn't that of their numbers. */
export function somePaths(count: number): string[] {
  return Array.from({ length: count }, (_, i) => `class-${(i * 7) % 3}/${(i * 7919) % 104_729}.png`);
}
