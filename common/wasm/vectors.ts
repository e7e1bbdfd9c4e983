import { at, type Code, lanes, seq, simd } from './code.ts';
import { i32 } from './scalars.ts';

const ofOne = (code: number) => (a: Code) => seq(a, simd(code));
const shifted = (code: number) => (a: Code, by: number) => seq(a, i32.const(by), simd(code));
const loaded =
  (code: number, align: number) =>
  (address: Code, offset = 0) =>
    seq(address, simd(code), at(align, offset));

/** Sixteen bytes of any kind. */
export const v128 = {
  zero: (): Code => v128.const(new Array<number>(16).fill(0)),
  const: (bytes: readonly number[]): Code => [simd(12), bytes],
  load: loaded(0, 3),
  /** Eight bytes into the lower half, zeros into the upper one. */
  loadHalf: loaded(93, 2),
  /** Four bytes into the lowest quarter, zeros into the others. */
  loadQuarter: loaded(92, 2),
  /** Eight bytes into either half. */
  loadTwice: loaded(10, 3),
  store: (address: Code, value: Code, offset = 0): Code => seq(address, value, simd(11), at(3, offset)),
  and: lanes(78),
  /** a and not b. */
  andNot: lanes(79),
  or: lanes(80),
  xor: lanes(81),
  /** Whether any bit is set. */
  any: ofOne(83),
};

const inTurn = (from: number, bytes: number): Code =>
  Array.from({ length: 16 }, (_, i) => {
    const lane = Math.floor(i / bytes);
    return from + (lane % 2) * 16 + Math.floor(lane / 2) * bytes + (i % bytes);
  });

const interleave = (bytes: number) => ({
  /** Lanes of the lower halves of a and b in turn. */
  interleaveLow: (a: Code, b: Code): Code => seq(a, b, simd(13), inTurn(0, bytes)),
  interleaveHigh: (a: Code, b: Code): Code => seq(a, b, simd(13), inTurn(8, bytes)),
});

/** Lanes of `bytes` bytes by their numbers, first those of a, then those of b. */
const pick =
  (bytes: number) =>
  (a: Code, b: Code, from: readonly number[]): Code =>
    seq(
      a,
      b,
      simd(13),
      from.flatMap((lane) => Array.from({ length: bytes }, (_, byte) => bytes * lane + byte)),
    );

/** Sixteen bytes. */
export const i8x16 = {
  ...interleave(1),
  splat: ofOne(15),
  /** The bytes of a whose numbers are those of b; 0 where there is none. */
  swizzle: lanes(14),
  /** Bytes of a by their numbers; 0 for a number of -1. */
  pick: (a: Code, bytes: readonly number[]): Code =>
    i8x16.swizzle(a, v128.const(bytes.map((byte) => byte & 0xff))),
  add: lanes(110),
  equal: lanes(35),
  /** The highest bit of each lane. */
  bitmask: ofOne(100),
  /** Of 16-bit lanes, clamped to -128 … 127. */
  narrow: lanes(101),
  /** Of 16-bit lanes, clamped to 0 … 255. */
  narrowUnsigned: lanes(102),
};

/** Eight integers of 16 bits. */
export const i16x8 = {
  ...interleave(2),
  splat: ofOne(16),
  /** The lower eight bytes without sign. */
  extendLow: ofOne(137),
  extendHigh: ofOne(138),
  /** Eight bytes without sign. */
  loadBytes: loaded(2, 3),
  add: lanes(142),
  sub: lanes(145),
  mul: lanes(149),
  /** a · b / 2^15, rounded, halves up, and clamped. */
  mulFraction: lanes(130),
  shiftLeft: shifted(139),
  /** Without sign. */
  shiftRight: shifted(141),
  /** Of 32-bit lanes, clamped. */
  narrow: lanes(133),
};

/** Four integers of 32 bits, compared as signed numbers: all bits of a lane are set where it holds. */
export const i32x4 = {
  ...interleave(4),
  splat: ofOne(17),
  /** Four bytes, in all lanes. */
  loadSplat: loaded(9, 2),
  storeLane: (address: Code, value: Code, lane = 0, offset = 0): Code =>
    seq(address, value, simd(90), at(2, offset), [lane]),
  lane: (a: Code, lane: number): Code => seq(a, simd(27), [lane]),
  pick: pick(4),
  equal: lanes(55),
  less: lanes(57),
  greater: lanes(59),
  /** The highest bit of each lane. */
  bitmask: ofOne(164),
  shiftLeft: shifted(171),
  /** By a number that is not known before. */
  shiftLeftBy: lanes(171),
  shiftRightSigned: shifted(172),
  shiftRight: shifted(173),
  add: lanes(174),
  sub: lanes(177),
  mul: lanes(181),
  min: lanes(182),
  minUnsigned: lanes(183),
  max: lanes(184),
  maxUnsigned: lanes(185),
  /** Sums of the products of two neighbouring lanes of 16 bits. */
  dot: lanes(186),
};

/** Two integers of 64 bits. */
export const i64x2 = {
  ...interleave(8),
  add: lanes(206),
  /** Products of the lower two lanes of 32 bits, and of the upper two. */
  productsLow: lanes(220),
  productsHigh: lanes(221),
  storeLane: (address: Code, value: Code, lane: 0 | 1, offset = 0): Code =>
    seq(address, value, simd(91), at(3, offset), [lane]),
  /** The sign of lane 0 as bit 0, that of lane 1 as bit 1. */
  signs: ofOne(196),
  /** The lower 32 bits of a lane, as a number of 32 bits. */
  low: (a: Code, lane: 0 | 1): Code => i32x4.lane(a, 2 * lane),
};

/** Four floats. */
export const f32x4 = {
  add: lanes(228),
  sub: lanes(229),
  mul: lanes(230),
  div: lanes(231),
  /** Of integers. */
  convert: ofOne(250),
};

const pickDoubles = pick(8);

/** Two doubles; a comparison sets all bits of a lane where it holds. */
export const f64x2 = {
  /** The same number in both lanes. */
  const: (value: number): Code => v128.const([...new Uint8Array(Float64Array.of(value, value).buffer)]),
  splat: ofOne(20),
  lessThan: lanes(73),
  atMost: lanes(75),
  /** To the nearest integer, halves to the even one. */
  nearest: ofOne(148),
  abs: ofOne(236),
  add: lanes(240),
  sub: lanes(241),
  mul: lanes(242),
  div: lanes(243),
  root: ofOne(239),
  lesser: lanes(246),
  greater: lanes(247),
  /** Integers of 32 bits in the lower half, zeros in the upper one; clamped. */
  truncate: ofOne(252),
  /** Of the two integers of 32 bits with sign in the lower half. */
  of32: ofOne(254),
  /** Of the two floats in the lower half. */
  promote: ofOne(95),
  /** Lane `i` of a beside lane `j` of b. */
  pick: (a: Code, i: 0 | 1, b: Code, j: 0 | 1): Code => pickDoubles(a, b, [i, 2 + j]),
};
