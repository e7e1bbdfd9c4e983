import { statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { float64, int32, readAll, utf8, writeTable } from '../../tables/arrow.ts';
import type { ListedImage } from '../../vision/images/sources/index.ts';

/**
 * What earlier runs found out about the images of a data set, row by row, sorted by path. It holds for an image as long as
 * its file has the same size, times and inode, and the image lies at the same place in it.
 */
export interface Memo {
  readonly paths: readonly string[];
  readonly stamps: readonly string[];
  readonly offsets: Float64Array;
  readonly values: Int32Array;
  readonly bytes: Float64Array;
  /** SHA-256, lower-case hexadecimal. */
  readonly digests: readonly string[];
  readonly widths: Int32Array;
  readonly heights: Int32Array;
}

const NOTHING: Memo = {
  paths: [],
  stamps: [],
  offsets: new Float64Array(),
  values: new Int32Array(),
  bytes: new Float64Array(),
  digests: [],
  widths: new Int32Array(),
  heights: new Int32Array(),
};

const COLUMNS = {
  path: utf8(),
  stamp: utf8(),
  offset: float64(),
  value: int32(),
  bytes: float64(),
  digest: utf8(),
  width: int32(),
  height: int32(),
};

/** Reads a memo; one that is missing or damaged holds nothing. */
export async function readMemo(file: string): Promise<Memo> {
  try {
    const table = await readAll(file);
    return {
      paths: table.strings('path'),
      stamps: table.strings('stamp'),
      offsets: table.float64('offset'),
      values: table.int32('value'),
      bytes: table.float64('bytes'),
      digests: table.strings('digest'),
      widths: table.int32('width'),
      heights: table.int32('height'),
    };
  } catch {
    return NOTHING;
  }
}

/** Writes a memo in one step. It only saves time: that it can't be written is no failure. */
export async function writeMemo(file: string, memo: Memo): Promise<void> {
  const beside = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  try {
    writeTable(beside, COLUMNS, {
      path: memo.paths,
      stamp: memo.stamps,
      offset: memo.offsets,
      value: memo.values,
      bytes: memo.bytes,
      digest: memo.digests,
      width: memo.widths,
      height: memo.heights,
    });
    await rename(beside, file);
  } catch {
    await rm(beside, { force: true });
  }
}

/** For each image (sorted by path) its row in the memo, −1 where it has none. Whether it still holds is another question. */
export function rowsIn(memo: Memo, images: readonly ListedImage[]): Int32Array {
  let next = 0;
  return Int32Array.from(images, ({ path }) => {
    while (next < memo.paths.length && memo.paths[next]! < path) next++;
    return memo.paths[next] === path ? next : -1;
  });
}

/** Whether what a row of the memo says holds for an image whose file has this stamp. */
export function holds(memo: Memo, row: number, image: ListedImage, { text }: Stamp): boolean {
  return (
    row >= 0 &&
    memo.stamps[row] === text &&
    memo.offsets[row] === image.offset &&
    memo.values[row] === (image.value ?? -1)
  );
}

/** What tells that a file is the one that it was. */
export interface Stamp {
  readonly text: string;
  /**
   * False for a file that changed less than two seconds before: it could change again within the same tick of a coarse
   * clock, so that nothing may be remembered of it.
   */
  readonly settled: boolean;
}

const RACY_MS = 2_000;

/**
 * A function that looks at files: each file that holds several images is looked at once. Undefined for what can't be looked
 * at. Synchronous, since that costs a tenth: 1.3 million files take seconds.
 */
export function stamper(): (image: ListedImage) => Stamp | undefined {
  const shared = new Map<string, Stamp | undefined>();
  return ({ file, bytes, value }) => {
    const alone = bytes === undefined && value === undefined;
    if (!alone && shared.has(file)) return shared.get(file);
    const stamp = look(file);
    if (!alone) shared.set(file, stamp);
    return stamp;
  };
}

function look(file: string): Stamp | undefined {
  try {
    const { size, mtimeNs, ctimeNs, ino, mtimeMs, ctimeMs } = statSync(file, { bigint: true });
    const changed = Math.max(Number(mtimeMs), Number(ctimeMs));
    return { text: `${size}:${mtimeNs}:${ctimeNs}:${ino}`, settled: Date.now() - changed > RACY_MS };
  } catch {
    return undefined;
  }
}
