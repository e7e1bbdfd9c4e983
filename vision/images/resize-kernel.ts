import type { Code } from '../../common/wasm/code.ts';
import { get, repeatWhile, set } from '../../common/wasm/control.ts';
import { assemble, type Kernel } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { i8x16, i16x8, i32x4, v128 } from '../../common/wasm/vectors.ts';

/** Fractional bits of the weights: 32 less 8 for a pixel, less 2 for overshoot and sign. */
export const PRECISION = 22;
/** Input pixels that a group of weights takes at a time. */
export const GROUP = 4;
/** Bytes of a group of weights: the upper parts of `GROUP` weights, then their lower parts, int16 each. */
export const GROUP_BYTES = 4 * GROUP;
/** A weight is its upper part times 2^SPLIT, plus its lower part, which is not negative: either fits 16 bits with a sign. */
export const SPLIT = 12;
/** Bytes that are read or written behind the last one that counts, at most. */
export const SLACK = 16;

/** What the kernels are called with: addresses in their memory and lengths, in bytes. */
export interface ResizeKernels {
  /**
   * Filters one row of pixels along it: one output pixel for each entry of `first` up to `end`, where `first` holds addresses of
   * input pixels relative to `row` (int32), and each has `weightBytes` of weights, behind those of the one before.
   */
  alongRow(row: number, first: number, end: number, weights: number, weightBytes: number, to: number): void;
  /**
   * One output row from input rows that lie `stride` bytes apart, filtered along the columns: the bytes from `row` to `end`, in steps of
   * 16. The rows that `GROUP` weights would take beyond those that count must lie in memory.
   */
  alongColumns(
    row: number,
    end: number,
    stride: number,
    weights: number,
    weightsEnd: number,
    to: number,
  ): void;
}

/**
 * A module with the kernels. Sums are those of Pillow in 32 bits: products of bytes with either part of the weights, added
 * up apart, so that two products are one instruction; any order of adding gives the same bits.
 */
export function resizeModule(): Uint8Array<ArrayBuffer> {
  return assemble({ alongRow: alongRow(), alongColumns: alongColumns() }, false);
}

const upper = (weights: number, pair: number): Code => i32x4.loadSplat(get(weights), 4 * pair);
const lower = (weights: number, pair: number): Code => i32x4.loadSplat(get(weights), 2 * GROUP + 4 * pair);
const addDot = (sum: number, pair: Code, weights: Code) =>
  set(sum, i32x4.add(get(sum), i32x4.dot(pair, weights)));
const advance = (local: number, by: Code) => set(local, i32.add(get(local), by));
const half = (): Code => i32x4.splat(i32.const(1 << (PRECISION - 1)));
const rounded = (high: number, low: number): Code =>
  i32x4.shiftRightSigned(i32x4.add(i32x4.shiftLeft(get(high), SPLIT), get(low)), PRECISION);

function alongRow(): Kernel {
  const [row, first, end, weights, weightBytes, to] = [0, 1, 2, 3, 4, 5];
  const [at, stop, pixels, pair, high, low] = [6, 7, 8, 9, 10, 11];
  /** Channels of two neighbouring pixels in turn, in 16 bits each. */
  const pairOf = (from: number): Code => {
    const bytes = [0, 1, 2].flatMap((channel) => [from + channel, -1, from + 3 + channel, -1]);
    return i8x16.pick(get(pixels), [...bytes, -1, -1, -1, -1]);
  };
  const group = [
    set(pixels, v128.load(get(at))),
    ...[0, 1].flatMap((number) => [
      set(pair, pairOf(6 * number)),
      addDot(high, get(pair), upper(weights, number)),
      addDot(low, get(pair), lower(weights, number)),
    ]),
    advance(at, i32.const(3 * GROUP)),
    advance(weights, i32.const(GROUP_BYTES)),
  ];
  const sum = i16x8.narrow(rounded(high, low), v128.zero());
  const body = repeatWhile(
    i32.lessThan(get(first), get(end)),
    set(at, i32.add(get(row), i32.load(get(first)))),
    set(stop, i32.add(get(weights), get(weightBytes))),
    set(high, v128.zero()),
    set(low, half()),
    repeatWhile(i32.lessThan(get(weights), get(stop)), ...group),
    i32x4.storeLane(get(to), i8x16.narrowUnsigned(sum, v128.zero())),
    advance(to, i32.const(3)),
    advance(first, i32.const(4)),
  );
  return { params: 6, locals: { i32: 2, v128: 4 }, body: [body] };
}

function alongColumns(): Kernel {
  const [row, end, stride, weights, weightsEnd, to] = [0, 1, 2, 3, 4, 5];
  const [at, weight, one, two, high, low] = [6, 7, 8, 9, 10, 11];
  const quarters = [12, 14, 16, 18].map((local) => ({ high: local, low: local + 1 }));
  /** Bytes of two rows in turn, in 16 bits each, 4 of 16 at a time. */
  const quarter = (number: number): Code => {
    const bytes =
      number < 2 ? i8x16.interleaveLow(get(one), get(two)) : i8x16.interleaveHigh(get(one), get(two));
    return number % 2 === 0 ? i16x8.extendLow(bytes) : i16x8.extendHigh(bytes);
  };
  const pairOfRows = (pair: number) => [
    set(one, v128.load(get(at))),
    set(two, v128.load(i32.add(get(at), get(stride)))),
    set(high, upper(weight, pair)),
    set(low, lower(weight, pair)),
    ...quarters.flatMap((each, number) => [
      addDot(each.high, quarter(number), get(high)),
      addDot(each.low, quarter(number), get(low)),
    ]),
    advance(at, i32.add(get(stride), get(stride))),
  ];
  const [a, b, c, d] = quarters.map((each) => rounded(each.high, each.low));
  const body = repeatWhile(
    i32.lessThan(get(row), get(end)),
    set(at, get(row)),
    set(weight, get(weights)),
    ...quarters.flatMap((each) => [set(each.high, v128.zero()), set(each.low, half())]),
    repeatWhile(
      i32.lessThan(get(weight), get(weightsEnd)),
      ...pairOfRows(0),
      ...pairOfRows(1),
      advance(weight, i32.const(GROUP_BYTES)),
    ),
    v128.store(get(to), i8x16.narrowUnsigned(i16x8.narrow(a!, b!), i16x8.narrow(c!, d!))),
    advance(row, i32.const(16)),
    advance(to, i32.const(16)),
  );
  return { params: 6, locals: { i32: 2, v128: 12 }, body: [body] };
}
