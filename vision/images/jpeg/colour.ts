import type { Code } from '../../../common/wasm/code.ts';
import { get, repeatWhile, set } from '../../../common/wasm/control.ts';
import type { Kernel } from '../../../common/wasm/module.ts';
import { i32 } from '../../../common/wasm/scalars.ts';
import { i8x16, i16x8, i32x4, v128 } from '../../../common/wasm/vectors.ts';

/** Bytes before and behind a row of samples that are read or written, at most. */
export const MARGIN = 16;

/** How many samples of brightness there are for one of colour, along rows and columns. */
export type Sampling =
  | { readonly across: 1; readonly down: 1 }
  | { readonly across: 2; readonly down: 1 | 2 };

/**
 * Makes RGB of one row: 3 bytes a pixel. All are addresses; of each colour there are two rows, the one that lies nearer and the
 * other, which may be the same. Reads and writes up to `MARGIN` bytes beyond the rows.
 */
export type ColourRow = (
  brightness: number,
  end: number,
  blue: number,
  otherBlue: number,
  red: number,
  otherRed: number,
  to: number,
) => void;

/**
 * The kernel for a sampling. Colours that are sampled at half the rate are interpolated by libjpeg's "fancy" triangle filter: 3/4 of the
 * nearer sample and 1/4 of the other, along each axis; at the edges, whose samples have to be repeated, it gives the sample itself.
 */
export function colourRow(sampling: Sampling): Kernel {
  const [brightness, end, blue, otherBlue, red, otherRed, to] = [0, 1, 2, 3, 4, 5, 6];
  const [y, b0, b1, r0, r1, middle, ...rgb] = [7, 8, 9, 10, 11, 12, 13, 14, 15];
  const colours = (near: number, other: number, low: number, high: number) => {
    const { code, samples } = sampledAs(sampling, near, other, middle);
    const centred = samples.map((each, half) =>
      set(half ? high : low, i16x8.sub(each, i16x8.splat(i32.const(128)))),
    );
    return [...code, ...centred];
  };
  const advance = (row: number, by: number) => set(row, i32.add(get(row), i32.const(by)));
  const values = [
    set(y, v128.load(get(brightness))),
    ...colours(blue, otherBlue, b0, b1),
    ...colours(red, otherRed, r0, r1),
    ...converted(get(y), [get(b0), get(b1)], [get(r0), get(r1)]).map((value, i) => set(rgb[i]!, value)),
  ];
  const body = repeatWhile(
    i32.lessThan(get(brightness), get(end)),
    ...values,
    ...[0, 1, 2].map((part) => v128.store(get(to), interleaved(rgb.map(get), part), 16 * part)),
    advance(brightness, 16),
    ...[blue, otherBlue, red, otherRed].map((row) => advance(row, 16 / sampling.across)),
    advance(to, 48),
  );
  return { params: 7, locals: { i32: 0, v128: 9 }, body: [body] };
}

/** Makes RGB of one row of grey: `to` may be written beyond, as in `ColourRow`. */
export type GreyRow = (brightness: number, end: number, to: number) => void;

/** The kernel of `GreyRow`. */
export function greyRow(): Kernel {
  const [brightness, end, to, y] = [0, 1, 2, 3];
  const body = repeatWhile(
    i32.lessThan(get(brightness), get(end)),
    set(y, v128.load(get(brightness))),
    ...[0, 1, 2].map((part) =>
      v128.store(
        get(to),
        i8x16.pick(
          get(y),
          Array.from({ length: 16 }, (_, i) => pixelOf(part, i)),
        ),
        16 * part,
      ),
    ),
    set(brightness, i32.add(get(brightness), i32.const(16))),
    set(to, i32.add(get(to), i32.const(48))),
  );
  return { params: 3, locals: { i32: 0, v128: 1 }, body: [body] };
}

/** Samples of a colour for sixteen pixels, as two times eight numbers of 16 bits, and what is done before; `middle` is a local for that. */
function sampledAs(
  { across, down }: Sampling,
  near: number,
  other: number,
  middle: number,
): { code: Code[]; samples: readonly Code[] } {
  if (across === 1) return { code: [], samples: [i16x8.loadBytes(get(near)), i16x8.loadBytes(get(near), 8)] };
  const times3 = (value: Code) => i16x8.mul(value, i16x8.splat(i32.const(3)));
  // Rows are addressed by the sample before, as there are no negative offsets.
  const column = (offset: 0 | 1 | 2) => {
    const sample = i16x8.loadBytes(get(near), offset);
    return down === 1 ? sample : i16x8.add(times3(sample), i16x8.loadBytes(get(other), offset));
  };
  const [bits, before, behind] = down === 1 ? [2, 1, 2] : [4, 8, 7];
  const mixed = (neighbour: Code, rounding: number) => {
    const sum = i16x8.add(times3(get(middle)), neighbour);
    return i16x8.shiftRight(i16x8.add(sum, i16x8.splat(i32.const(rounding))), bits);
  };
  const [even, odd] = [mixed(column(0), before), mixed(column(2), behind)];
  return {
    code: [set(middle, column(1))],
    samples: [i16x8.interleaveLow(even, odd), i16x8.interleaveHigh(even, odd)],
  };
}

/**
 * Red, green and blue of sixteen pixels, bytes each, by the matrix of JFIF as libjpeg has it: in units of 2^-16, rounded, for green the sum of both
 * colours' shares. What exceeds 16 bits with a sign is split: 1.402 is 1 + 26345, 1.772 is 2 − 14942, and −0.71414 is
 * −1 + 18734 units. Half of 26345 is rounded here, which gives the same for all 256 values of a colour.
 */
function converted(
  brightness: Code,
  blue: readonly [Code, Code],
  red: readonly [Code, Code],
): [Code, Code, Code] {
  const halves = [i16x8.extendLow(brightness), i16x8.extendHigh(brightness)];
  const share = (colour: Code, factor: number) => i16x8.mulFraction(colour, i16x8.splat(i32.const(factor)));
  const green = (b: Code, r: Code) => {
    const [low, high] = [i16x8.interleaveLow(b, r), i16x8.interleaveHigh(b, r)].map((both) =>
      i32x4.shiftRightSigned(
        i32x4.add(i32x4.dot(both, pairs(-22554, 18734)), i32x4.splat(i32.const(1 << 15))),
        16,
      ),
    );
    return i16x8.narrow(low!, high!);
  };
  const bytes = (value: (y: Code, blue: Code, red: Code) => Code) =>
    i8x16.narrowUnsigned(value(halves[0]!, blue[0], red[0]), value(halves[1]!, blue[1], red[1]));
  return [
    bytes((y, _, r) => i16x8.add(i16x8.add(y, r), share(r, 26345 >> 1))),
    bytes((y, b, r) => i16x8.add(i16x8.sub(y, r), green(b, r))),
    bytes((y, b) => i16x8.add(i16x8.add(y, i16x8.add(b, b)), share(b, -14942 >> 1))),
  ];
}

const pairs = (a: number, b: number): Code =>
  v128.const([...new Uint8Array(Int16Array.from([a, b, a, b, a, b, a, b]).buffer)]);

/** The pixel to which byte `i` of the `part`th sixteen bytes of RGB belongs. */
const pixelOf = (part: number, i: number) => Math.floor((16 * part + i) / 3);

/** The `part`th sixteen of 48 bytes of RGB. */
function interleaved(rgb: readonly Code[], part: number): Code {
  const picked = rgb.map((channel, c) =>
    i8x16.pick(
      channel,
      Array.from({ length: 16 }, (_, i) => ((16 * part + i) % 3 === c ? pixelOf(part, i) : -1)),
    ),
  );
  return picked.reduce((a, b) => v128.or(a, b));
}
