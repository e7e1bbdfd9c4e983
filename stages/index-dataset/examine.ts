import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { isUserError } from '../../common/errors.ts';
import { sha256 } from '../../common/json.ts';
import type { Task } from '../../engine/stage.ts';
import { textsBy } from '../../tables/texts.ts';
import { decode, UnreadableImage } from '../../vision/images/decode.ts';
import { type ParquetReader, parquetReader } from '../../vision/images/parquet/reader.ts';
import { readPart } from '../../vision/images/shard.ts';
import type { ListedImage } from '../../vision/images/sources/index.ts';
import { copyFacts, type Facts, newFacts, setDigest, WORDS } from './facts.ts';
import type { Params } from './index.ts';
import type { Listing } from './listing.ts';
import { holds, type Memo, readMemo, rowsIn, stamper, writeMemo } from './memo.ts';

/** An image that was left out, and why. */
export interface Skipped {
  readonly path: string;
  readonly reason: string;
}

/** How many images are read and decoded at a time. */
const IN_FLIGHT = 8;

/**
 * Reads, digests and decodes images, several at a time, but for those that an earlier run did and whose files are
 * unchanged. With `on-error: stop` throws the UnreadableImage of the first in order among those that failed; otherwise
 * returns them as `skipped`, in order. What is known of every image of the data set is kept for later runs.
 *
 * @param chosen positions of those to examine, ascending
 * @returns facts by position
 */
export async function examine(
  images: Listing,
  chosen: Int32Array,
  task: Task<Params>,
): Promise<{ facts: Facts; skipped: Skipped[] }> {
  const count = chosen.length;
  const facts = newFacts(images.length);
  const { orientation } = task.params;
  const file = task.kept(`images ${sha256(JSON.stringify([task.files('path'), orientation]))}`);
  const memo = await readMemo(file);
  const known = rowsIn(memo, images);
  /** 1 for images that were examined now, and whose files will tell when they change. */
  const fresh = new Uint8Array(images.length);
  const stampOf = stamper();
  const parquet = parquetReader();
  const failed = new Map<number, UnreadableImage>();
  const stop = task.params['on-error'] === 'stop';
  let done = 0;
  const finish = () => {
    task.progress(++done, count, 'images');
    return !(stop && failed.size > 0);
  };
  try {
    await inOrder(count, (next) => {
      if (next % 64 === 0) task.check();
      const position = chosen[next]!;
      const image = images.image(position);
      const stamp = stampOf(image);
      if (stamp && holds(memo, known[position]!, image, stamp)) {
        copyFacts(memo, known[position]!, facts, position);
        return finish();
      }
      return examineOne(image, facts, position, orientation, parquet).then(
        () => {
          if (stamp?.settled) {
            facts.stamps.set(stamp.words, position * WORDS);
            fresh[position] = 1;
          }
          return finish();
        },
        (error: unknown) => {
          if (!(error instanceof UnreadableImage)) throw error;
          failed.set(position, error);
          return finish();
        },
      );
    });
  } finally {
    await parquet.close();
    // Also of a run that was stopped: the next one goes on from there.
    if (fresh.includes(1)) await remember(file, memo, known, images, facts, fresh);
  }
  const positions = [...failed.keys()].sort((a, b) => a - b);
  if (stop && positions.length > 0) throw failed.get(positions[0]!)!;
  const skipped = positions.map((position) => {
    return { path: images.path(position), reason: failed.get(position)!.reason };
  });
  return { facts, skipped };
}

/** Writes what is known now: of the images that were examined, and what was known of the others that are still there. */
async function remember(
  file: string,
  memo: Memo,
  known: Int32Array,
  images: Listing,
  facts: Facts,
  fresh: Uint8Array,
): Promise<void> {
  const kept = Int32Array.from(known.keys()).filter(
    (position) => fresh[position] === 1 || known[position]! >= 0,
  );
  const all = newFacts(kept.length);
  for (const [at, position] of kept.entries()) {
    if (fresh[position] === 1) copyFacts(facts, position, all, at);
    else copyFacts(memo, known[position]!, all, at);
  }
  await writeMemo(file, { paths: textsBy(kept.length, (at) => images.path(kept[at]!)), ...all });
}

async function examineOne(
  image: ListedImage,
  facts: Facts,
  position: number,
  orientation: Params['orientation'],
  parquet: ParquetReader,
): Promise<void> {
  const encoded = await read(image, parquet);
  const { width, height } = await decode(encoded, image.path, orientation);
  setDigest(facts, position, createHash('sha256').update(encoded).digest());
  facts.offsets[position] = image.offset;
  facts.values[position] = image.value ?? -1;
  facts.bytes[position] = encoded.length;
  facts.widths[position] = width;
  facts.heights[position] = height;
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
