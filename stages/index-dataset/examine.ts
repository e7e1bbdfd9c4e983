import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { Task } from '../../engine/stage.ts';
import { decode, UnreadableImage } from '../../vision/images/decode.ts';
import { readPart } from '../../vision/images/shard.ts';
import type { ListedImage } from '../../vision/images/sources/index.ts';
import type { Params } from './index.ts';

/** What was found out about each image, by its row. Images that can't be decoded have width 0. */
export interface Examined {
  readonly bytes: Float64Array;
  /** SHA-256, 32 bytes each. */
  readonly digests: Buffer;
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
 * Reads, digests and decodes all images, several at a time. With `on-error: stop` throws the UnreadableImage of the
 * first in order among those that failed; otherwise returns them as `skipped`, in order.
 */
export async function examine(
  images: readonly ListedImage[],
  task: Task<Params>,
): Promise<{ examined: Examined; skipped: Skipped[] }> {
  const count = images.length;
  const examined: Examined = {
    bytes: new Float64Array(count),
    digests: Buffer.alloc(count * 32),
    widths: new Int32Array(count),
    heights: new Int32Array(count),
  };
  const failed = new Map<number, UnreadableImage>();
  const stop = task.params['on-error'] === 'stop';
  let done = 0;
  await inOrder(count, async (row) => {
    task.check();
    try {
      await examineOne(images[row]!, row, examined, task.params.orientation);
    } catch (error) {
      if (!(error instanceof UnreadableImage)) throw error;
      failed.set(row, error);
    }
    task.progress(++done, count, 'images');
    return !(stop && failed.size > 0);
  });
  const rows = [...failed.keys()].sort((a, b) => a - b);
  if (stop && rows.length > 0) throw failed.get(rows[0]!)!;
  const skipped = rows.map((row) => ({ path: images[row]!.path, reason: failed.get(row)!.reason }));
  return { examined, skipped };
}

async function examineOne(
  image: ListedImage,
  row: number,
  examined: Examined,
  orientation: Params['orientation'],
): Promise<void> {
  const encoded = await read(image);
  const { width, height } = await decode(encoded, image.path, orientation);
  createHash('sha256')
    .update(encoded)
    .digest()
    .copy(examined.digests, row * 32);
  examined.bytes[row] = encoded.length;
  examined.widths[row] = width;
  examined.heights[row] = height;
}

async function read({ path, file, offset, bytes }: ListedImage): Promise<Buffer> {
  try {
    return bytes === undefined ? await readFile(file) : await readPart(file, offset, bytes);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === undefined) throw error;
    const reason = path.includes('\uFFFD')
      ? 'its name is not valid UTF-8'
      : `its file can't be read (${code})`;
    throw new UnreadableImage(path, reason);
  }
}

/**
 * Calls `work` for 0 … count − 1 in order, a few calls at a time; no more are started once one returns false or throws.
 * Settles when all calls that were started have; throws what the first of them threw.
 */
async function inOrder(count: number, work: (index: number) => Promise<boolean>): Promise<void> {
  let next = 0;
  const loop = async () => {
    while (next < count) {
      const goOn = await work(next++).catch((error: unknown) => {
        next = count;
        throw error;
      });
      if (!goOn) next = count;
    }
  };
  const ends = await Promise.allSettled(Array.from({ length: IN_FLIGHT }, loop));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}
