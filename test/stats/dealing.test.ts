import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alone } from '../../common/wasm/threads.ts';
import { type Dealt, dealer, type Units } from '../../stats/dealing.ts';
import { findExtremes } from '../../stats/extremes.ts';
import { randomStreams, streamKey } from '../../stats/random.ts';

interface Setting {
  readonly tasks: number;
  readonly references: number;
  readonly queries: number;
  readonly images: number;
}

/** Adjoining units, in whose order image r has rank r from the highest activation on. */
function deal({ tasks, references, queries, images }: Setting, layers: readonly Units[], first = 0): Dealt {
  const units = first + layers.reduce((sum, { count }) => sum + count, 0);
  const extremes = findExtremes({
    ...{ layers: layers.length, units, images, depth: queries + tasks, rooms: 1, pieces: 3 },
    deal: { tasks, references, queries, units: units - first, by: dealer },
    block: { rows: images, width: units, bytes: 4 * images * units },
  });
  const run = alone(extremes.shared);
  const room = new Float32Array(extremes.rooms[0]!.buffer, extremes.rooms[0]!.byteOffset, images * units);
  for (let i = 0; i < room.length; i++) room[i] = -Math.floor(i / units);
  extremes.begin([units]);
  const numbers = Int32Array.from({ length: images }, (_, i) => i);
  run(extremes.add([{ columns: [{ values: room, at: 0, stride: units }], images: numbers }]));
  run(extremes.finish(0, units));
  run(extremes.dealing!.deal(first, layers));
  const { dealt } = extremes.dealing!;
  return {
    query_plus: dealt.query_plus.slice(),
    query_minus: dealt.query_minus.slice(),
    references_plus: dealt.references_plus.slice(),
    references_minus: dealt.references_minus.slice(),
  };
}

/** One side of one unit with plain loops, in the words of `Dealing`: references bin by bin, then the queries. */
function expectedSide(
  { tasks, references, queries }: Setting,
  key: readonly (string | number)[],
  unit: number,
  side: 0 | 1,
  image: (rank: number) => number,
) {
  const shuffled = (bin: number, rank: number) => {
    const images = Array.from({ length: tasks }, (_, i) => image(rank + i));
    randomStreams(...key)
      .start(unit, side, bin)
      .shuffle(images);
    return images;
  };
  const bins = Array.from({ length: references }, (_, bin) => shuffled(bin, bin * tasks));
  return {
    references: Array.from({ length: tasks }, (_, task) => bins.map((bin) => bin[task]!)).flat(),
    queries: shuffled(2 ** 32 - 1, queries),
  };
}

const setting = fc
  .record({
    tasks: fc.integer({ min: 1, max: 33 }),
    references: fc.integer({ min: 1, max: 6 }),
    later: fc.nat(30),
    spare: fc.nat(9),
  })
  .map(({ tasks, references, later, spare }): Setting => {
    const queries = tasks * references + later;
    return { tasks, references, queries, images: 2 * (queries + tasks) + spare };
  });
const sorted = (values: Iterable<number>) => [...values].sort((a, b) => a - b);
const range = (from: number, length: number) => Array.from({ length }, (_, i) => from + i);

describe('dealing', () => {
  it('shuffles bins and queries by the streams of their layer, unit and side, to the last draw', () => {
    const parts = fc.array(
      fc.record({ seed: fc.integer(), unit: fc.nat(2 ** 31), count: fc.integer({ min: 1, max: 40 }) }),
      { minLength: 1, maxLength: 3 },
    );
    fc.assert(
      fc.property(setting, parts, fc.nat(3), (given, layers, first) => {
        const keys = layers.map(({ seed }, l) => ['tasks', seed, `layer ${l}`] as const);
        const dealt = deal(
          given,
          layers.map(({ unit, count }, l) => ({ key: streamKey(...keys[l]!), unit, count })),
          first,
        );
        const { tasks, references, images } = given;
        let at = 0;
        for (const [l, { unit, count }] of layers.entries())
          for (let own = 0; own < count; own++, at++) {
            const plus = expectedSide(given, keys[l]!, unit + own, 0, (rank) => rank);
            const minus = expectedSide(given, keys[l]!, unit + own, 1, (rank) => images - 1 - rank);
            const part = (all: Int32Array, width: number) => [
              ...all.subarray(at * tasks * width, (at + 1) * tasks * width),
            ];
            expect(part(dealt.query_plus, 1)).toEqual(plus.queries);
            expect(part(dealt.query_minus, 1)).toEqual(minus.queries);
            expect(part(dealt.references_plus, references)).toEqual(plus.references);
            expect(part(dealt.references_minus, references)).toEqual(minus.references);
          }
      }),
      { numRuns: 40 },
    );
  });

  it('gives task i one image of each bin on either side, and no image twice', () => {
    fc.assert(
      fc.property(setting, fc.integer(), (given, seed) => {
        const { tasks, references, queries, images } = given;
        const dealt = deal(given, [{ key: streamKey(seed), unit: 5, count: 1 }]);
        for (const [side, image] of [
          ['plus', (rank: number) => rank],
          ['minus', (rank: number) => images - 1 - rank],
        ] as const) {
          for (let bin = 0; bin < references; bin++) {
            const column = range(0, tasks).map((i) => dealt[`references_${side}`][i * references + bin]!);
            expect(sorted(column)).toEqual(sorted(range(bin * tasks, tasks).map(image)));
          }
          expect(sorted(dealt[`query_${side}`])).toEqual(sorted(range(queries, tasks).map(image)));
        }
        const all = Object.values(dealt).flatMap((images) => [...images]);
        expect(new Set(all).size).toBe(all.length);
      }),
      { numRuns: 40 },
    );
  });

  it('shuffles every bin, side, unit, layer and seed on its own', () => {
    const given = { tasks: 20, references: 3, queries: 60, images: 200 };
    const orders = [
      [1, 'a', 0],
      [2, 'a', 0],
      [1, 'b', 0],
      [1, 'a', 1],
    ].flatMap(([seed, layer, unit]) => {
      const dealt = deal(given, [{ key: streamKey(seed!, layer!), unit: unit as number, count: 1 }]);
      const ranks = (images: Iterable<number>, first: (image: number) => number) =>
        [...images].map((image) => first(image) % 20).join();
      const bin = (images: Int32Array, j: number) => images.filter((_, i) => i % 3 === j);
      const [up, down] = [(image: number) => image, (image: number) => 199 - image];
      return [0, 1, 2]
        .flatMap((j) => [
          ranks(bin(dealt.references_plus, j), up),
          ranks(bin(dealt.references_minus, j), down),
        ])
        .concat(ranks(dealt.query_plus, up), ranks(dealt.query_minus, down));
    });
    expect(new Set(orders).size).toBe(32);
  });

  it('shuffles a bin alike whatever K, so that fewer explanations are a part of more', () => {
    const units = [{ key: streamKey(1), unit: 4, count: 1 }];
    const few = deal({ tasks: 10, references: 2, queries: 20, images: 300 }, units);
    const many = deal({ tasks: 10, references: 5, queries: 50, images: 300 }, units);
    for (let task = 0; task < 10; task++)
      expect([...few.references_plus.slice(task * 2, task * 2 + 2)]).toEqual([
        ...many.references_plus.slice(task * 5, task * 5 + 2),
      ]);
  });
});
