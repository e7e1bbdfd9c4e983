import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Pixels, Window } from '../../../vision/images/pixels.ts';
import type { Interpolation } from '../../../vision/images/preprocess-spec.ts';
import { cut, resize } from '../../../vision/images/resize.ts';

const FILTERS: Interpolation[] = ['bilinear', 'bicubic', 'lanczos', 'box', 'nearest'];
const length = fc.integer({ min: 1, max: 24 });
const filter = fc.constantFrom(...FILTERS);

const image: fc.Arbitrary<Pixels> = fc
  .tuple(length, length)
  .chain(([height, width]) =>
    fc
      .uint8Array({ minLength: height * width * 3, maxLength: height * width * 3 })
      .map((data) => ({ data, height, width })),
  );

const whole = (height: number, width: number): Window => ({ top: 0, left: 0, height, width });

test('an image of one colour keeps it', () => {
  fc.assert(
    fc.property(
      length,
      length,
      length,
      length,
      filter,
      fc.tuple(fc.nat(255), fc.nat(255), fc.nat(255)),
      (h, w, toH, toW, name, colour) => {
        const data = Uint8Array.from({ length: h * w * 3 }, (_, i) => colour[i % 3]!);
        const out = resize({ data, height: h, width: w }, [toH, toW], whole(toH, toW), name);
        expect(out.every((value, i) => value === colour[i % 3])).toBe(true);
      },
    ),
  );
});

test('an image of the wanted size passes untouched', () => {
  fc.assert(
    fc.property(image, filter, (given, name) => {
      const { height, width } = given;
      expect(resize(given, [height, width], whole(height, width), name)).toEqual(given.data);
    }),
  );
});

test('a window holds what the whole resized image has there', () => {
  fc.assert(
    fc.property(image, length, length, filter, fc.gen(), (given, height, width, name, gen) => {
      const top = gen(fc.nat, height - 1);
      const left = gen(fc.nat, width - 1);
      const window = {
        top,
        left,
        height: gen(fc.nat, height - top - 1) + 1,
        width: gen(fc.nat, width - left - 1) + 1,
      };
      const all = { data: resize(given, [height, width], whole(height, width), name), height, width };
      expect(resize(given, [height, width], window, name)).toEqual(cut(all, window));
    }),
  );
});

test('turning the image a quarter turns the result (up to the rounding between the passes)', () => {
  fc.assert(
    fc.property(image, length, length, fc.constantFrom('bilinear', 'box'), (given, height, width, name) => {
      const plain = resize(given, [height, width], whole(height, width), name);
      const turned = resize(transposed(given), [width, height], whole(width, height), name);
      const back = transposed({ data: turned, height: width, width: height }).data;
      for (const [i, value] of plain.entries()) expect(Math.abs(value - back[i]!)).toBeLessThanOrEqual(2);
    }),
  );
});

/** Exact values of the filter's definition, without fixed point: sum over all pixels of both axes' weights. */
function exactly(
  { data, height, width }: Pixels,
  toH: number,
  toW: number,
  channel: number,
  y: number,
  x: number,
) {
  const weights = (input: number, output: number, i: number) => {
    const stretch = Math.max(1, input / output);
    const centre = ((i + 0.5) * input) / output;
    const raw = Array.from({ length: input }, (_, k) =>
      Math.max(0, 1 - Math.abs(k + 0.5 - centre) / stretch),
    );
    const sum = raw.reduce((a, b) => a + b);
    return raw.map((value) => value / sum);
  };
  const rows = weights(height, toH, y);
  const columns = weights(width, toW, x);
  let sum = 0;
  for (const [r, a] of rows.entries()) {
    for (const [c, b] of columns.entries()) sum += a * b * data[(r * width + c) * 3 + channel]!;
  }
  return sum;
}

test('bilinear agrees with the definition in real numbers within rounding', () => {
  fc.assert(
    fc.property(image, length, length, fc.gen(), (given, height, width, gen) => {
      const out = resize(given, [height, width], whole(height, width), 'bilinear');
      const [y, x, channel] = [gen(fc.nat, height - 1), gen(fc.nat, width - 1), gen(fc.nat, 2)];
      const exact = exactly(given, height, width, channel, y, x);
      expect(Math.abs(out[(y * width + x) * 3 + channel]! - exact)).toBeLessThanOrEqual(1.01);
    }),
  );
});

test('halving a row of two colours: worked by hand', () => {
  // Triangle of half-width 2 centred at 1: weights 1/8·(1, 3, 3, 1) less what lies outside, pixels 0, 1, 2 → 3/7, 3/7, 1/7.
  const data = Uint8Array.from([0, 0, 0, 70, 70, 70, 140, 140, 140, 210, 210, 210]);
  const out = resize({ data, height: 1, width: 4 }, [1, 2], whole(1, 2), 'bilinear');
  expect([out[0], out[3]]).toEqual([50, 160]);
});

function transposed({ data, height, width }: Pixels): Pixels {
  const out = new Uint8Array(data.length);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      for (let c = 0; c < 3; c++) out[(x * height + y) * 3 + c] = data[(y * width + x) * 3 + c]!;
    }
  }
  return { data: out, height: width, width: height };
}

test('an image of extreme proportions costs no more than its window', () => {
  const line = { data: new Uint8Array(60000 * 3).fill(9), height: 1, width: 60000 };
  const out = resize(
    line,
    [224, 224 * 60000],
    { top: 0, left: 6_000_000, height: 224, width: 224 },
    'bicubic',
  );
  expect(out.every((value) => value === 9)).toBe(true);
});
