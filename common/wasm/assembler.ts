/**
 * Just enough of an assembler for kernels in WebAssembly: instructions as functions of their operands, so that a
 * kernel reads as an expression. Names and codes are those of the WebAssembly 2.0 specification, §5.4 (binary format).
 */

/** Instructions in the binary format, nested as they are written; those that leave a value can stand as operands of others. */
export type Code = readonly (number | Code)[];

export const seq = (...parts: readonly Code[]): Code => parts;
export const simd = (code: number): Code => [0xfd, ...unsigned(code)];

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  load: (address: Code, offset = 0): Code => [...address, 0x28, 2, ...unsigned(offset)],
  add: (a: Code, b: Code): Code => seq(a, b, [0x6a]),
  mul: (a: Code, b: Code): Code => seq(a, b, [0x6c]),
  /** Without sign. */
  lessThan: (a: Code, b: Code): Code => seq(a, b, [0x49]),
  sub: (a: Code, b: Code): Code => seq(a, b, [0x6b]),
  and: (a: Code, b: Code): Code => seq(a, b, [0x71]),
  or: (a: Code, b: Code): Code => seq(a, b, [0x72]),
  xor: (a: Code, b: Code): Code => seq(a, b, [0x73]),
  shiftLeft: (a: Code, by: Code): Code => seq(a, by, [0x74]),
  /** With sign. */
  shiftRight: (a: Code, by: Code): Code => seq(a, by, [0x75]),
  /** Without sign. */
  shiftRightZero: (a: Code, by: Code): Code => seq(a, by, [0x76]),
  isZero: (a: Code): Code => seq(a, [0x45]),
  isNegative: (a: Code): Code => seq(a, i32.const(0), [0x48]),
  equals: (a: Code, b: Code): Code => seq(a, b, [0x46]),
  loadByte: (address: Code, offset = 0): Code => [...address, 0x2d, 0, ...unsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    0x36,
    2,
    ...unsigned(offset),
  ],
  store16: (address: Code, value: Code): Code => [...address, ...value, 0x3b, 1, 0],
  storeByte: (address: Code, value: Code): Code => [...address, ...value, 0x3a, 0, 0],
  /** The lower half of 64 bits. */
  lowOf: (a: Code): Code => seq(a, [0xa7]),
};

export const i64 = {
  load: (address: Code, offset = 0): Code => [...address, 0x29, 3, ...unsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    0x37,
    3,
    ...unsigned(offset),
  ],
  or: (a: Code, b: Code): Code => seq(a, b, [0x84]),
  shiftLeft: (a: Code, by: Code): Code => seq(a, i64.of(by), [0x86]),
  shiftRightZero: (a: Code, by: Code): Code => seq(a, i64.of(by), [0x88]),
  /** Of 32 bits without sign. */
  of: (a: Code): Code => seq(a, [0xad]),
};

/** Sixteen bytes of any kind. */
export const v128 = {
  zero: (): Code => v128.const(new Array<number>(16).fill(0)),
  const: (bytes: readonly number[]): Code => [...simd(12), ...bytes],
  or: (a: Code, b: Code): Code => seq(a, b, simd(80)),
  /** Whether any bit is set. */
  any: (a: Code): Code => seq(a, simd(83)),
  load: (address: Code, offset = 0): Code => [...address, ...simd(0), 3, ...unsigned(offset)],
  /** Eight bytes into the lower half, zeros into the upper one. */
  loadHalf: (address: Code, offset = 0): Code => [...address, ...simd(93), 2, ...unsigned(offset)],
  /** Eight bytes into either half. */
  loadTwice: (address: Code, offset = 0): Code => [...address, ...simd(10), 3, ...unsigned(offset)],
  store: (address: Code, value: Code, offset = 0): Code => [
    ...address,
    ...value,
    ...simd(11),
    3,
    ...unsigned(offset),
  ],
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

/** Sixteen bytes. */
export const i8x16 = {
  ...interleave(1),
  splat: (a: Code): Code => seq(a, simd(15)),
  /** Bytes of a by their numbers; 0 for a number of -1. */
  pick: (a: Code, bytes: readonly number[]): Code =>
    seq(a, v128.const(bytes.map((byte) => byte & 0xff)), simd(14)),
  add: (a: Code, b: Code): Code => seq(a, b, simd(110)),
  equals: (a: Code, b: Code): Code => seq(a, b, simd(35)),
  /** Of 16-bit lanes, clamped to -128 … 127. */
  narrow: (a: Code, b: Code): Code => seq(a, b, simd(101)),
  /** Of 16-bit lanes, clamped to 0 … 255. */
  narrowUnsigned: (a: Code, b: Code): Code => seq(a, b, simd(102)),
};

/** Eight integers of 16 bits. */
export const i16x8 = {
  ...interleave(2),
  splat: (a: Code): Code => seq(a, simd(16)),
  /** The lower eight bytes without sign. */
  extendLow: (a: Code): Code => seq(a, simd(137)),
  extendHigh: (a: Code): Code => seq(a, simd(138)),
  /** Eight bytes without sign. */
  loadBytes: (address: Code, offset = 0): Code => [...address, ...simd(2), 3, ...unsigned(offset)],
  add: (a: Code, b: Code): Code => seq(a, b, simd(142)),
  sub: (a: Code, b: Code): Code => seq(a, b, simd(145)),
  mul: (a: Code, b: Code): Code => seq(a, b, simd(149)),
  /** a · b / 2^15, rounded, halves up, and clamped. */
  mulFraction: (a: Code, b: Code): Code => seq(a, b, simd(130)),
  shiftLeft: (a: Code, by: number): Code => seq(a, i32.const(by), simd(139)),
  /** Without sign. */
  shiftRightZero: (a: Code, by: number): Code => seq(a, i32.const(by), simd(141)),
  /** Of 32-bit lanes, clamped. */
  narrow: (a: Code, b: Code): Code => seq(a, b, simd(133)),
};

/** Four integers of 32 bits. */
export const i32x4 = {
  ...interleave(4),
  splat: (a: Code): Code => seq(a, simd(17)),
  /** Four bytes, in all lanes. */
  loadSplat: (address: Code, offset = 0): Code => [...address, ...simd(9), 2, ...unsigned(offset)],
  /** Stores the lowest lane. */
  storeLane: (address: Code, value: Code): Code => [...address, ...value, ...simd(90), 2, 0, 0],
  add: (a: Code, b: Code): Code => seq(a, b, simd(174)),
  sub: (a: Code, b: Code): Code => seq(a, b, simd(177)),
  shiftLeft: (a: Code, by: number): Code => seq(a, i32.const(by), simd(171)),
  /** With sign. */
  shiftRight: (a: Code, by: number): Code => seq(a, i32.const(by), simd(172)),
  /** Sums of the products of two neighbouring lanes of 16 bits. */
  dot: (a: Code, b: Code): Code => seq(a, b, simd(186)),
};

/** Two integers of 64 bits. */
export const i64x2 = {
  ...interleave(8),
  storeLane: (address: Code, value: Code, lane: 0 | 1, offset = 0): Code => [
    ...address,
    ...value,
    ...simd(91),
    3,
    ...unsigned(offset),
    lane,
  ],
  /** The sign of lane 0 as bit 0, that of lane 1 as bit 1. */
  signs: (a: Code): Code => seq(a, simd(196)),
};

/** Two doubles. */
export const f64x2 = {
  /** All bits of a lane set where a < b, else none. */
  lessThan: (a: Code, b: Code): Code => seq(a, b, simd(73)),
  add: (a: Code, b: Code): Code => seq(a, b, simd(240)),
  mul: (a: Code, b: Code): Code => seq(a, b, simd(242)),
  /** Of the two floats in the lower half. */
  promote: (a: Code): Code => seq(a, simd(95)),
  /** Lane `i` of a beside lane `j` of b. */
  pick: (a: Code, i: 0 | 1, b: Code, j: 0 | 1): Code => {
    const lane = (from: number) => Array.from({ length: 8 }, (_, byte) => from + byte);
    return seq(a, b, simd(13), lane(8 * i), lane(16 + 8 * j));
  },
};

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];

/** Repeats the body until the condition doesn't hold behind it; the body runs once at least. */
export const repeatWhile = (condition: Code, ...body: readonly Code[]): Code =>
  seq([0x03, 0x40], ...body, condition, [0x0d, 0, 0x0b]);

/** One of two bodies, or the first or none. */
export const when = (condition: Code, body: readonly Code[], otherwise: readonly Code[] = []): Code =>
  seq(condition, [0x04, 0x40], ...body, ...(otherwise.length > 0 ? [[0x05], ...otherwise] : []), [0x0b]);

/** Ends the kernel. */
export const leave: Code = [0x0f];

/** A function of a module: all parameters are i32, there is no result. */
export interface Kernel {
  readonly params: number;
  /** How many locals follow the parameters: first i32, then i64, then v128. */
  readonly locals: { readonly i32: number; readonly i64?: number; readonly v128: number };
  readonly body: readonly Code[];
}

/** The largest memory that there is, in pages of 64 KiB: 4 GiB. */
const MOST_PAGES = 65_536;

/** A module that exports kernels by their names and imports the memory `env.memory`, which is shared or a thread's own. */
export function assemble(
  kernels: Readonly<Record<string, Kernel>>,
  isShared = true,
): Uint8Array<ArrayBuffer> {
  const [I32, I64, V128] = [0x7f, 0x7e, 0x7b];
  const all = Object.entries(kernels);
  const types = all.map(([, { params }]) => [0x60, ...vector(new Array<Code>(params).fill([I32])), 0]);
  const limits = isShared ? [3, 0, ...unsigned(MOST_PAGES)] : [0, 0];
  const memory = [...text('env'), ...text('memory'), 2, ...limits];
  const codes = all.map(([, { locals, body }]) => {
    const declared = vector([
      [...unsigned(locals.i32), I32],
      [...unsigned(locals.i64 ?? 0), I64],
      [...unsigned(locals.v128), V128],
    ]);
    const code = flat([declared, body, [0x0b]]);
    return [...unsigned(code.length), ...code];
  });
  const parts = [
    [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    section(1, types),
    section(2, [memory]),
    section(
      3,
      all.map((_, i) => unsigned(i)),
    ),
    section(
      7,
      all.map(([name], i) => [...text(name), 0, ...unsigned(i)]),
    ),
    section(10, codes),
  ];
  return Uint8Array.from(flat(parts));
}

function section(id: number, entries: readonly Code[]): Code {
  const bytes = flat(vector(entries));
  return [id, ...unsigned(bytes.length), ...bytes];
}

const vector = (entries: readonly Code[]): Code => [unsigned(entries.length), entries];
const text = (value: string): Code => vector([...Buffer.from(value)].map((byte) => [byte]));

/** The bytes of nested code. */
function flat(code: Code, bytes: number[] = []): number[] {
  for (const part of code) {
    if (typeof part === 'number') bytes.push(part);
    else flat(part, bytes);
  }
  return bytes;
}

/** LEB128. */
export function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

export function signed(value: number): Code {
  if (value >= -0x40 && value < 0x40) return [value & 0x7f];
  return [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
