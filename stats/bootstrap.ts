import { MAX_COUNT, type Stream } from './random.ts';
import { between } from './summary.ts';

/** An interval with its two ends. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Percentile bootstrap interval of the mean (Efron and Tibshirani 1993, §13.3): `resamples` means of as many values
 * drawn with replacement; the interval reaches from the (1 − level)/2 to the (1 + level)/2 percentile of them. The
 * random stream decides the draws, so a stream started at the same point gives the same interval.
 * Cost: length × resamples draws, about 3 ns each. Both ends NaN for no values.
 */
export function bootstrapMean(
  values: ArrayLike<number>,
  random: Stream,
  { resamples = 10_000, level = 0.95 }: { resamples?: number; level?: number } = {},
): Interval {
  const count = values.length;
  if (count > MAX_COUNT) throw new RangeError(`a bootstrap over ${count} values is more than ${MAX_COUNT}`);
  const positions = ends(resamples, level);
  if (count === 0) return { low: Number.NaN, high: Number.NaN };
  const drawn = Float64Array.from(values);
  const means = new Float64Array(resamples);
  const draws = new Uint32Array(count);
  for (let r = 0; r < resamples; r++) {
    random.fillBelow(draws, count);
    let sum = 0;
    for (let i = 0; i < count; i++) sum += drawn[draws[i]!]!;
    means[r] = sum / count;
  }
  const [low, high] = positions.map((position) => selected(means, position));
  return { low: low!, high: high! };
}

/** The (fractional) ranks of the ends of a percentile interval. Throws a RangeError without a resample. */
export function ends(resamples: number, level: number): [number, number] {
  if (!(resamples >= 1)) throw new RangeError(`a bootstrap needs at least one resample, not ${resamples}`);
  return [((1 - level) / 2) * (resamples - 1), ((1 + level) / 2) * (resamples - 1)];
}

/**
 * The value at a (fractional) rank, linear between neighbours, among the first `length` values when all are divided by
 * `divisor`; reorders them instead of sorting.
 */
export function selected(
  values: Float64Array,
  position: number,
  length = values.length,
  divisor = 1,
): number {
  const rank = Math.floor(position);
  partition(values, rank, length);
  const low = values[rank]!;
  let high = Number.POSITIVE_INFINITY;
  for (let i = rank + 1; i < length; i++) if (values[i]! < high) high = values[i]!;
  return rank + 1 < length ? between(low / divisor, high / divisor, position - rank) : low / divisor;
}

/** Hoare's selection: afterwards nothing before `rank` is larger than the value there, nothing behind it smaller. */
function partition(values: Float64Array, rank: number, length: number): void {
  let left = 0;
  let right = length - 1;
  while (left < right) {
    const pivot = values[rank]!;
    let i = left;
    let j = right;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (pivot < values[j]!) j--;
      if (i <= j) {
        const kept = values[i]!;
        values[i++] = values[j]!;
        values[j--] = kept;
      }
    }
    if (j < rank) left = i;
    if (rank < i) right = j;
  }
}
