/**
 * Just enough of an assembler for kernels in WebAssembly: instructions as functions of their operands, so that a
 * kernel reads as an expression. Names and codes are those of the WebAssembly 2.0 specification, §5.4 (binary format).
 */

/** Instructions in the binary format; those that leave a value can stand as operands of others. */
export type Code = readonly number[];

export const seq = (...parts: readonly Code[]): Code => parts.flat();
export const simd = (code: number): Code => [0xfd, ...unsigned(code)];

export const i32 = {
  const: (value: number): Code => [0x41, ...signed(value)],
  load: (address: Code, offset = 0): Code => [...address, 0x28, 2, ...unsigned(offset)],
  add: (a: Code, b: Code): Code => seq(a, b, [0x6a]),
  mul: (a: Code, b: Code): Code => seq(a, b, [0x6c]),
  /** Without sign. */
  lessThan: (a: Code, b: Code): Code => seq(a, b, [0x49]),
};

export const v128 = {
  zero: (): Code => [...simd(12), ...new Array<number>(16).fill(0)],
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

/** Two integers of 64 bits. */
export const i64x2 = {
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

/** A function of a module: all parameters are i32, there is no result. */
export interface Kernel {
  readonly params: number;
  /** How many locals follow the parameters: first i32, then v128, then i64. */
  readonly locals: { readonly i32: number; readonly v128: number; readonly i64?: number };
  readonly body: readonly Code[];
}

/** The largest memory that there is, in pages of 64 KiB: 4 GiB. */
const MOST_PAGES = 65_536;

/** A module that exports kernels by their names and imports the shared memory `env.memory`. */
export function assemble(kernels: Readonly<Record<string, Kernel>>): Uint8Array<ArrayBuffer> {
  const [I32, V128, I64] = [0x7f, 0x7b, 0x7e];
  const all = Object.entries(kernels);
  const types = all.map(([, { params }]) => [0x60, ...vector(new Array<Code>(params).fill([I32])), 0]);
  const memory = [...text('env'), ...text('memory'), 2, 3, 0, ...unsigned(MOST_PAGES)];
  const codes = all.map(([, { locals, body }]) => {
    const declared = vector([
      [...unsigned(locals.i32), I32],
      [...unsigned(locals.v128), V128],
      [...unsigned(locals.i64 ?? 0), I64],
    ]);
    const code = [...declared, ...body.flat(), 0x0b];
    return [...unsigned(code.length), ...code];
  });
  return Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, types),
    ...section(2, [memory]),
    ...section(
      3,
      all.map((_, i) => unsigned(i)),
    ),
    ...section(
      7,
      all.map(([name], i) => [...text(name), 0, ...unsigned(i)]),
    ),
    ...section(10, codes),
  ]);
}

function section(id: number, entries: readonly Code[]): Code {
  const bytes = vector(entries);
  return [id, ...unsigned(bytes.length), ...bytes];
}

const vector = (entries: readonly Code[]): Code => [...unsigned(entries.length), ...entries.flat()];
const text = (value: string): Code => vector([...Buffer.from(value)].map((byte) => [byte]));

/** LEB128. */
export function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

export function signed(value: number): Code {
  if (value >= -0x40 && value < 0x40) return [value & 0x7f];
  return [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
