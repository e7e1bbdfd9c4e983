import { expect, it } from 'vitest';
import { bootstrapMean } from '../../stats/bootstrap.ts';
import { MOST_RESAMPLED, meanInterval } from '../../stats/mean-interval.ts';
import { randomStreams } from '../../stats/random.ts';

it('is the percentile bootstrap for up to 200,000 values', () => {
  const values = [0.2, 0.5, 0.9, 0.4];
  const stream = () => randomStreams(1, 'x');
  expect(meanInterval(values, stream(), 500)).toEqual(bootstrapMean(values, stream(), { resamples: 500 }));
  expect(meanInterval([], stream(), 10)).toEqual({ low: Number.NaN, high: Number.NaN });
});

it('is the normal interval above: mean ± 1.96 sd / √n', () => {
  const n = MOST_RESAMPLED + 2;
  const values = Float64Array.from({ length: n }, (_, i) => i % 2);
  const half = (1.959963984540054 * Math.sqrt((0.25 * n) / (n - 1))) / Math.sqrt(n);
  const { low, high } = meanInterval(values, randomStreams(1), 10_000);
  expect(low).toBeCloseTo(0.5 - half, 12);
  expect(high).toBeCloseTo(0.5 + half, 12);
});
