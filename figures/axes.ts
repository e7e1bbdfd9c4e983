import { FAINT } from './theme.ts';

/** A quantitative scale for MIS: fits the data, never forced to 0. */
export function mis(title: string): object {
  return {
    type: 'quantitative',
    title,
    scale: { zero: false, nice: true },
    axis: { tickCount: 6 },
  };
}

/** A dashed line at chance, 0.5, across the plot. */
export function chance(axis: 'x' | 'y'): object {
  return {
    data: { values: [{}] },
    mark: { type: 'rule', strokeDash: [4, 4], color: FAINT, strokeWidth: 1 },
    encoding: { [axis]: { datum: 0.5, type: 'quantitative' } },
  };
}

/** "95 % bootstrap interval" with the number of resamples, for captions. */
export function intervalWords(resamples: number, of: string): string {
  return `95 % bootstrap interval of the mean over ${of} (${resamples.toLocaleString('en-US')} resamples, percentile method)`;
}
