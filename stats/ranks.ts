import { chiSquareTail, studentTwoSided } from './tails.ts';

/** Ranks from 1; equal values share the mean of the ranks that they take up. */
export function midranks(values: ArrayLike<number>): Float64Array {
  const order = Uint32Array.from({ length: values.length }, (_, i) => i);
  order.sort((i, j) => values[i]! - values[j]!);
  const ranks = new Float64Array(values.length);
  for (let from = 0; from < order.length; ) {
    let to = from + 1;
    while (to < order.length && values[order[to]!] === values[order[from]!]) to++;
    for (let i = from; i < to; i++) ranks[order[i]!] = (from + to + 1) / 2;
    from = to;
  }
  return ranks;
}

export interface KruskalWallis {
  /** The statistic H, corrected for ties; NaN when all values are equal or there are fewer than two groups. */
  readonly h: number;
  readonly degrees: number;
  /** P(χ² > H) with k − 1 degrees of freedom. */
  readonly p: number;
}

interface RankedGroups {
  readonly sizes: readonly number[];
  readonly meanRanks: readonly number[];
  /** Number of values in all groups. */
  readonly count: number;
  /** Variance of all ranks (n − 1): N(N + 1)/12 without ties. */
  readonly variance: number;
}

function rankGroups(groups: readonly ArrayLike<number>[]): RankedGroups {
  if (groups.some((group) => group.length === 0))
    throw new RangeError('a rank test has no use for an empty group');
  const ranks = midranks(groups.flatMap((group) => Array.from(group)));
  const count = ranks.length;
  const centre = (count + 1) / 2;
  let squares = 0;
  for (const rank of ranks) squares += (rank - centre) ** 2;
  let at = 0;
  const meanRanks = groups.map((group) => {
    const own = ranks.subarray(at, at + group.length);
    at += group.length;
    return own.reduce((sum, rank) => sum + rank, 0) / group.length;
  });
  return { sizes: groups.map((group) => group.length), meanRanks, count, variance: squares / (count - 1) };
}

function kruskalWallisOf({ sizes, meanRanks, count, variance }: RankedGroups): KruskalWallis {
  const degrees = sizes.length - 1;
  const between = sizes.reduce((sum, size, g) => sum + size * (meanRanks[g]! - (count + 1) / 2) ** 2, 0);
  const h = degrees < 1 || !(variance > 0) ? Number.NaN : between / variance;
  return { h, degrees, p: Number.isNaN(h) ? Number.NaN : chiSquareTail(h, degrees) };
}

/**
 * Kruskal–Wallis test that all groups come from one distribution (Kruskal and Wallis 1952): the spread of the groups'
 * mean ranks over the variance of all ranks, which corrects for ties. Throws on an empty group.
 */
export function kruskalWallis(groups: readonly ArrayLike<number>[]): KruskalWallis {
  return kruskalWallisOf(rankGroups(groups));
}

/** The comparison of groups `first` < `second` after a Kruskal–Wallis test. */
export interface PairTest {
  readonly first: number;
  readonly second: number;
  /** Mean rank of the first minus that of the second, over its standard error. */
  readonly t: number;
  readonly p: number;
  /** p corrected for the number of pairs by Holm's step-down method. */
  readonly adjusted: number;
}

/**
 * Conover's test of every pair of groups (Conover and Iman 1979; Conover 1999, §5.2, eq. 6), two-sided:
 * t = (R̄i − R̄j) / sqrt(S² · (N − 1 − H)/(N − k) · (1/ni + 1/nj)) with N − k degrees of freedom, S² the variance of all
 * ranks and H the Kruskal–Wallis statistic; p adjusted by Holm. p is NaN when N = k or all values are equal, 0 when the
 * groups' ranks don't vary within.
 */
export function conoverHolm(groups: readonly ArrayLike<number>[]): PairTest[] {
  const ranked = rankGroups(groups);
  const { sizes, meanRanks, count, variance } = ranked;
  const degrees = count - sizes.length;
  const { h } = kruskalWallisOf(ranked);
  const within = (variance * Math.max(0, count - 1 - h)) / degrees;
  const pairs: Omit<PairTest, 'adjusted'>[] = [];
  for (let first = 0; first < sizes.length; first++) {
    for (let second = first + 1; second < sizes.length; second++) {
      const difference = meanRanks[first]! - meanRanks[second]!;
      const t =
        difference === 0 ? 0 : difference / Math.sqrt(within * (1 / sizes[first]! + 1 / sizes[second]!));
      const testable = degrees > 0 && variance > 0;
      pairs.push({
        first,
        second,
        t: testable ? t : Number.NaN,
        p: testable ? studentTwoSided(t, degrees) : Number.NaN,
      });
    }
  }
  const adjusted = holm(pairs.map((pair) => pair.p));
  return pairs.map((pair, i) => ({ ...pair, adjusted: adjusted[i]! }));
}

/**
 * Holm's step-down correction (Holm 1979) of m values of p: the smallest times m, the next times m − 1 …, never smaller
 * than the one before, at most 1. NaNs stay NaN and don't count.
 */
export function holm(p: readonly number[]): number[] {
  const order = p.map((_, i) => i).filter((i) => !Number.isNaN(p[i]!));
  order.sort((i, j) => p[i]! - p[j]!);
  const adjusted = p.map(() => Number.NaN);
  let largest = 0;
  order.forEach((i, rank) => {
    largest = Math.max(largest, Math.min(1, (order.length - rank) * p[i]!));
    adjusted[i] = largest;
  });
  return adjusted;
}
