import { statSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { float64, int32, ints, readAll, utf8, writeTable } from '../../tables/arrow.ts';
import type { Texts } from '../../tables/texts.ts';
import type { ListedImage } from '../../vision/images/sources/index.ts';
import { type Facts, newFacts, WORDS } from './facts.ts';
import type { Listing } from './listing.ts';

/**
 * What earlier runs found out about the images of a data set, row by row, sorted by path. It holds for an image as long as
 * its file has the same size, times and inode, and the image lies at the same place in it.
 */
export interface Memo extends Facts {
  readonly paths: Texts;
}

const COLUMNS = {
  path: utf8(),
  stamp: ints(WORDS),
  offset: float64(),
  value: int32(),
  bytes: float64(),
  digest: ints(WORDS),
  width: int32(),
  height: int32(),
};

/** Reads a memo; one that is missing or damaged holds nothing. */
export async function readMemo(file: string): Promise<Memo> {
  try {
    const table = await readAll(file);
    const words = (name: string) => {
      const { buffer, byteOffset, length } = table.ints(name).values;
      return new Uint32Array(buffer, byteOffset, length);
    };
    return {
      paths: table.texts('path'),
      stamps: words('stamp'),
      offsets: table.float64('offset'),
      values: table.int32('value'),
      bytes: table.float64('bytes'),
      digests: words('digest'),
      widths: table.int32('width'),
      heights: table.int32('height'),
    };
  } catch {
    return { paths: [], ...newFacts(0) };
  }
}

/** Writes a memo in one step. It only saves time: that it can't be written is no failure. */
export async function writeMemo(file: string, memo: Memo): Promise<void> {
  const beside = `${file}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  const signed = ({ buffer, byteOffset, length }: Uint32Array) => new Int32Array(buffer, byteOffset, length);
  try {
    writeTable(beside, COLUMNS, {
      path: memo.paths,
      stamp: signed(memo.stamps),
      offset: memo.offsets,
      value: memo.values,
      bytes: memo.bytes,
      digest: signed(memo.digests),
      width: memo.widths,
      height: memo.heights,
    });
    await rename(beside, file);
  } catch {
    await rm(beside, { force: true });
  }
}

/** For each image its row in the memo, −1 where it has none. Whether it still holds is another question. */
export function rowsIn({ paths }: Pick<Memo, 'paths'>, images: Listing): Int32Array {
  let next = 0;
  let known = paths.at(0);
  return Int32Array.from({ length: images.length }, (_, position) => {
    const path = images.path(position);
    while (known !== undefined && known < path) known = paths.at(++next);
    return known === path ? next : -1;
  });
}

/** Whether what a row of the memo says holds for an image whose file has this stamp. */
export function holds(memo: Memo, row: number, image: ListedImage, { words }: Stamp): boolean {
  return (
    row >= 0 &&
    words.every((word, i) => memo.stamps[row * WORDS + i] === word) &&
    memo.offsets[row] === image.offset &&
    memo.values[row] === (image.value ?? -1)
  );
}

/** What tells that a file is the one that it was. */
export interface Stamp {
  /** Size, times (ns) and inode, of 64 bits each, as `WORDS` numbers. */
  readonly words: Uint32Array;
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
    const words = new Uint32Array(BigUint64Array.of(size, mtimeNs, ctimeNs, ino).buffer);
    return { words, settled: Date.now() - changed > RACY_MS };
  } catch {
    return undefined;
  }
}
