import { either, get, leave, repeatWhile, set, step, when } from '../../../common/wasm/control.ts';
import type { Kernel } from '../../../common/wasm/module.ts';
import { i32 } from '../../../common/wasm/scalars.ts';
import { i8x16, v128 } from '../../../common/wasm/vectors.ts';

/**
 * Copies the data of a scan in reverse order, each 0xff 0x00 as one 0xff, up to a marker or the end. Notes at `found` where both
 * ended (int32): the address behind the last byte that was read, and that of the last one written.
 *
 * @param from the data, up to `end`; some bytes beyond may be read
 * @param to behind the space for the copy; some bytes below it may be written
 */
export type Unstuff = (from: number, end: number, to: number, found: number) => void;

/** The kernel of `Unstuff`. */
export function unstuff(): Kernel {
  const [from, end, to, found, byte, bytes] = [0, 1, 2, 3, 4, 5];
  const backwards = Array.from({ length: 16 }, (_, i) => 15 - i);
  const ended = [i32.store(get(found), get(from)), i32.store(get(found), get(to), 4)];
  const oneByte = [
    set(byte, i32.loadByte(get(from))),
    when(
      i32.equal(get(byte), i32.const(0xff)),
      when(i32.loadByte(get(from), 1), ...ended, leave),
      step(from, 1),
    ),
    step(from, 1),
    step(to, -1),
    i32.storeByte(get(to), get(byte)),
  ];
  const body = repeatWhile(
    i32.lessThan(get(from), get(end)),
    set(bytes, v128.load(get(from))),
    either(v128.any(i8x16.equal(get(bytes), i8x16.splat(i32.const(0xff)))), oneByte, [
      step(from, 16),
      step(to, -16),
      v128.store(get(to), i8x16.pick(get(bytes), backwards)),
    ]),
  );
  return { params: 4, locals: { i32: 1, v128: 1 }, body: [body, ...ended] };
}
