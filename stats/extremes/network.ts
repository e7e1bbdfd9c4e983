import type { Code } from '../../common/wasm/code.ts';
import { callAt, get, leave, repeatWhile, set, step, when, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { i32x4, v128 } from '../../common/wasm/vectors.ts';
import { HEAD, placeOf } from './places.ts';

/** Sides that are sorted at a time, one in each lane. */
const LANES = 4;
/** Sides of more images are merged: of these the words below would tell too few apart. */
const MOST = 1024;

/** Bytes of scratch that sorting takes, for sides of at most `most` images: for the words, and for the merges. */
export function scratchFor(most: number): number {
  const merged = 16 * Math.ceil(most / 8) * 8 + 128;
  return most > MOST ? merged : 2 * merged;
}

/**
 * Sorts words without sign in each of the four lanes, `bytes` bytes of vectors: by a network of comparisons, which are the same
 * whatever the words are (merge exchange, Batcher's, for any number of them [Knuth, TAOCP 3, 5.2.2, algorithm M]).
 */
export const exchange = named(
  ['words', 'bytes'],
  { i32: ['p', 'q', 'r', 'd', 'top', 'at', 'stop', 'low', 'high'], v128: ['a', 'b'] },
  ({ words, bytes, p, q, r, d, top, at, stop, low, high, a, b }) => [
    when(i32.lessThan(get(bytes), i32.const(32)), leave),
    // The largest power of two below the number of words; it and all else here are counted in vectors, of 16 bytes.
    set(
      top,
      i32.shiftLeft(
        i32.const(16),
        i32.sub(
          i32.const(31),
          i32.leadingZeros(i32.sub(i32.shiftRight(get(bytes), i32.const(4)), i32.const(1))),
        ),
      ),
    ),
    set(p, get(top)),
    repeatWhile(
      i32.lessThan(i32.const(15), get(p)),
      set(q, get(top)),
      set(r, i32.const(0)),
      set(d, get(p)),
      repeatWhile(
        get(q),
        set(at, get(r)),
        set(stop, i32.sub(get(bytes), get(d))),
        whileHolds(
          i32.lessSigned(get(at), get(stop)),
          set(low, i32.add(get(words), get(at))),
          set(high, i32.add(get(low), get(d))),
          set(a, v128.load(get(low))),
          set(b, v128.load(get(high))),
          v128.store(get(low), i32x4.minUnsigned(get(a), get(b))),
          v128.store(get(high), i32x4.maxUnsigned(get(a), get(b))),
          step(at, 16),
          // On to where the bit of p is that of r again.
          set(at, i32.add(get(at), i32.and(i32.xor(get(at), get(r)), get(p)))),
        ),
        set(d, i32.sub(get(q), get(p))),
        set(q, i32.select(get(d), i32.shiftRight(get(q), i32.const(1)), i32.const(0))),
        set(r, get(p)),
      ),
      set(p, i32.shiftRight(get(p), i32.const(1))),
    ),
  ],
);

/**
 * Puts the images of up to four sides in order (see `keep`): a high one, a low one, and so on.
 *
 * @param heads of the first side; `headBytes` apart
 * @param values of it; `sideBytes` apart
 * @param scratch see `scratchFor`
 */
export const sortSides = named(
  ['heads', 'headBytes', 'values', 'sideBytes', 'sides', 'apart', 'scratch'],
  { i32: ['side', 'head', 'at', 'count', 'most', 'mask', 'rest'] },
  (l) => {
    const { heads, headBytes, values, sideBytes, sides, apart, scratch } = l;
    const { side, head, at, count, most, mask, rest } = l;
    const flip = i32.sub(i32.and(get(side), i32.const(1)), i32.const(1));
    const words = i32.add(get(scratch), i32.shiftLeft(get(side), i32.const(2)));
    const each = (sides: Code, ...body: readonly Code[]): Code[] => [
      set(side, i32.const(0)),
      set(head, get(heads)),
      set(at, get(values)),
      whileHolds(
        i32.lessThan(get(side), sides),
        ...body,
        set(head, i32.add(get(head), get(headBytes))),
        set(at, i32.add(get(at), get(sideBytes))),
        step(side, 1),
      ),
    ];
    const holdsAny = (...body: readonly Code[]) =>
      when(i32.lessSigned(i32.const(0), i32.load(get(head), HEAD.count)), ...body);
    return [
      ...each(
        get(sides),
        set(count, i32.load(get(head), HEAD.count)),
        set(most, i32.select(i32.greater(get(count), get(most)), get(count), get(most))),
      ),
      when(
        i32.greater(get(most), i32.const(MOST)),
        ...each(
          get(sides),
          holdsAny(callAt(placeOf('sort'), get(head), get(at), flip, get(apart), get(scratch))),
        ),
        leave,
      ),
      set(
        mask,
        i32.sub(
          i32.shiftLeft(
            i32.const(1),
            i32.sub(i32.const(32), i32.leadingZeros(i32.sub(get(most), i32.const(1)))),
          ),
          i32.const(1),
        ),
      ),
      ...each(
        i32.const(LANES),
        set(
          count,
          i32.select(i32.lessThan(get(side), get(sides)), i32.load(get(head), HEAD.count), i32.const(0)),
        ),
        set(count, i32.select(i32.greater(get(count), i32.const(0)), get(count), i32.const(0))),
        callAt(placeOf('pack'), get(at), get(count), get(most), flip, get(mask), words),
      ),
      callAt(placeOf('exchange'), get(scratch), i32.shiftLeft(get(most), i32.const(4))),
      set(rest, i32.add(get(scratch), i32.shiftLeft(i32.add(get(most), i32.const(3)), i32.const(4)))),
      ...each(
        get(sides),
        holdsAny(
          callAt(placeOf('unpack'), get(head), get(at), get(apart), flip, words, get(mask), get(rest)),
        ),
      ),
    ];
  },
);
