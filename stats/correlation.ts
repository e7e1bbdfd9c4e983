import { midranks } from './ranks.ts';
import { mean } from './summary.ts';
import { studentTwoSided } from './tails.ts';

/**
 * Pearson's product-moment correlation of two equally long lists, −1…1. NaN for fewer than two pairs or where one list
 * doesn't vary. Two passes: deviations from the means first.
 */
export function pearson(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) throw new RangeError(`${a.length} values can't be paired with ${b.length}`);
  const [meanA, meanB] = [mean(a), mean(b)];
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    const da = a[i]! - meanA;
    const db = b[i]! - meanB;
    ab += da * db;
    aa += da * da;
    bb += db * db;
  }
  if (a.length < 2 || isConstant(a) || isConstant(b)) return Number.NaN;
  return Math.max(-1, Math.min(1, ab / (Math.sqrt(aa) * Math.sqrt(bb))));
}

/** Compared value by value: deviations from a rounded mean needn't be 0. */
function isConstant(values: ArrayLike<number>): boolean {
  for (let i = 1; i < values.length; i++) if (values[i] !== values[0]) return false;
  return true;
}

/** Spearman's rank correlation: Pearson's of the ranks, equal values sharing the mean of their ranks. */
export function spearman(a: ArrayLike<number>, b: ArrayLike<number>): number {
  return pearson(midranks(a), midranks(b));
}

/**
 * Two-sided p of a correlation r of n pairs under independence: Student's t of r · sqrt((n − 2)/(1 − r²)) with n − 2
 * degrees of freedom. Exact for Pearson's r of normal values, the usual approximation for Spearman's (Kendall and
 * Stuart 1973, §31.19; as scipy's pearsonr and spearmanr do). NaN for fewer than three pairs or an undefined r.
 */
export function correlationP(r: number, pairs: number): number {
  if (Number.isNaN(r) || pairs < 3) return Number.NaN;
  return studentTwoSided(r * Math.sqrt((pairs - 2) / ((1 - r) * (1 + r))), pairs - 2);
}
