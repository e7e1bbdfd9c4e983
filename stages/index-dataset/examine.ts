import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isUserError } from '../../common/errors.ts';
import { sha256 } from '../../common/json.ts';
import type { Task } from '../../engine/stage.ts';
import { decode, UnreadableImage } from '../../vision/images/decode.ts';
import { type ParquetReader, parquetReader } from '../../vision/images/parquet/reader.ts';
import { readPart } from '../../vision/images/shard.ts';
import type { ListedImage } from '../../vision/images/sources/index.ts';
import type { Params } from './index.ts';
import { holds, type Memo, readMemo, rowsIn, type Stamp, stamper, writeMemo } from './memo.ts';

/** What was found out about each image, by its row. Images that can't be decoded have width 0. */
export interface Examined {
  readonly bytes: Float64Array;
  /** SHA-256, lower-case hexadecimal. */
  readonly digests: string[];
  readonly widths: Int32Array;
  readonly heights: Int32Array;
}

/** An image that was left out, and why. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

/** How many images are read and decoded at a time. */
const IN_FLIGHT = 8;

/**
 * Reads, digests and decodes the images, several at a time, but for those that an earlier run did and whose files are
 * unchanged. With `on-error: stop` throws the UnreadableImage of the first in order among those that failed; otherwise
 * returns them as `skipped`, in order.
 *
 * @param images those to examine, sorted by path
 * @param all every image of the data set, sorted by path: what is known of these is kept for later runs
 */
export async function examine(
  images: readonly ListedImage[],
  all: readonly ListedImage[],
  task: Task<Params>,
): Promise<{ examined: Examined; skipped: Skipped[] }> {
  const count = images.length;
  const examined: Examined = {
    bytes: new Float64Array(count),
    digests: new Array<string>(count).fill(''),
    widths: new Int32Array(count),
    heights: new Int32Array(count),
  };
  const { orientation } = task.params;
  const file = task.kept(`images ${sha256(JSON.stringify([task.files('path'), orientation]))}`);
  const memo = await readMemo(file);
  const known = rowsIn(memo, images);
  const stampOf = stamper();
  const stamps = new Array<Stamp | undefined>(count);
  const parquet = parquetReader();
  const failed = new Map<number, UnreadableImage>();
  const stop = task.params['on-error'] === 'stop';
  let done = 0;
  let fresh = 0;
  const keep = () => (fresh > 0 ? remember(file, memo, all, images, examined, stamps) : undefined);
  try {
    await inOrder(count, (row) => {
      if (row % 64 === 0) task.check();
      const image = images[row]!;
      const stamp = stampOf(image);
      const finish = () => {
        task.progress(++done, count, 'images');
        return !(stop && failed.size > 0);
      };
      if (stamp && holds(memo, known[row]!, image, stamp)) {
        recall(memo, known[row]!, examined, row);
        stamps[row] = stamp;
        return finish();
      }
      return examineOne(image, row, examined, orientation, parquet).then(
        () => {
          stamps[row] = stamp;
          fresh++;
          return finish();
        },
        (error: unknown) => {
          if (!(error instanceof UnreadableImage)) throw error;
          failed.set(row, error);
          return finish();
        },
      );
    });
  } finally {
    await parquet.close();
    // Also of a run that was stopped: the next one goes on from there.
    await keep();
  }
  const rows = [...failed.keys()].sort((a, b) => a - b);
  if (stop && rows.length > 0) throw failed.get(rows[0]!)!;
  const skipped = rows.map((row) => ({ path: images[row]!.path, reason: failed.get(row)!.reason }));
  return { examined, skipped };
}

function recall(memo: Memo, from: number, examined: Examined, row: number): void {
  examined.bytes[row] = memo.bytes[from]!;
  examined.digests[row] = memo.digests[from]!;
  examined.widths[row] = memo.widths[from]!;
  examined.heights[row] = memo.heights[from]!;
}

/** Writes what is known now: of the images that were examined, and what was known of the others that are still there. */
async function remember(
  file: string,
  memo: Memo,
  all: readonly ListedImage[],
  images: readonly ListedImage[],
  examined: Examined,
  stamps: readonly (Stamp | undefined)[],
): Promise<void> {
  const before = rowsIn(memo, all);
  const sources: { image: ListedImage; now: number; old: number }[] = [];
  let row = 0;
  for (const [i, image] of all.entries()) {
    const now = images[row]?.path === image.path ? row++ : -1;
    const old = before[i]!;
    if (now >= 0 && examined.widths[now]! > 0 && stamps[now]?.settled) sources.push({ image, now, old: -1 });
    else if (old >= 0) sources.push({ image, now: -1, old });
  }
  const numbers = (of: { [i: number]: number }, old: { [i: number]: number }) =>
    Float64Array.from(sources, (each) => (each.now >= 0 ? of[each.now]! : old[each.old]!));
  await writeMemo(file, {
    paths: sources.map(({ image }) => image.path),
    stamps: sources.map(({ now, old }) => (now >= 0 ? stamps[now]!.text : memo.stamps[old]!)),
    offsets: Float64Array.from(sources, ({ image, now, old }) =>
      now >= 0 ? image.offset : memo.offsets[old]!,
    ),
    values: Int32Array.from(sources, ({ image, now, old }) =>
      now >= 0 ? (image.value ?? -1) : memo.values[old]!,
    ),
    bytes: numbers(examined.bytes, memo.bytes),
    digests: sources.map(({ now, old }) => (now >= 0 ? examined.digests[now]! : memo.digests[old]!)),
    widths: Int32Array.from(numbers(examined.widths, memo.widths)),
    heights: Int32Array.from(numbers(examined.heights, memo.heights)),
  });
}

async function examineOne(
  image: ListedImage,
  row: number,
  examined: Examined,
  orientation: Params['orientation'],
  parquet: ParquetReader,
): Promise<void> {
  const encoded = await read(image, parquet);
  const { width, height } = await decode(encoded, image.path, orientation);
  examined.digests[row] = createHash('sha256').update(encoded).digest('hex');
  examined.bytes[row] = encoded.length;
  examined.widths[row] = width;
  examined.heights[row] = height;
}

async function read(
  { path, file, offset, bytes, value }: ListedImage,
  parquet: ParquetReader,
): Promise<Buffer> {
  try {
    if (value !== undefined) {
      const encoded = await parquet.read(file, offset, value);
      if (!encoded) throw new UnreadableImage(path, 'its row of the Parquet file holds no bytes');
      return encoded;
    }
    return bytes === undefined ? await readFile(file) : await readPart(file, offset, bytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (isUserError(error) || code === undefined) throw error;
    const reason = path.includes('\uFFFD')
      ? 'its name is not valid UTF-8'
      : `its file can't be read (${code})`;
    throw new UnreadableImage(path, reason);
  }
}

/**
 * Calls `work` for 0 … count − 1 in order, a few calls at a time; no more are started once one returns false or throws.
 * Settles when all calls that were started have; throws what the first of them threw. Work that is done at once costs no
 * waiting.
 */
async function inOrder(count: number, work: (index: number) => boolean | Promise<boolean>): Promise<void> {
  let next = 0;
  const loop = async () => {
    try {
      while (next < count) {
        const goOn = work(next++);
        if (!(typeof goOn === 'boolean' ? goOn : await goOn)) next = count;
      }
    } catch (error) {
      next = count;
      throw error;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: IN_FLIGHT }, loop));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
