/** Arithmetic mean, summed in the order given. NaN for no values. */
export function mean(values: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += values[i]!;
  return sum / values.length;
}

/**
 * Standard deviation from the squared distances to the mean: their sum over `length - ddof`, the root of it.
 * `ddof` 0 (the default) describes the values themselves, 1 estimates a population from a sample (NaN for one value).
 */
export function standardDeviation(values: ArrayLike<number>, ddof: 0 | 1 = 0): number {
  const centre = mean(values);
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += (values[i]! - centre) ** 2;
  return values.length > ddof ? Math.sqrt(sum / (values.length - ddof)) : Number.NaN;
}

/**
 * The value below which the share `share` (0…1) of the values lies, interpolated linearly between the two nearest ranks
 * around share · (n − 1), as numpy does by default. NaN for no values. The values may be in any order and are left
 * as they are.
 */
export function percentile(values: ArrayLike<number>, share: number): number {
  return percentiles(values, [share])[0]!;
}

/** Several percentiles of the same values, sorted once. */
export function percentiles(values: ArrayLike<number>, shares: readonly number[]): number[] {
  const sorted = Float64Array.from(values).sort();
  return shares.map((share) => percentileOfSorted(sorted, share));
}

/** The same for values that are sorted already. */
export function percentileOfSorted(sorted: ArrayLike<number>, share: number): number {
  if (!(share >= 0 && share <= 1)) throw new RangeError(`a percentile is asked for at ${share}, outside 0…1`);
  if (sorted.length === 0) return Number.NaN;
  const position = share * (sorted.length - 1);
  const rank = Math.floor(position);
  return between(sorted[rank]!, sorted[Math.min(rank + 1, sorted.length - 1)]!, position - rank);
}

/** The point at `share` of the way from `low` to `high`, reckoned from the nearer end, so that it never overshoots. */
export function between(low: number, high: number, share: number): number {
  const step = high - low;
  return share < 0.5 ? low + step * share : high - step * (1 - share);
}
