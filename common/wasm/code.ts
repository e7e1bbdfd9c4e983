/**
 * Just enough of an assembler for kernels in WebAssembly: instructions are functions of their operands, so that a kernel reads
 * as an expression (`scalars.ts`, `vectors.ts`, `control.ts`); `module.ts` puts kernels together. Names and codes are those
 * of the WebAssembly 2.0 specification, §5.4 (binary format).
 */

/** Instructions in the binary format, nested as they are written; those that leave a value can stand as operands of others. */
export type Code = readonly (number | Code)[];

export const seq = (...parts: readonly Code[]): Code => parts;
/** The code of an instruction on vectors. */
export const simd = (code: number): Code => [0xfd, unsigned(code)];
/** What follows the code of an instruction that reads or writes memory; `align`: the exponent of its natural alignment. */
export const at = (align: number, offset: number): Code => [align, unsigned(offset)];

/** An instruction of one byte on two values. */
export const binary =
  (code: number) =>
  (a: Code, b: Code): Code =>
    seq(a, b, [code]);
/** The same on vectors. */
export const lanes =
  (code: number) =>
  (a: Code, b: Code): Code =>
    seq(a, b, simd(code));

/** LEB128. */
export function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

export function signed(value: number): Code {
  if (value >= -0x40 && value < 0x40) return [value & 0x7f];
  return [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
