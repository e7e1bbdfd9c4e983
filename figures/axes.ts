import { FAINT, INK } from './theme.ts';

/** A quantitative scale for MIS: fits the data, never forced to 0. */
export function mis(title: string): object {
  return {
    type: 'quantitative',
    title,
    scale: { zero: false, nice: true },
    axis: { tickCount: 6 },
  };
}

/** An axis of names: nothing but their labels. */
export function names(labelFontSize = 13): object {
  return { labelColor: INK, labelFontSize, labelPadding: 7, ticks: false, domain: false };
}

/** A dashed line at chance, 0.5, across the plot. */
export function chance(axis: 'x' | 'y'): object {
  return level(axis, 0.5);
}

/** A dashed line at a value across the plot. */
export function level(axis: 'x' | 'y', value: number): object {
  return {
    data: { values: [{}] },
    mark: { type: 'rule', strokeDash: [4, 4], color: FAINT, strokeWidth: 1 },
    encoding: { [axis]: { datum: value, type: 'quantitative' } },
  };
}

/** "95 % bootstrap interval" with the number of resamples, for captions. */
export function intervalWords(resamples: number, of: string): string {
  return `95 % bootstrap interval of the mean over ${of} (${resamples.toLocaleString('en-US')} resamples, percentile method)`;
}

/** The ends of an axis at round numbers, and the distance of its ticks. */
export interface Domain {
  readonly low: number;
  readonly high: number;
  readonly step: number;
}

const TICKS = 6;

/**
 * An axis that holds all values with at least `padding` (a share of their range) to spare at both ends: steps of 1, 2 or
 * 5 times a power of ten, about six of them. Values that don't spread get an axis of their own.
 */
export function domainOf(values: readonly number[], padding = 0): Domain {
  const least = values.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const most = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const spare = most > least ? padding * (most - least) : 0.05 * Math.max(0.1, Math.abs(most));
  const step = roundStep((most - least + 2 * spare) / TICKS);
  const at = (count: number): number => Number((count * step).toPrecision(12));
  return { low: at(Math.floor((least - spare) / step)), high: at(Math.ceil((most + spare) / step)), step };
}

function roundStep(raw: number): number {
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = raw / power;
  return (factor > 5 ? 10 : factor > 2 ? 5 : factor > 1 ? 2 : 1) * power;
}

/** A scale with the ends given and none of Vega's own roundings, and where a value lies on it in pixels. */
export function fixedScale({ low, high }: Domain): object {
  return { domain: [low, high], nice: false, zero: false };
}

/** Decimals that tell ticks apart; for a percentage of shares. */
export function decimals(step: number, percent = false): number {
  return Math.max(0, Math.ceil(-Math.log10((percent ? 100 : 1) * step) - 1e-9));
}
