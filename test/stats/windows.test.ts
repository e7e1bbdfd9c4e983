import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { alone } from '../../common/wasm/threads.ts';
import { findExtremes } from '../../stats/extremes.ts';
import { randomStreams } from '../../stats/random.ts';

/** Ranks of a unit's order, with a sample of every `step`-th image; blocks of `block` images. */
function find(
  values: Float32Array,
  { from, to, step, block }: { from: number; to: number; step: number; block: number },
) {
  const images = values.length;
  const sample = Int32Array.from({ length: Math.floor(images / step) }, (_, i) => i * step);
  const extremes = findExtremes({
    ...{ layers: 1, units: 1, images, depth: 1, rooms: 1, pieces: 1 },
    sought: { images, from, to, sample: sample.length },
    block: { rows: block, width: 1, bytes: 4 * block },
  });
  const [run, windows] = [alone(extremes.shared), extremes.windows!];
  extremes.begin([1]);
  windows.sample(0).set(Float32Array.from(sample, (image) => values[image]!));
  run(windows.bound(1, sample));
  const room = new Float32Array(extremes.rooms[0]!.buffer, extremes.rooms[0]!.byteOffset, block);
  for (let start = 0; start < images; start += block) {
    const part = values.subarray(start, start + block);
    room.set(part);
    const images = Int32Array.from(part, (_, i) => start + i);
    run(extremes.add([{ columns: [{ values: room, at: 0, stride: 1 }], images }]));
  }
  run(extremes.finish(0, 1));
  run(windows.narrow(0, 1));
  return { highest: windows.highest(0), lowest: windows.lowest(0) };
}

/** The order from the highest activation on, ties by number. */
const orderOf = (values: Float32Array) =>
  Array.from(values.keys()).sort((a, b) => values[b]! - values[a]! || a - b);

const noise = (seed: number, length: number, distinct: number) => {
  const random = randomStreams('windows', seed).start(0, 0, 0);
  return Float32Array.from({ length }, () => random.below(distinct) / 7 - 3);
};

describe('findWindows', () => {
  it('finds the ranks sought in what is like its sample, also among equal activations', () => {
    for (const distinct of [2 ** 20, 50, 2]) {
      for (const [from, to] of [
        [300, 320],
        [2900, 3000],
      ] as const) {
        const values = noise(from, 6000, distinct);
        const found = find(values, { from, to, step: 6, block: 500 });
        const order = orderOf(values);
        expect([...found.highest!]).toEqual(order.slice(from, to));
        expect([...found.lowest!]).toEqual(order.toReversed().slice(from, to));
      }
    }
  });

  it('finds them, or knows that it did not, whatever the sample says', () => {
    let missed = 0;
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(fc.constantFrom(-0, 0, 1, -2), fc.float({ noNaN: true, noDefaultInfinity: true })),
          {
            minLength: 40,
            maxLength: 400,
          },
        ),
        fc.integer({ min: 1, max: 15 }),
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 2, max: 9 }),
        fc.integer({ min: 1, max: 200 }),
        fc.boolean(),
        (given, from, count, step, block, isSorted) => {
          const values = Float32Array.from(given);
          // The first of every few images are alike: their sample misleads.
          if (isSorted)
            values.forEach((_, i) => {
              values[i] = i % step === 0 ? 1e30 : values[i]!;
            });
          const [order, to] = [orderOf(values), from + count];
          const { highest, lowest } = find(values, { from, to, step, block });
          missed += Number(highest === undefined) + Number(lowest === undefined);
          if (highest) expect([...highest]).toEqual(order.slice(from, to));
          if (lowest) expect([...lowest]).toEqual(order.toReversed().slice(from, to));
        },
      ),
    );
    expect(missed).toBeGreaterThan(0);
  });
});
