import { float64, int32, nullable, openArrow, readAll, utf8, writeTable } from './arrow.ts';
import type { Texts } from './texts.ts';

/**
 * One shard of the image index, column by column; rows are sorted by `paths` (order of UTF-16 code units, `<`).
 * - `paths`: relative to the data set's root, forward slashes; a tar's member is `TARNAME/MEMBER`
 * - `bytes`: length of the encoded image; `digests`: SHA-256 of these bytes, lower-case hexadecimal
 * - `labels`: class name or number as the data set gives it, or null
 * - `widths`, `heights`: pixels of the upright image
 */
export interface ImageIndex {
  readonly rows: number;
  readonly paths: Texts;
  readonly bytes: Float64Array;
  readonly digests: Texts;
  readonly labels: Texts<string | null>;
  readonly widths: Int32Array;
  readonly heights: Int32Array;
}

const COLUMNS = {
  path: utf8(),
  bytes: float64(),
  digest: utf8(),
  label: nullable(utf8()),
  width: int32(),
  height: int32(),
};

/** Writes a shard of the image index to an Arrow file. Throws when the paths aren't strictly ascending. */
export function writeImages(file: string, index: Omit<ImageIndex, 'rows'>): void {
  const { paths, bytes, digests, labels, widths, heights } = index;
  let last = '';
  for (let i = 0; i < paths.length; i++) {
    const path = paths.at(i)!;
    if (i > 0 && !(last < path)) throw new Error(`image index out of order at row ${i}: ${path}`);
    last = path;
  }
  writeTable(file, COLUMNS, {
    path: paths,
    bytes,
    digest: digests,
    label: labels,
    width: widths,
    height: heights,
  });
}

/** Reads a shard of the image index: 150 bytes an image, whose texts are made when they are asked for. */
export async function readImages(file: string): Promise<ImageIndex> {
  const table = await readAll(file);
  return {
    rows: table.rows,
    paths: table.texts('path'),
    bytes: table.float64('bytes'),
    digests: table.texts('digest'),
    labels: table.nullableTexts('label'),
    widths: table.int32('width'),
    heights: table.int32('height'),
  };
}

/** Reads the paths of a shard of the image index alone. */
export async function readPaths(file: string): Promise<readonly string[]> {
  const table = await openArrow(file);
  try {
    const paths: string[][] = [];
    for await (const part of table.parts(['path'])) paths.push(part.strings('path'));
    return paths.length === 1 ? paths[0]! : paths.flat();
  } finally {
    await table.close();
  }
}

/** Where an image stands: in which shard, and in which row of it. */
export interface ImageNumbers {
  /** How many images all shards hold together. */
  readonly count: number;
  /** For each shard, in the order given: the image number of each of its rows. */
  readonly numbers: readonly Int32Array[];
  /** Shard (position in the list given) and row in the shard, by image number. */
  readonly shards: Int32Array;
  readonly rows: Int32Array;
}

/**
 * Image numbers: the row of every image in the union of all shards sorted by path. They depend on the paths alone, so
 * that they are the same for any number of shards and any order of them. Throws when a path stands in two shards.
 */
export function numberImages(shards: readonly Pick<ImageIndex, 'rows' | 'paths'>[]): ImageNumbers {
  const count = shards.reduce((sum, shard) => sum + shard.rows, 0);
  const numbers = shards.map((shard) => new Int32Array(shard.rows));
  const shardOfImage = new Int32Array(count);
  const rowOfImage = new Int32Array(count);
  const next = new Int32Array(shards.length);
  const heads = shards.map(({ paths }) => paths.at(0)!);
  const filled = shards.map((_, shard) => shard).filter((shard) => shards[shard]!.rows > 0);
  let queue = Int32Array.from(filled.sort((a, b) => (heads[a]! < heads[b]! ? -1 : 1)));
  let last: string | undefined;
  for (let number = 0; number < count; number++) {
    const shard = queue[0]!;
    const path = heads[shard]!;
    if (last !== undefined && !(last < path)) throw new Error(`the image ${path} stands in the index twice`);
    last = path;
    const row = next[shard]!++;
    shardOfImage[number] = shard;
    rowOfImage[number] = row;
    numbers[shard]![row] = number;
    if (row + 1 === shards[shard]!.rows) queue = queue.subarray(1);
    else {
      heads[shard] = shards[shard]!.paths.at(row + 1)!;
      sink(queue, heads);
    }
  }
  return { count, numbers, shards: shardOfImage, rows: rowOfImage };
}

/** Moves the first of the shards to its place by its head; the others are sorted by theirs. */
function sink(queue: Int32Array, heads: readonly string[]): void {
  const shard = queue[0]!;
  const path = heads[shard]!;
  let low = 1;
  let high = queue.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (heads[queue[middle]!]! < path) low = middle + 1;
    else high = middle;
  }
  queue.copyWithin(0, 1, low);
  queue[low - 1] = shard;
}
