import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { sort } from '../../stats/pair-sort.ts';
import { keepLowest, largest, partition, split } from '../../stats/pairs.ts';

type Pair = readonly [number, number];

const inOrder = (pairs: readonly Pair[]) => [...pairs].sort(([a, b], [c, d]) => a - c || b - d);
const pack = (pairs: readonly Pair[]) => ({
  a: Uint32Array.from([7, ...pairs.map(([first]) => first), 7]),
  b: Uint32Array.from([8, ...pairs.map(([, second]) => second), 8]),
});
const unpack = ({ a, b }: { a: Uint32Array; b: Uint32Array }): Pair[] =>
  Array.from(a, (first, i): Pair => [first, b[i]!]);

/** Distinct pairs, some hundreds at times; few different first integers, or many. */
const pairs = fc
  .tuple(fc.constantFrom(0, 3, 2 ** 12, 2 ** 32 - 1), fc.integer({ min: 1, max: 300 }))
  .chain(([max, maxLength]) =>
    fc.uniqueArray(fc.tuple(fc.integer({ min: 0, max }), fc.integer({ min: 0, max: 2 ** 32 - 1 })), {
      minLength: 1,
      maxLength,
      size: 'max',
      selector: ([a, b]) => `${a} ${b}`,
    }),
  );

describe('pairs', () => {
  it('are sorted between two others that stay', () => {
    fc.assert(
      fc.property(pairs, (given) => {
        const { a, b } = pack(given);
        sort(a, b, 1, given.length + 1);
        expect(unpack({ a, b })).toEqual([[7, 8], ...inOrder(given), [7, 8]]);
      }),
    );
  });

  it('are divided at a place within the bounds', () => {
    fc.assert(
      fc.property(pairs, fc.nat(), fc.nat(), (given, x, y) => {
        const [least, most] = [x, y].map((n) => 1 + (n % (given.length + 1))).sort((p, q) => p - q);
        const { a, b } = pack(given);
        const place = split(a, b, 1, given.length + 1, least!, most!);
        expect(place).toBeGreaterThanOrEqual(least!);
        expect(place).toBeLessThanOrEqual(most!);
        const sorted = inOrder(given);
        const found = unpack({ a, b });
        expect(inOrder(found.slice(1, place))).toEqual(sorted.slice(0, place - 1));
        expect(inOrder(found.slice(place, -1))).toEqual(sorted.slice(place - 1));
        if (place > 1) expect(found[largest(a, b, 1, place)]).toEqual(sorted[place - 2]);
      }),
    );
  });

  it('are kept up to a bound, in their order', () => {
    fc.assert(
      fc.property(pairs, fc.nat(), fc.nat(), (given, x, y) => {
        const [least, most] = [x, y].map((n) => 1 + (n % given.length)).sort((p, q) => p - q);
        const { a, b } = pack(given);
        const kept = keepLowest(a, b, 1, given.length + 1, least!, most!);
        if (!kept) {
          expect(unpack({ a, b }).slice(1, -1)).toEqual(given);
          return;
        }
        expect(kept.count).toBeGreaterThanOrEqual(least!);
        expect(kept.count).toBeLessThanOrEqual(most!);
        expect(unpack({ a, b }).slice(1, 1 + kept.count)).toEqual(
          given.filter(([first]) => first <= kept.bound),
        );
      }),
    );
  });

  it('are nearly always kept by such a bound when they are many different ones', () => {
    const a = Uint32Array.from({ length: 400 }, (_, i) => (i * 2654435769) >>> 0);
    const kept = keepLowest(a, new Uint32Array(400), 0, 400, 200, 250);
    expect(kept?.count).toBe(a.slice(0, kept?.count).length);
    expect(kept?.bound).toBeLessThan(2 ** 32 * 0.65);
  });

  it('are parted around the one at a place', () => {
    fc.assert(
      fc.property(pairs, fc.nat(), (given, x) => {
        const place = 1 + (x % given.length);
        const { a, b } = pack(given);
        partition(a, b, 1, given.length + 1, place);
        expect([a[place], b[place]]).toEqual(inOrder(given)[place - 1]);
        expect(inOrder(unpack({ a, b }).slice(1, place))).toEqual(inOrder(given).slice(0, place - 1));
      }),
    );
  });
});
