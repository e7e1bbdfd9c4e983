import type { Interval } from '../../stats/bootstrap.ts';
import { mean, standardDeviation } from '../../stats/summary.ts';

/** `temperature`: p = σ(x / α); `factor`: p = σ(α · x). */
export type AlphaRole = 'temperature' | 'factor';

/** The logistic function 1 / (1 + e⁻ˣ), without overflow for any x. */
export function logistic(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** How surely a machine tells the two queries of a task apart, from its margin x [MIS]. ½ is chance. */
export function probability(margin: number, alpha: number, role: AlphaRole): number {
  return logistic(role === 'temperature' ? margin / alpha : margin * alpha);
}

/** The same of many margins. */
export function probabilities(margins: Float64Array, alpha: number, role: AlphaRole): Float64Array {
  const p = new Float64Array(margins.length);
  for (let i = 0; i < p.length; i++) p[i] = probability(margins[i]!, alpha, role);
  return p;
}

/** The scores of one unit; names as in the `units` table. */
export interface UnitScore {
  readonly mis: number;
  readonly mis_low: number;
  readonly mis_high: number;
  readonly task_accuracy: number;
  readonly mean_margin: number;
  readonly sd_p: number;
}

/**
 * The score of a unit from the margins and probabilities of its tasks [MIS]: MIS is the mean of p, with a 95 % percentile
 * bootstrap interval over tasks; the task accuracy (the score as α → 0) the share of positive margins, ties counting ½.
 * `sd_p` divides by the number of tasks.
 *
 * @param interval of the mean of p
 */
export function scoreUnit(margins: Float64Array, p: Float64Array, { low, high }: Interval): UnitScore {
  return {
    mis: mean(p),
    mis_low: low,
    mis_high: high,
    task_accuracy: shareAbove(margins),
    mean_margin: mean(margins),
    sd_p: standardDeviation(p),
  };
}

/** The share of positive values, zeros counting ½; NaN for no values. */
function shareAbove(values: Float64Array): number {
  let count = 0;
  for (let i = 0; i < values.length; i++) count += values[i]! > 0 ? 1 : values[i] === 0 ? 0.5 : 0;
  return count / values.length;
}
