import type { Code } from '../../../common/wasm/code.ts';
import { either, get, leave, repeatWhile, set, when } from '../../../common/wasm/control.ts';
import type { Kernel } from '../../../common/wasm/module.ts';
import { i32, i64 } from '../../../common/wasm/scalars.ts';
import { v128 } from '../../../common/wasm/vectors.ts';
import { cosineTransform } from './cosine.ts';
import { DEEPER, FIRST_BITS, SECOND_BITS } from './huffman.ts';

/** Where the reader of bits stands, in memory, between calls. */
export const STATE = {
  /** Bits that are read but not used, the next one at the top (uint64). */
  bits: 0,
  /** Their number (int32). */
  left: 8,
  /** Address behind the next bytes: the data lie in reverse order, so that four bytes are read as one number. */
  next: 12,
  /** Set to 1 when the data can't be decoded (int32). */
  failed: 16,
  size: 20,
};

/** What a block of an MCU is decoded with (32 bytes, int32 each): addresses, and lengths in bytes. */
export const BLOCK = {
  /** Where its first sample goes; moves on by `step` from MCU to MCU. */
  to: 0,
  step: 4,
  stride: 8,
  dcTable: 12,
  acTable: 16,
  quantisation: 20,
  /** Of the last value of its component at frequency 0 (int32). */
  predictor: 24,
  size: 32,
};

/** Bytes below the data that may be read: more than a block can take. */
export const BELOW = 512;

/**
 * Decodes a row of MCUs: Huffman codes (ITU T.81, F.2.2), then the cosine transform.
 *
 * @param state a `STATE`
 * @param blocks the `BLOCK`s of an MCU
 * @param end behind the last of them
 * @param mcus their number, at least 1
 * @param coefficients 128 bytes to work in
 * @param zigzag for each coefficient in the order of the file, twice its place in the block (64 bytes)
 * @param limit an address that the reader passes in damaged data alone
 */
export type DecodeRow = (
  state: number,
  blocks: number,
  end: number,
  mcus: number,
  coefficients: number,
  zigzag: number,
  limit: number,
) => void;

/** The kernel of `DecodeRow`. */
export function decodeRow(): Kernel {
  const [state, blocks, end, mcus, coefficients, zigzag, limit] = [0, 1, 2, 3, 4, 5, 6];
  const [block, left, next, entry, size, at, value, stop] = [7, 8, 9, 10, 11, 12, 13, 14];
  const [table, bits] = [15, 16];
  let locals = 17;
  const fail = [i32.store(get(state), i32.const(1), STATE.failed), leave];
  const field = (offset: number) => i32.load(get(block), offset);

  /** Fills the bits up to 56 or more: enough for two symbols with their values. What is beyond `left` is read again. */
  const refill = [
    set(
      bits,
      i64.or(get(bits), i64.shiftRight(i64.load(i32.sub(get(next), i32.const(8))), i64.extend(get(left)))),
    ),
    set(next, i32.sub(get(next), i32.shiftRight(i32.sub(i32.const(63), get(left)), i32.const(3)))),
    set(left, i32.or(get(left), i32.const(56))),
  ];
  /** The next symbol's entry in a table. */
  const symbol = (table: Code): Code[] => [
    set(entry, i32.load(entryAt(table, get(bits), 0, FIRST_BITS))),
    when(
      i32.isNegative(get(entry)),
      set(entry, i32.and(get(entry), i32.const(~DEEPER))),
      set(entry, i32.load(entryAt(get(entry), get(bits), FIRST_BITS, SECOND_BITS))),
      when(i32.isZero(get(entry)), ...fail),
    ),
    set(size, i32.and(i32.shiftRightSigned(get(entry), i32.const(8)), i32.const(15))),
  ];
  /** Bits of code and value together. */
  const length = i32.and(get(entry), i32.const(63));
  /** The `size` bits behind the code, where a first bit of 0 makes them negative. */
  const extended = [
    set(value, i64.wrap(i64.shiftRight(get(bits), i64.extend(i32.const(32))))),
    set(value, i32.shiftLeft(get(value), i32.sub(length, get(size)))),
    set(
      value,
      i32.add(
        i32.shiftRight(get(value), i32.sub(i32.const(32), get(size))),
        i32.and(
          i32.sub(i32.const(1), i32.shiftLeft(i32.const(1), get(size))),
          i32.xor(i32.shiftRightSigned(get(value), i32.const(31)), i32.const(-1)),
        ),
      ),
    ),
  ];
  // A shift of 64 bits takes the lowest six of the entry by itself.
  const use = [
    set(bits, i64.shiftLeft(get(bits), i64.extend(get(entry)))),
    set(left, i32.sub(get(left), length)),
  ];

  const first = [
    ...refill,
    ...symbol(field(BLOCK.dcTable)),
    set(at, field(BLOCK.predictor)),
    set(value, i32.const(0)),
    when(get(size), ...extended),
    set(value, i32.add(get(value), i32.load(get(at)))),
    i32.store(get(at), get(value)),
    i32.store16(get(coefficients), get(value)),
    ...use,
  ];
  const other = [
    ...symbol(get(table)),
    set(at, i32.add(get(at), i32.shiftRightSigned(get(entry), i32.const(16)))),
    when(
      get(size),
      either(i32.lessThan(get(at), get(stop)), extended, fail),
      i32.store16(i32.add(get(coefficients), i32.loadByte(get(at))), get(value)),
    ),
    ...use,
    set(at, i32.add(get(at), i32.const(1))),
  ];
  const others = [
    set(at, i32.add(get(zigzag), i32.const(1))),
    set(stop, i32.add(get(zigzag), i32.const(64))),
    set(table, field(BLOCK.acTable)),
    repeatWhile(
      i32.lessThan(get(at), get(stop)),
      ...refill,
      ...other,
      when(i32.lessThan(get(at), get(stop)), ...other),
    ),
  ];
  const body = [
    set(bits, i64.load(get(state), STATE.bits)),
    set(left, i32.load(get(state), STATE.left)),
    set(next, i32.load(get(state), STATE.next)),
    repeatWhile(
      get(mcus),
      set(block, get(blocks)),
      repeatWhile(
        i32.lessThan(get(block), get(end)),
        when(i32.lessThan(get(next), get(limit)), ...fail),
        ...Array.from({ length: 8 }, (_, y) => v128.store(get(coefficients), v128.zero(), 16 * y)),
        ...first,
        ...others,
        set(at, field(BLOCK.to)),
        i32.store(get(block), i32.add(get(at), field(BLOCK.step)), BLOCK.to),
        set(stop, field(BLOCK.stride)),
        set(value, field(BLOCK.quantisation)),
        ...cosineTransform(get(coefficients), get(value), at, get(stop), () => locals++),
        set(block, i32.add(get(block), i32.const(BLOCK.size))),
      ),
      set(mcus, i32.sub(get(mcus), i32.const(1))),
    ),
    i64.store(get(state), get(bits), STATE.bits),
    i32.store(get(state), get(left), STATE.left),
    i32.store(get(state), get(next), STATE.next),
  ];
  return { params: 7, locals: { i32: 9, i64: 1, v128: locals - 17 }, body };
}

/** Address of a table's entry by `count` of the bits, those behind the first `skipped`. */
function entryAt(table: Code, bits: Code, skipped: number, count: number): Code {
  const shifted = i64.wrap(i64.shiftRight(bits, i64.extend(i32.const(64 - skipped - count - 2))));
  return i32.add(table, i32.and(shifted, i32.const(4 * ((1 << count) - 1))));
}
