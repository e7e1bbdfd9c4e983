import { describe, expect, it } from 'vitest';
import { kernelsOf, share } from '../../common/wasm/work.mjs';
import { kernels } from '../../stats/extremes/kernel.ts';
import { scratchFor } from '../../stats/extremes/network.ts';
import { FLIPS, HEAD, SPARE } from '../../stats/extremes/places.ts';
import { ordered } from '../../stats/extremes/values.ts';
import { randomStreams } from '../../stats/random.ts';

const MOST = 1500;
const random = randomStreams('sorting').start(0);
/** Activations that are spread, near one another, equal, far apart, sorted already. */
const KINDS: ((i: number) => number)[] = [
  () => random.next() / 2 ** 32,
  () => 1 + random.below(500) * 2 ** -23,
  () => random.below(4) - 1,
  () => (random.below(2) - 0.5) * 10 ** (random.below(70) - 35),
  (i) => i,
  (i) => -i * 1e30,
  () => 0,
];

describe('sorting of sides', () => {
  it('orders keys, then numbers, of up to four sides of any length at a time', () => {
    const sideBytes = 8 * (MOST + SPARE);
    const apart = 4 * (MOST + SPARE);
    const [heads, sides, scratch] = [8192, 9216, 9216 + 4 * sideBytes];
    const shared = share(kernels(), scratch + scratchFor(MOST) + 64);
    const words = new Int32Array(shared.memory.buffer);
    const { sortSides } = kernelsOf(shared);
    const lengths = [
      [200, 200, 200, 200],
      [1, 2, 3, 0],
      [0, 0],
      [1024, 7],
      [33, 1023, 500, 64],
      [1025, 90, 3, 1500],
      [31, 32],
      [-1, 17], // where nothing was found
    ];
    for (const kind of KINDS)
      for (const counts of lengths) {
        const given = counts.map((count, side) => {
          const images = Array.from({ length: Math.max(0, count) }, (_, i) => ({
            value: ordered(Math.fround(kind(i))),
            number: i,
          }));
          const order = Uint32Array.from({ length: images.length }, (_, i) => i);
          random.shuffle(order);
          const shuffled = [...order].map((i) => images[i]!);
          const at = (sides + side * sideBytes) / 4;
          words[(heads + side * HEAD.bytes + HEAD.count) / 4] = count;
          words.set(
            shuffled.map(({ value }) => value),
            at,
          );
          words.set(
            shuffled.map(({ number }) => number),
            at + apart / 4,
          );
          return images;
        });
        words[(sides + counts.length * sideBytes) / 4] = 77; // not of any of these sides
        sortSides!(heads, HEAD.bytes, sides, sideBytes, counts.length, apart, scratch);
        if (counts.length < 4) expect(words[(sides + counts.length * sideBytes) / 4]).toBe(77);
        for (const [side, images] of given.entries()) {
          const flip = FLIPS[side % 2];
          const sign = flip === 0 ? 1 : -1;
          const expected = images.toSorted((a, b) => sign * (a.value - b.value || b.number - a.number));
          const at = (sides + side * sideBytes) / 4;
          const found = expected.map((_, i) => ({ value: words[at + i], number: words[at + apart / 4 + i] }));
          expect(found).toEqual(expected);
        }
      }
  });
});
