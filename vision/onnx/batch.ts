/** So many images of this size are a batch for a CPU: larger ones are hardly faster and take more memory. */
const LARGE = { count: 8, pixels: 224 * 224, most: 128 };
/** Other devices need more to be busy. */
const ELSEWHERE = { ...LARGE, count: 128, most: 2048 };

/**
 * Sizes to choose from for images of a size: the largest holds the pixels of 8 images of 224 × 224, at most 128 images; then half
 * and a quarter of that. On devices other than a CPU it is more. At least 2: a single image would be run with a companion.
 */
export function batchSizes(image: readonly [number, number], isCpu = true): number[] {
  const most = sizeIn(isCpu ? LARGE : ELSEWHERE, image);
  return [...new Set([most >> 2, most >> 1, most].map((size) => Math.max(2, size)))];
}

/** The size for work that isn't probed. */
export function batchSize(image: readonly [number, number]): number {
  return Math.max(2, sizeIn({ ...LARGE, count: 4, most: 64 }, image));
}

function sizeIn({ count, pixels, most }: typeof LARGE, [height, width]: readonly [number, number]): number {
  return Math.min(most, Math.floor((count * pixels) / (height * width)));
}

/** How many batches of each size are timed, in turns: the first of a size makes room in memory, others can be disturbed. */
const ROUNDS = 5;
/** A larger batch must be so much faster to be worth its memory. */
const WORTH = 0.995;

/**
 * Finds the size of batches that is fastest, by timing the first batches of the work itself: nothing is computed for the probe
 * alone, and results don't depend on the size.
 */
export class BatchProbe {
  readonly #sizes: readonly number[];
  /** Fewest milliseconds for an image, by size. */
  readonly #best = new Map<number, number>();
  #given = 0;
  #timed = 0;
  #chosen: number | undefined;

  /** @param sizes ascending; one if there is nothing to choose */
  constructor(sizes: readonly number[]) {
    this.#sizes = sizes;
    if (sizes.length === 1) this.#chosen = sizes[0];
  }

  /** The size of the next batch. While batches of the probe are still to be timed, the middle one. */
  next(): number {
    if (this.#chosen !== undefined) return this.#chosen;
    const count = this.#sizes.length;
    return this.#sizes[this.#given < ROUNDS * count ? this.#given++ % count : count >> 1]!;
  }

  /** Tells that a batch took so long. */
  ran(count: number, ms: number): void {
    if (this.#chosen !== undefined || !this.#sizes.includes(count)) return;
    this.#best.set(count, Math.min(this.#best.get(count) ?? Number.POSITIVE_INFINITY, ms / count));
    if (++this.#timed === ROUNDS * this.#sizes.length) this.#chosen = fastest(this.#best);
  }
}

/** The smallest size that no larger one beats by much. */
function fastest(best: ReadonlyMap<number, number>): number {
  const sizes = [...best.keys()].sort((a, b) => a - b);
  return sizes.reduce((chosen, size) => (best.get(size)! < WORTH * best.get(chosen)! ? size : chosen));
}
