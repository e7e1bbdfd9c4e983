import { i32 as basic, type Code, seq, signed, simd, unsigned } from './assembler.ts';

// Instructions on integers, with and without lanes; names and codes as in `assembler.ts`.

const binary =
  (code: number) =>
  (a: Code, b: Code): Code =>
    seq(a, b, [code]);
const lanes =
  (code: number) =>
  (a: Code, b: Code): Code =>
    seq(a, b, simd(code));
const shifted = (code: number) => (a: Code, by: number) => seq(a, basic.const(by), simd(code));

/** 32 bits; compared as signed numbers unless told otherwise. */
export const i32 = {
  ...basic,
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    0x36,
    2,
    ...unsigned(offset),
  ],
  equal: binary(0x46),
  lessSigned: binary(0x48),
  greater: binary(0x4a),
  atMost: binary(0x4c),
  popcount: (a: Code): Code => seq(a, [0x69]),
  sub: binary(0x6b),
  and: binary(0x71),
  or: binary(0x72),
  xor: binary(0x73),
  shiftLeft: binary(0x74),
  /** Without sign. */
  shiftRight: binary(0x76),
  /** The first where the condition holds, else the second. */
  select: (condition: Code, a: Code, b: Code): Code => seq(a, b, condition, [0x1b]),
};

/** 64 bits, compared as signed numbers. */
export const i64 = {
  const: (value: number): Code => [0x42, ...signed(value)],
  load: (address: Code, offset = 0): Code => [...address, 0x29, 3, ...unsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    0x37,
    3,
    ...unsigned(offset),
  ],
  /** 0 or 1, as 32 bits. */
  less: binary(0x53),
  or: binary(0x84),
  shiftLeft: binary(0x86),
  shiftRight: binary(0x87),
  /** Of 32 bits: filled up with zeros. */
  extend: (a: Code): Code => seq(a, [0xad]),
  /** The lower 32 bits. */
  wrap: (a: Code): Code => seq(a, [0xa7]),
  select: (condition: Code, a: Code, b: Code): Code => seq(a, b, condition, [0x1b]),
};

/** Four lanes of 32 bits, compared as signed numbers: all bits of a lane are set where it holds. */
export const i32x4 = {
  splat: (a: Code): Code => seq(a, simd(17)),
  lane: (a: Code, lane: number): Code => seq(a, simd(27), [lane]),
  equal: lanes(55),
  less: lanes(57),
  greater: lanes(59),
  /** The highest bit of each lane. */
  bitmask: (a: Code): Code => seq(a, simd(164)),
  /** With sign, and without. */
  shiftRightSigned: shifted(172),
  shiftRight: shifted(173),
  add: lanes(174),
  sub: lanes(177),
  min: lanes(182),
  max: lanes(184),
  /** Lanes by their numbers: 0 to 3 of a, 4 to 7 of b. */
  pick: (a: Code, b: Code, from: readonly [number, number, number, number]): Code =>
    seq(
      a,
      b,
      simd(13),
      from.flatMap((lane) => [0, 1, 2, 3].map((byte) => 4 * lane + byte)),
    ),
};

/** Bits of a vector, and its bytes. */
export const bits = {
  and: lanes(78),
  /** a and not b. */
  andNot: lanes(79),
  or: lanes(80),
  xor: lanes(81),
  /** The bytes of a whose numbers are those of b; 0 where there is none. */
  swizzle: lanes(14),
};

export const f32x4 = { add: lanes(228) };

/** Two doubles; see also those of `assembler.ts`. */
export const f64x2 = { sub: lanes(241), lesser: lanes(246), greater: lanes(247) };
