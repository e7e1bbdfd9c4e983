import type { Interval } from './bootstrap.ts';
import { pearson, spearman } from './correlation.ts';
import { MAX_COUNT, type Stream } from './random.ts';
import { percentiles } from './summary.ts';

/** 95 % intervals of Pearson's and Spearman's correlation of the same pairs. */
export interface CorrelationIntervals {
  readonly pearson: Interval;
  readonly spearman: Interval;
}

/** With more pairs than this the intervals are Fisher's: 10,000 resamples would take seconds and tell the same. */
export const MOST_PAIRS_RESAMPLED = 10_000;

/** The 97.5th percentile of the standard normal distribution. */
const Z = 1.959963984540054;

/**
 * 95 % intervals of a correlation: percentile bootstrap over pairs (see `bootstrapCorrelations`), or Fisher's
 * tanh(atanh r ± 1.96 · se) for more than 10,000 pairs, se² = 1/(n − 3) for Pearson's, 1.06/(n − 3) for Spearman's
 * (Fieller, Hartley and Pearson 1957).
 */
export function correlationIntervals(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  random: Stream,
  resamples: number,
): CorrelationIntervals {
  if (a.length <= MOST_PAIRS_RESAMPLED) return bootstrapCorrelations(a, b, random, { resamples });
  return {
    pearson: fisherInterval(pearson(a, b), a.length, 1),
    spearman: fisherInterval(spearman(a, b), a.length, 1.06),
  };
}

/** Fisher's interval of a correlation of `pairs` pairs, the variance of atanh r being `factor`/(pairs − 3). */
export function fisherInterval(r: number, pairs: number, factor: number): Interval {
  if (Math.abs(r) === 1) return { low: r, high: r };
  const half = Z * Math.sqrt(factor / (pairs - 3));
  return { low: Math.tanh(Math.atanh(r) - half), high: Math.tanh(Math.atanh(r) + half) };
}

/**
 * Percentile bootstrap intervals of both correlations (Efron and Tibshirani 1993, §13.3): as many pairs as there are are
 * drawn with replacement, `resamples` times; Spearman's is ranked anew in every resample. Resamples in which a list
 * doesn't vary have no correlation and are left out; NaN where that are all. Cost: pairs × resamples, about 20 ns each.
 */
export function bootstrapCorrelations(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  random: Stream,
  { resamples = 10_000, level = 0.95 }: { resamples?: number; level?: number } = {},
): CorrelationIntervals {
  const count = a.length;
  if (count !== b.length) throw new RangeError(`${count} values can't be paired with ${b.length}`);
  if (count > MAX_COUNT) throw new RangeError(`a bootstrap over ${count} pairs is more than ${MAX_COUNT}`);
  if (!(resamples >= 1)) throw new RangeError(`a bootstrap needs at least one resample, not ${resamples}`);
  const [first, second] = [listOf(a), listOf(b)];
  const draws = new Uint32Array(count);
  const found: { pearson: number[]; spearman: number[] } = { pearson: [], spearman: [] };
  for (let r = 0; r < resamples && count > 0; r++) {
    random.fillBelow(draws, count);
    if (!rank(first, draws) || !rank(second, draws)) continue;
    found.pearson.push(correlation(first.values, second.values, draws));
    found.spearman.push(rankCorrelation(first, second, draws));
  }
  const ends = (values: readonly number[]): Interval => {
    const [low, high] = percentiles(values, [(1 - level) / 2, (1 + level) / 2]);
    return { low: low!, high: high! };
  };
  return { pearson: ends(found.pearson), spearman: ends(found.spearman) };
}

/** A list, prepared so that every resample of it is ranked without sorting. */
interface ResampledList {
  readonly values: Float64Array;
  /** Place of each value among the distinct values in ascending order. */
  readonly places: Uint32Array;
  /** Of each distinct value: how often it was drawn, and the mean of the ranks that it takes up. */
  readonly drawn: Uint32Array;
  readonly ranks: Float64Array;
}

function listOf(list: ArrayLike<number>): ResampledList {
  const values = Float64Array.from(list);
  const distinct = Float64Array.from(new Set(values)).sort();
  const placeOf = new Map(Array.from(distinct, (value, place) => [value, place]));
  return {
    values,
    places: Uint32Array.from(values, (value) => placeOf.get(value)!),
    drawn: new Uint32Array(distinct.length),
    ranks: new Float64Array(distinct.length),
  };
}

/** Ranks a resample; false when it holds one distinct value alone. */
function rank({ places, drawn, ranks }: ResampledList, draws: Uint32Array): boolean {
  drawn.fill(0);
  for (let i = 0; i < draws.length; i++) drawn[places[draws[i]!]!]!++;
  let before = 0;
  let distinct = 0;
  for (let place = 0; place < drawn.length; place++) {
    const times = drawn[place]!;
    if (times === 0) continue;
    ranks[place] = before + (times + 1) / 2;
    before += times;
    distinct++;
  }
  return distinct > 1;
}

function correlation(a: Float64Array, b: Float64Array, draws: Uint32Array): number {
  let [sumA, sumB] = [0, 0];
  for (let i = 0; i < draws.length; i++) {
    sumA += a[draws[i]!]!;
    sumB += b[draws[i]!]!;
  }
  const [meanA, meanB] = [sumA / draws.length, sumB / draws.length];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < draws.length; i++) {
    const da = a[draws[i]!]! - meanA;
    const db = b[draws[i]!]! - meanB;
    ab += da * db;
    aa += da * da;
    bb += db * db;
  }
  return clipped(ab, aa, bb);
}

function rankCorrelation(a: ResampledList, b: ResampledList, draws: Uint32Array): number {
  const centre = (draws.length + 1) / 2;
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < draws.length; i++) {
    const da = a.ranks[a.places[draws[i]!]!]! - centre;
    const db = b.ranks[b.places[draws[i]!]!]! - centre;
    ab += da * db;
    aa += da * da;
    bb += db * db;
  }
  return clipped(ab, aa, bb);
}

function clipped(ab: number, aa: number, bb: number): number {
  return Math.max(-1, Math.min(1, ab / (Math.sqrt(aa) * Math.sqrt(bb))));
}
