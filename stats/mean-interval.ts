import { bootstrapMean, type Interval } from './bootstrap.ts';
import type { Stream } from './random.ts';
import { mean, standardDeviation } from './summary.ts';

/**
 * With more values than this the percentile bootstrap of a mean and the normal interval differ by far less than either
 * tells, and 10,000 resamples take longer than ten seconds.
 */
export const MOST_RESAMPLED = 200_000;

/** The 97.5th percentile of the standard normal distribution. */
const Z = 1.959963984540054;

/**
 * 95 % interval of a mean: percentile bootstrap (see `bootstrapMean`), or mean ± 1.96 · sd / √n for more than 200,000
 * values. Both ends NaN for no values.
 */
export function meanInterval(values: ArrayLike<number>, random: Stream, resamples: number): Interval {
  if (values.length <= MOST_RESAMPLED) return bootstrapMean(values, random, { resamples });
  const centre = mean(values);
  const half = (Z * standardDeviation(values, 1)) / Math.sqrt(values.length);
  return { low: centre - half, high: centre + half };
}
