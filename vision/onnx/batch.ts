/**
 * Sizes to choose from for images of a size: the largest holds the pixels of 8 images of 224 × 224, at most 128 images; then half
 * and a quarter of that. On a CPU larger batches are no faster and take more memory (two ResNet-50 sessions: 1.5 GB in batches
 * of 8, 4.1 GB of 32). Other devices need more to be busy: sixteen times as many. At least 2: a single image would be run
 * with a companion.
 */
export function batchSizes([height, width]: readonly [number, number], isCpu = true): number[] {
  const times = isCpu ? 1 : 16;
  const most = times * Math.min(128, Math.floor((8 * 224 * 224) / (height * width)));
  return [...new Set([most >> 2, most >> 1, most].map((size) => Math.max(2, size)))];
}

/** The size for work that isn't probed. */
export function batchSize(image: readonly [number, number]): number {
  const sizes = batchSizes(image);
  return sizes[sizes.length >> 1]!;
}

/** How many batches of each size are timed: the first of a size makes room in memory, others can be disturbed. */
const ROUNDS = 3;
/** A larger batch must be so much faster to be worth its memory. */
const WORTH = 0.99;

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
    return this.#sizes[Math.floor(this.#given++ / ROUNDS)] ?? this.#sizes[this.#sizes.length >> 1]!;
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
