import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { correlationP, pearson, spearman } from '../../stats/correlation.ts';
import {
  bootstrapCorrelations,
  correlationIntervals,
  fisherInterval,
  MOST_PAIRS_RESAMPLED,
} from '../../stats/correlation-interval.ts';
import { randomStreams, type Stream } from '../../stats/random.ts';
import { percentiles } from '../../stats/summary.ts';

describe('bootstrapCorrelations', () => {
  it('is the percentiles of both correlations of the same draws', () => {
    const value = fc.integer({ min: 0, max: 6 }).map((n) => n / 7);
    const pairs = fc.array(fc.tuple(value, value), { minLength: 2, maxLength: 10 });
    fc.assert(
      fc.property(pairs, fc.integer(), fc.integer({ min: 1, max: 60 }), (pairs, seed, resamples) => {
        const [a, b] = [pairs.map(([x]) => x), pairs.map(([, y]) => y)];
        const random = randomStreams(seed);
        const wanted = { pearson: [] as number[], spearman: [] as number[] };
        for (let r = 0; r < resamples; r++) {
          const drawn = pairs.map(() => random.below(pairs.length));
          const [x, y] = [drawn.map((i) => a[i]!), drawn.map((i) => b[i]!)];
          if (Number.isNaN(pearson(x, y))) continue;
          wanted.pearson.push(pearson(x, y));
          wanted.spearman.push(spearman(x, y));
        }
        const found = bootstrapCorrelations(a, b, randomStreams(seed), { resamples });
        for (const name of ['pearson', 'spearman'] as const) {
          const [low, high] = percentiles(wanted[name], [0.025, 0.975]);
          expect([found[name].low, found[name].high]).toEqual([
            Number.isNaN(low!) ? Number.NaN : expect.closeTo(low!, 10),
            Number.isNaN(high!) ? Number.NaN : expect.closeTo(high!, 10),
          ]);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('is the exact distribution for three pairs, in the limit', () => {
    // all 27 resamples, each as often as it is drawn; those with one distinct pair alone have no correlation
    const [a, b] = [
      [0.1, 0.4, 0.5],
      [0.2, 0.9, 0.3],
    ];
    const all = [0, 1, 2].flatMap((i) => [0, 1, 2].flatMap((j) => [0, 1, 2].map((k) => [i, j, k])));
    const exact = all
      .map((drawn) =>
        spearman(
          drawn.map((i) => a![i]!),
          drawn.map((i) => b![i]!),
        ),
      )
      .filter((value) => !Number.isNaN(value));
    expect(exact.length).toBe(24);
    const level = 0.6;
    const { spearman: found } = bootstrapCorrelations(a!, b!, randomStreams(1), { resamples: 20_000, level });
    const [low, high] = percentiles(exact, [(1 - level) / 2, (1 + level) / 2]);
    expect([found.low, found.high]).toEqual([expect.closeTo(low!, 12), expect.closeTo(high!, 12)]);
  });

  it('covers the true correlation about as often as it says', () => {
    // 200 samples of 60 normal pairs with correlation 0.6; the percentile interval covers a little under 95 %
    const random = randomStreams('coverage');
    let covered = 0;
    for (let sample = 0; sample < 200; sample++) {
      const x = Array.from({ length: 60 }, () => normal(random));
      const y = x.map((value) => 0.6 * value + 0.8 * normal(random));
      const { pearson: found } = bootstrapCorrelations(x, y, randomStreams('draws', sample), {
        resamples: 300,
      });
      if (found.low <= 0.6 && found.high >= 0.6) covered++;
    }
    expect(covered / 200).toBeGreaterThan(0.88);
    expect(covered / 200).toBeLessThan(0.99);
  });

  it('has no width for a line, no ends where nothing varies, and refuses what can’t be paired', () => {
    const random = () => randomStreams(1);
    const line = bootstrapCorrelations([1, 2, 3, 4], [2, 4, 6, 8], random(), { resamples: 50 });
    expect(line.pearson.low).toBeCloseTo(1, 12);
    expect(line.spearman.low).toBeCloseTo(1, 12);
    expect(bootstrapCorrelations([1, 1], [1, 2], random()).pearson.low).toBeNaN();
    expect(bootstrapCorrelations([], [], random()).pearson.low).toBeNaN();
    expect(() => bootstrapCorrelations([1], [1, 2], random())).toThrow(/paired/);
    expect(() => bootstrapCorrelations([1, 2], [1, 2], random(), { resamples: 0 })).toThrow(RangeError);
  });
});

/** Box and Muller's normal number. */
function normal(random: Stream): number {
  const [u, v] = [(random.next() + 0.5) / 2 ** 32, random.next() / 2 ** 32];
  return Math.sqrt(-2 * Math.log(u)) * Math.cos(2 * Math.PI * v);
}

describe('correlationIntervals', () => {
  it('are Fisher’s for many pairs, and near the bootstrap’s there', () => {
    const random = randomStreams('many');
    const x = Array.from({ length: MOST_PAIRS_RESAMPLED + 1 }, () => normal(random));
    const y = x.map((value) => value + normal(random));
    const found = correlationIntervals(x, y, randomStreams(1), 10_000);
    expect(found.pearson).toEqual(fisherInterval(pearson(x, y), x.length, 1));
    expect(found.spearman).toEqual(fisherInterval(spearman(x, y), x.length, 1.06));
    const drawn = bootstrapCorrelations(x, y, randomStreams(2), { resamples: 200 });
    const width = found.spearman.high - found.spearman.low;
    expect(Math.abs(drawn.spearman.low - found.spearman.low)).toBeLessThan(0.3 * width);
    expect(Math.abs(drawn.spearman.high - found.spearman.high)).toBeLessThan(0.3 * width);
  });

  it('Fisher by hand: r = 0.5 of 28 pairs, tanh(0.549306 ± 1.959964/5)', () => {
    const { low, high } = fisherInterval(0.5, 28, 1);
    expect(low).toBeCloseTo(Math.tanh(0.5493061443 - 0.3919927969), 9);
    expect(high).toBeCloseTo(Math.tanh(0.5493061443 + 0.3919927969), 9);
    expect(fisherInterval(-1, 28, 1)).toEqual({ low: -1, high: -1 });
  });
});

it('p of a correlation: none for two pairs, 0 for a line, 1 for none', () => {
  expect(correlationP(0.5, 2)).toBeNaN();
  expect(correlationP(Number.NaN, 9)).toBeNaN();
  expect(correlationP(1, 9)).toBe(0);
  expect(correlationP(0, 9)).toBeCloseTo(1, 12);
});
