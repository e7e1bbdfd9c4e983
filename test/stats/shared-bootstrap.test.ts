import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { startHelper } from '../../common/wasm/threads.ts';
import { randomStreams } from '../../stats/random.ts';
import { sharedBootstrap } from '../../stats/shared-bootstrap.ts';
import { mean, percentiles } from '../../stats/summary.ts';

/** The means of resamples by plain loops: one value after the other, or two of them at a time. */
function meansOf(
  values: readonly number[],
  draws: readonly (readonly number[])[],
  inPairs: boolean,
): number[] {
  if (!inPairs) return draws.map((drawn) => mean(drawn.map((i) => values[i]!)));
  return draws.map((drawn) => {
    let sum = 0;
    for (let i = 0; i < drawn.length; i += 2)
      sum += i + 1 < drawn.length ? values[drawn[i]!]! + values[drawn[i + 1]!]! : values[drawn[i]!]!;
    return sum / drawn.length;
  });
}

describe('sharedBootstrap', () => {
  it('is the percentiles of the sorted means of the same draws to the last bit, for list after list', async () => {
    const shapes = fc.record({
      count: fc.integer({ min: 1, max: 45 }),
      seed: fc.integer(),
      resamples: fc.integer({ min: 1, max: 400 }),
      level: fc.constantFrom(0.95, 0.5),
      lists: fc.nat({ max: 5 }),
    });
    const values = fc.infiniteStream(fc.double({ min: -1, max: 1, noNaN: true }));
    await fc.assert(
      fc.asyncProperty(shapes, values, async ({ count, seed, resamples, level, lists }, numbers) => {
        const random = randomStreams(seed);
        const draws = Array.from({ length: resamples }, () =>
          Array.from({ length: count }, () => random.below(count)),
        );
        const given = Array.from({ length: lists }, (_, list) =>
          [...numbers.take(count)].map((value) => (list === 1 ? Math.round(value) : value)),
        );
        const expected = given.map((list) => {
          const means = meansOf(list, draws, (count + 1) ** 2 < resamples * count);
          return percentiles(means, [(1 - level) / 2, (1 + level) / 2]);
        });
        const { intervals: found } = sharedBootstrap(count, randomStreams(seed), { resamples, level });
        const intervals = await found(Float64Array.from(given.flat()));
        expect(intervals.map(({ low, high }) => [low + 0, high + 0])).toEqual(
          expected.map(([low, high]) => [low! + 0, high! + 0]), // no difference between 0 and −0
        );
        expect(await found(Float64Array.from(given.flat()))).toEqual(intervals);
      }),
      { numRuns: 60 },
    );
  });

  it('takes what lies far from the centre, and all where too little does', async () => {
    const count = 30;
    const { intervals } = sharedBootstrap(count, randomStreams('far'), { resamples: 1000 });
    const one = Float64Array.from({ length: count }, (_, i) => (i === 0 ? 1 : 0)); // many equal means
    const many = Float64Array.from({ length: count }, (_, i) => Math.sin(i));
    const [first, second] = await intervals(Float64Array.from([...one, ...many]));
    expect([first!.low, first!.high]).toEqual([0, 3 / count]);
    expect(second!.low).toBeLessThan(mean(many));
    expect(second!.high).toBeGreaterThan(mean(many));
  });

  it('finds the same with a helper thread, many lists at a time', async () => {
    const values = Float64Array.from({ length: 9 * 2500 }, (_, i) => Math.sin(i * i));
    const alone = sharedBootstrap(9, randomStreams('many'), { resamples: 200 });
    const helped = sharedBootstrap(9, randomStreams('many'), { resamples: 200 }, [startHelper()]);
    const some = values.subarray(0, 27);
    const [all, first] = await Promise.all([helped.intervals(values), helped.intervals(some)]);
    expect(all).toEqual(await alone.intervals(values));
    expect(first).toEqual(all.slice(0, 3));
    await helped.close();
  });

  it('has nothing for no values, refuses no resamples and other lengths', async () => {
    expect(await sharedBootstrap(0, randomStreams(1)).intervals(new Float64Array(0))).toEqual([]);
    expect(() => sharedBootstrap(1, randomStreams(1), { resamples: 0 })).toThrow(RangeError);
    await expect(sharedBootstrap(2, randomStreams(1)).intervals(new Float64Array(3))).rejects.toThrow(
      RangeError,
    );
  });
});
