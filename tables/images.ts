import { float64, int32, nullable, readAll, utf8, writeTable } from './arrow.ts';

/**
 * One shard of the image index, column by column; rows are sorted by `paths` (order of UTF-16 code units, `<`).
 * - `paths`: relative to the data set's root, forward slashes; a tar's member is `TARNAME/MEMBER`
 * - `bytes`: length of the encoded image; `digests`: SHA-256 of these bytes, lower-case hexadecimal
 * - `labels`: class name or number as the data set gives it, or null
 * - `widths`, `heights`: pixels of the upright image
 */
export interface ImageIndex {
  readonly rows: number;
  readonly paths: readonly string[];
  readonly bytes: Float64Array;
  readonly digests: readonly string[];
  readonly labels: readonly (string | null)[];
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
  for (let i = 1; i < paths.length; i++) {
    if (!(paths[i - 1]! < paths[i]!)) throw new Error(`image index out of order at row ${i}: ${paths[i]}`);
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

/** Reads a shard of the image index. */
export async function readImages(file: string): Promise<ImageIndex> {
  const table = await readAll(file);
  return {
    rows: table.rows,
    paths: table.strings('path'),
    bytes: table.float64('bytes'),
    digests: table.strings('digest'),
    labels: table.nullableStrings('label'),
    widths: table.int32('width'),
    heights: table.int32('height'),
  };
}

/** Reads the paths of a shard of the image index alone. */
export async function readPaths(file: string): Promise<readonly string[]> {
  return (await readAll(file)).strings('path');
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
  const heap = shards.map((_, shard) => shard).filter((shard) => shards[shard]!.rows > 0);
  const head = (shard: number) => shards[shard]!.paths[next[shard]!]!;
  heap.sort((a, b) => (head(a) < head(b) ? -1 : 1));
  let last: string | undefined;
  for (let number = 0; number < count; number++) {
    const shard = heap[0]!;
    const path = head(shard);
    if (last !== undefined && !(last < path)) throw new Error(`the image ${path} stands in the index twice`);
    last = path;
    shardOfImage[number] = shard;
    rowOfImage[number] = next[shard]!;
    numbers[shard]![next[shard]!] = number;
    next[shard]!++;
    if (next[shard] === shards[shard]!.rows) heap.shift();
    else sink(heap, head);
  }
  return { count, numbers, shards: shardOfImage, rows: rowOfImage };
}

/** Moves the first element to its place in an otherwise sorted list. */
function sink(sorted: number[], key: (element: number) => string): void {
  const element = sorted[0]!;
  const path = key(element);
  let low = 1;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (key(sorted[middle]!) < path) low = middle + 1;
    else high = middle;
  }
  sorted.copyWithin(0, 1, low);
  sorted[low - 1] = element;
}
