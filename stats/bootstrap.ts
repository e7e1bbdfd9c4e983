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
  if (!(resamples >= 1)) throw new RangeError(`a bootstrap needs at least one resample, not ${resamples}`);
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
  const [low, high] = [(1 - level) / 2, (1 + level) / 2].map((share) =>
    selected(means, share * (resamples - 1)),
  );
  return { low: low!, high: high! };
}

/** The value at a (fractional) rank, linear between neighbours; reorders `values` instead of sorting them. */
function selected(values: Float64Array, position: number): number {
  const rank = Math.floor(position);
  partition(values, rank);
  const low = values[rank]!;
  let high = Number.POSITIVE_INFINITY;
  for (let i = rank + 1; i < values.length; i++) if (values[i]! < high) high = values[i]!;
  return rank + 1 < values.length ? between(low, high, position - rank) : low;
}

/** Hoare's selection: afterwards nothing before `rank` is larger than the value there, nothing behind it smaller. */
function partition(values: Float64Array, rank: number): void {
  let left = 0;
  let right = values.length - 1;
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
