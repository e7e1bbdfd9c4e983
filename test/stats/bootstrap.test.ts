import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bootstrapMean } from '../../stats/bootstrap.ts';
import { randomStreams } from '../../stats/random.ts';
import { mean, percentiles, standardDeviation } from '../../stats/summary.ts';

describe('bootstrapMean', () => {
  it('has no width for equal values', () => {
    expect(bootstrapMean([0.5, 0.5, 0.5], randomStreams(1))).toEqual({ low: 0.5, high: 0.5 });
  });

  it('is all there is for two values: their means are 0, ½ and 1 with shares ¼, ½, ¼', () => {
    expect(bootstrapMean([0, 1], randomStreams(1))).toEqual({ low: 0, high: 1 });
    expect(bootstrapMean([0, 1], randomStreams(1), { level: 0.4 })).toEqual({ low: 0.5, high: 0.5 });
  });

  it('finds the quantiles of the binomial distribution: 6 and 14 of 20 at p = ½', () => {
    const values = Array.from({ length: 20 }, (_, i) => i % 2);
    expect(bootstrapMean(values, randomStreams(1))).toEqual({ low: 0.3, high: 0.7 });
  });

  it('comes near the normal interval for many values', () => {
    const random = randomStreams('values');
    const values = Array.from({ length: 400 }, () => random.next() / 2 ** 32);
    const half = (1.96 * standardDeviation(values)) / Math.sqrt(values.length);
    const { low, high } = bootstrapMean(values, randomStreams(2));
    expect(Math.abs(low - (mean(values) - half))).toBeLessThan(0.05 * half);
    expect(Math.abs(high - (mean(values) + half))).toBeLessThan(0.05 * half);
  });

  it('is the percentiles of the sorted means of the same draws', () => {
    const values = fc.array(fc.double({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(values, fc.integer(), fc.integer({ min: 1, max: 80 }), (values, seed, resamples) => {
        const random = randomStreams(seed);
        const means = Array.from({ length: resamples }, () =>
          mean(values.map(() => values[random.below(values.length)]!)),
        );
        const [low, high] = percentiles(means, [0.025, 0.975]);
        const found = bootstrapMean(values, randomStreams(seed), { resamples });
        expect(found.low).toBeCloseTo(low!, 12);
        expect(found.high).toBeCloseTo(high!, 12);
      }),
    );
  });

  it('is the same for the same stream, and another for another', () => {
    const values = Array.from({ length: 30 }, (_, i) => Math.sin(i));
    expect(bootstrapMean(values, randomStreams(1))).toEqual(bootstrapMean(values, randomStreams(1)));
    expect(bootstrapMean(values, randomStreams(1))).not.toEqual(bootstrapMean(values, randomStreams(2)));
  });

  it('has no ends for no values, and refuses no resamples', () => {
    expect(bootstrapMean([], randomStreams(1))).toEqual({ low: Number.NaN, high: Number.NaN });
    expect(() => bootstrapMean([1], randomStreams(1), { resamples: 0 })).toThrow(RangeError);
  });
});
