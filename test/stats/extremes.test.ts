import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alone, startThreads } from '../../common/wasm/threads.ts';
import { floatOf, ordered } from '../../stats/extremes/values.ts';
import { findExtremes } from '../../stats/extremes.ts';
import { addSums, SUMS } from '../../stats/moments.ts';
import { randomStreams } from '../../stats/random.ts';
import { INSTALL, pythonWith, runPython } from '../support/python.ts';

const float32 = fc.float({ noNaN: true, noDefaultInfinity: true });
/** Few distinct values, so that ties are everywhere; both zeros among them. */
const tied = fc.constantFrom(-2, -0, 0, 1, 1.5, 3);

/** Activations [images × units] with a depth that fits. */
const table = fc
  .record({
    units: fc.integer({ min: 1, max: 4 }),
    images: fc.integer({ min: 2, max: 600 }),
    ties: fc.boolean(),
  })
  .chain(({ units, images, ties }) =>
    fc.record({
      units: fc.constant(units),
      images: fc.constant(images),
      depth: fc.integer({ min: 1, max: Math.min(60, Math.floor(images / 2)) }),
      values: fc
        .array(ties ? tied : float32, { minLength: units * images, maxLength: units * images })
        .map((values) => Float32Array.from(values)),
    }),
  );

const BLOCK = { rows: 1024, width: 40, bytes: 4 * 64 * 1024 };
const PIECES = 3;

/** Nothing found yet, of one layer. */
function begin(units: number, images: number, depth: number) {
  const extremes = findExtremes({ layers: 1, units, images, depth, block: BLOCK, rooms: 1, pieces: PIECES });
  extremes.begin([units]);
  const run = alone(extremes.shared);
  return {
    ...extremes,
    /** Takes activations [images × units]. */
    take(values: Float32Array, images: Int32Array) {
      const room = new Float32Array(extremes.rooms[0]!.buffer, extremes.rooms[0]!.byteOffset, values.length);
      room.set(values);
      run(extremes.add([{ columns: [{ values: room, at: 0, stride: units }], images }]));
    },
    done() {
      run(extremes.finish(0, units));
      return extremes;
    },
  };
}

/** Gives blocks of `block` images in an order drawn from `seed`. */
function run(units: number, images: number, depth: number, values: Float32Array, block = 7, seed = 0) {
  const extremes = begin(units, images, depth);
  const starts = Int32Array.from({ length: Math.ceil(images / block) }, (_, i) => i * block);
  randomStreams(seed).start(0, 0, 0).shuffle(starts);
  for (const start of starts) {
    const rows = Int32Array.from({ length: Math.min(block, images - start) }, (_, i) => start + i);
    extremes.take(values.subarray(start * units, (start + rows.length) * units), rows);
  }
  return extremes.done();
}

describe('ranks of float32', () => {
  it('order as the numbers do, and go back', () => {
    fc.assert(
      fc.property(fc.oneof(float32, tied), fc.oneof(float32, tied), (a, b) => {
        expect(Math.sign(ordered(a) - ordered(b))).toBe(a < b ? -1 : a > b ? 1 : 0);
        expect(floatOf(ordered(a))).toBe(a + 0);
      }),
    );
  });
});

describe('findExtremes', () => {
  it('finds both ends of the order by activation, ties by number', () => {
    fc.assert(
      fc.property(table, ({ units, images, depth, values }) => {
        const extremes = run(units, images, depth, values);
        for (let unit = 0; unit < units; unit++) {
          const of = (image: number) => values[image * units + unit]!;
          const all = Array.from({ length: images }, (_, image) => image);
          const highest = all.toSorted((a, b) => of(b) - of(a) || a - b).slice(0, depth);
          const lowest = all.toSorted((a, b) => of(a) - of(b) || b - a).slice(0, depth);
          expect([...extremes.end(unit, 'high').images.subarray(0, depth)]).toEqual(highest);
          expect([...extremes.end(unit, 'low').images.subarray(0, depth)]).toEqual(lowest);
        }
      }),
    );
  });

  it('finds the same, and the same statistics, whatever order the images come in, and from ends of parts of them', () => {
    fc.assert(
      fc.property(
        table,
        fc.integer({ min: 20, max: 90 }),
        fc.nat(),
        ({ units, images, depth, values }, block, seed) => {
          const whole = run(units, images, depth, values);
          const all = begin(units, images, depth);
          for (let start = 0; start < images; start += block) {
            const rows = Int32Array.from({ length: Math.min(block, images - start) }, (_, i) => start + i);
            const part = begin(units, rows.length, depth);
            part.take(values.subarray(start * units, (start + rows.length) * units), rows);
            part.done();
            for (let unit = 0; unit < units; unit++)
              all.merge(unit, part.end(unit, 'high'), part.end(unit, 'low'), part.sums(unit));
          }
          const merged = all.done();
          for (const other of [run(units, images, depth, values, block, seed), merged])
            for (let unit = 0; unit < units; unit++) {
              expect(other.end(unit, 'high')).toEqual(whole.end(unit, 'high'));
              expect(other.end(unit, 'low')).toEqual(whole.end(unit, 'low'));
              expect(other.statistics(unit)).toEqual(whole.statistics(unit));
            }
        },
      ),
      { numRuns: 30 },
    );
  });

  it('takes layers of any width, in blocks of any height, on several threads', async () => {
    const layers = [1, 37, 3, 16, 5];
    const [units, images, depth] = [62, 1500, 150];
    const noise = randomStreams('layers').start(0, 0, 0);
    const values = layers.map((width) =>
      Float32Array.from({ length: width * images }, () => noise.below(900)),
    );
    const results = async (heights: readonly number[], count: number) => {
      const size = { layers: layers.length, units, images, depth, block: BLOCK, rooms: 2, pieces: 7 };
      const extremes = findExtremes(size);
      const threads = startThreads(extremes.shared, count);
      extremes.begin(layers);
      let [start, turn] = [0, 0];
      for (const height of heights) {
        const room = extremes.rooms[turn++ % 2]!;
        let at = 0;
        const columns = layers.map((stride, l) => {
          const own = { values: new Float32Array(room.buffer, room.byteOffset), at, stride };
          own.values.set(values[l]!.subarray(start * stride, (start + height) * stride), at);
          at += height * stride;
          return own;
        });
        const numbers = Int32Array.from({ length: height }, (_, i) => start + i);
        await threads.run(extremes.add([{ columns, images: numbers }]), () => {});
        start += height;
      }
      await threads.run(extremes.finish(0, 20), () => {});
      await threads.aside(extremes.finish(20, units));
      await threads.close();
      return Array.from({ length: units }, (_, unit) => ({
        high: extremes.end(unit, 'high'),
        low: extremes.end(unit, 'low'),
        sums: extremes.sums(unit),
      }));
    };
    const all = await results([1000, 1, 2, 497], 1);
    expect(await results([128, 129, 127, 3, 1000, 113], 3)).toEqual(all);
    let unit = 0;
    for (const [l, width] of layers.entries())
      for (let own = 0; own < width; own++, unit++) {
        const column = Array.from({ length: images }, (_, image) => values[l]![image * width + own]!);
        const order = column.map((_, image) => image).sort((a, b) => column[b]! - column[a]! || a - b);
        expect([...all[unit]!.high.images]).toEqual(order.slice(0, depth));
        expect([...all[unit]!.low.images]).toEqual(order.toReversed().slice(0, depth));
        expect([...all[unit]!.high.values]).toEqual(order.slice(0, depth).map((image) => column[image]));
        // Sums of whole numbers leave nothing to be rounded off.
        const squares = column.reduce((sum, value) => sum + value * value, 0);
        expect([...all[unit]!.sums]).toEqual([column.reduce((a, b) => a + b), 0, squares, 0]);
      }
  });

  it('adds up as two-sums do, in the order of the rows', () => {
    fc.assert(
      fc.property(fc.array(float32, { minLength: 5, maxLength: 200 }), (given) => {
        const values = Float32Array.from(given);
        const extremes = begin(1, values.length, 1);
        extremes.take(values, Int32Array.from(values.keys()));
        const [sums, more] = [new Float64Array(SUMS), new Float64Array(SUMS)];
        for (const value of values) {
          more.set([value, 0, value * value, 0]);
          addSums(sums, 0, more, 0);
        }
        expect(extremes.sums(0)).toEqual(sums.map((sum) => sum + 0));
      }),
    );
  });

  it('gives any ranks out of the depth, in any order of asking', () => {
    const images = 9000;
    const values = Float32Array.from({ length: images }, (_, i) => Math.sin(i * i) * 1e3);
    const extremes = run(1, images, 3000, values, 512);
    const sorted = Array.from({ length: images }, (_, i) => i).sort(
      (a, b) => values[b]! - values[a]! || a - b,
    );
    expect([...extremes.end(0, 'high').images.subarray(2980, 3000)]).toEqual(sorted.slice(2980, 3000));
    expect([...extremes.end(0, 'high').images.subarray(0, 20)]).toEqual(sorted.slice(0, 20));
    const firsts = new Int32Array(12);
    extremes.firsts(0, 'high', 4, firsts, 1);
    extremes.firsts(0, 'low', 5, firsts, 6);
    const lowest = sorted.toReversed().slice(0, 5);
    expect([...firsts]).toEqual([0, ...sorted.slice(0, 4), 0, ...lowest, 0]);
    expect([...extremes.end(0, 'low').images.subarray(1500, 1510)]).toEqual(
      sorted.toReversed().slice(1500, 1510),
    );
    expect([...extremes.end(0, 'high').images.subarray(2990, 4000)]).toEqual(sorted.slice(2990, 3000));
  });

  it('goes through several cuts of the candidates, in rising, falling and mixed order', () => {
    const images = 4000;
    const values = new Float32Array(images * 3);
    for (let i = 0; i < images; i++) values.set([i, -i, Math.sin(i * i)], i * 3);
    const extremes = run(3, images, 10, values);
    const first = Array.from({ length: 10 }, (_, i) => i);
    const last = first.map((i) => images - 1 - i);
    expect([...extremes.end(0, 'high').images.subarray(0, 10)]).toEqual(last);
    expect([...extremes.end(0, 'low').images.subarray(0, 10)]).toEqual(first);
    expect([...extremes.end(1, 'high').images.subarray(0, 10)]).toEqual(first);
    expect([...extremes.end(1, 'low').images.subarray(0, 10)]).toEqual(last);
    const sines = Array.from({ length: images }, (_, i) => i).sort(
      (a, b) => values[b * 3 + 2]! - values[a * 3 + 2]!,
    );
    expect([...extremes.end(2, 'high').images.subarray(0, 10)]).toEqual(sines.slice(0, 10));
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('tells of %s', (value) => {
    const extremes = begin(5, 3, 1);
    extremes.take(
      Float32Array.from({ length: 15 }, (_, i) => (i === 8 ? value : i)),
      Int32Array.of(0, 1, 2),
    );
    const finite = [0, 1, 2, 3, 4].map((unit) => extremes.isFinite(unit));
    expect(finite).toEqual([true, true, true, false, true]);
  });

  it('treats −0 and 0 as equal', () => {
    const extremes = run(1, 4, 2, Float32Array.of(0, -0, 0, -0));
    expect([...extremes.end(0, 'high').images.subarray(0, 2)]).toEqual([0, 1]);
    expect([...extremes.end(0, 'low').images.subarray(0, 2)]).toEqual([3, 2]);
    expect(extremes.statistics(0)).toEqual({ min: 0, max: 0, mean: 0, sd: 0 });
  });
});

const python = pythonWith('numpy');

describe.skipIf(!python)(`against numpy (${INSTALL})`, () => {
  it('orders and summarises random activations alike, also far from zero', () => {
    const [units, images, depth] = [6, 700, 50];
    const values = Float32Array.from({ length: units * images }, (_, i) => {
      const unit = i % units;
      const random = Math.sin(i * 12.9898) * 43758.5453;
      const noise = random - Math.floor(random);
      return [noise, 1000 + noise, Math.round(noise * 5), -noise * 1e-6, noise * 1e30, noise > 0.5 ? 1 : 0][
        unit
      ]!;
    });
    const program = `
import sys, json, numpy as np
given = json.load(sys.stdin)
a = np.array(given['values'], dtype=np.float32).reshape(-1, given['units'])
number = np.arange(len(a))
b = a.astype(np.float64)
print(json.dumps({
  'highest': [np.lexsort((number, -a[:, u])).tolist()[:given['depth']] for u in range(a.shape[1])],
  'lowest': [np.lexsort((number, -a[:, u]))[::-1].tolist()[:given['depth']] for u in range(a.shape[1])],
  'statistics': [[float(x[:, u].min()), float(x[:, u].max()), float(x[:, u].mean()), float(x[:, u].std())] for x in [b] for u in range(a.shape[1])]}))`;
    const expected = runPython<{ highest: number[][]; lowest: number[][]; statistics: number[][] }>(
      python!,
      program,
      {
        units,
        depth,
        values: [...values],
      },
    );
    const extremes = run(units, images, depth, values, 64);
    for (let unit = 0; unit < units; unit++) {
      expect([...extremes.end(unit, 'high').images.subarray(0, depth)]).toEqual(expected.highest[unit]);
      expect([...extremes.end(unit, 'low').images.subarray(0, depth)]).toEqual(expected.lowest[unit]);
      const { min, max, mean, sd } = extremes.statistics(unit);
      const [low, high, centre, spread] = expected.statistics[unit]!;
      expect([min, max]).toEqual([low, high]);
      expect(Math.abs(mean / centre! - 1)).toBeLessThan(1e-12);
      expect(Math.abs(sd / spread! - 1)).toBeLessThan(1e-9);
    }
  });
});
