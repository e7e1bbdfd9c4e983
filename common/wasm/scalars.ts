import { at, binary, type Code, seq, signed } from './code.ts';

/** 32 bits; compared as signed numbers, and shifted right without sign, unless told otherwise. */
export const i32 = {
  const: (value: number): Code => [0x41, signed(value)],
  load: (address: Code, offset = 0): Code => seq(address, [0x28], at(2, offset)),
  /** Of 16 bits, without sign. */
  load16: (address: Code, offset = 0): Code => seq(address, [0x2f], at(1, offset)),
  loadByte: (address: Code, offset = 0): Code => seq(address, [0x2d], at(0, offset)),
  store: (address: Code, value: Code, offset = 0): Code => seq(address, value, [0x36], at(2, offset)),
  store16: (address: Code, value: Code): Code => seq(address, value, [0x3b], at(1, 0)),
  /** Adds to a number in memory as if no other thread did anything meanwhile; leaves what it was. */
  atomicAdd: (address: Code, value: Code): Code => seq(address, value, [0xfe, 0x1e], at(2, 0)),
  storeByte: (address: Code, value: Code): Code => seq(address, value, [0x3a], at(0, 0)),
  isZero: (a: Code): Code => seq(a, [0x45]),
  isNegative: (a: Code): Code => seq(a, i32.const(0), [0x48]),
  equal: binary(0x46),
  lessSigned: binary(0x48),
  /** Without sign. */
  lessThan: binary(0x49),
  greater: binary(0x4a),
  atMost: binary(0x4c),
  leadingZeros: (a: Code): Code => seq(a, [0x67]),
  popcount: (a: Code): Code => seq(a, [0x69]),
  add: binary(0x6a),
  sub: binary(0x6b),
  mul: binary(0x6c),
  /** Without sign. */
  remainder: binary(0x70),
  and: binary(0x71),
  or: binary(0x72),
  xor: binary(0x73),
  shiftLeft: binary(0x74),
  shiftRightSigned: binary(0x75),
  shiftRight: binary(0x76),
  rotateLeft: binary(0x77),
  /** The first where the condition holds, else the second. */
  select: (condition: Code, a: Code, b: Code): Code => seq(a, b, condition, [0x1b]),
};

/** 64 bits, compared as signed numbers; shifted by 64 bits. */
export const i64 = {
  const: (value: number): Code => [0x42, signed(value)],
  load: (address: Code, offset = 0): Code => seq(address, [0x29], at(3, offset)),
  store: (address: Code, value: Code, offset = 0): Code => seq(address, value, [0x37], at(3, offset)),
  /** 0 or 1, as 32 bits. */
  less: binary(0x53),
  mul: binary(0x7e),
  or: binary(0x84),
  shiftLeft: binary(0x86),
  shiftRight: binary(0x88),
  shiftRightSigned: binary(0x87),
  /** Of 32 bits: filled up with zeros. */
  extend: (a: Code): Code => seq(a, [0xad]),
  /** The lower 32 bits. */
  wrap: (a: Code): Code => seq(a, [0xa7]),
  select: (condition: Code, a: Code, b: Code): Code => seq(a, b, condition, [0x1b]),
};

/** Doubles. */
export const f64 = {
  /** Of 32 bits with sign. */
  of32: (a: Code): Code => seq(a, [0xb7]),
};
