import type { Code } from '../../common/wasm/code.ts';
import { callAt, get, leave, repeatWhile, set, step, when, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { i32x4, v128 } from '../../common/wasm/vectors.ts';
import { HEAD, HIGHEST, placeOf } from './places.ts';

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
 * Writes a word for each image of a side, `LANES` words apart, that orders as its key does, as far as its upper bits tell: the
 * distance to the first key, scaled to 32 bits. The lower bits (`mask`) hold the place of the image. What is missing up to
 * `most` is filled with words behind all.
 */
export const pack = named(
  ['values', 'count', 'most', 'flip', 'mask', 'words'],
  { i32: ['at', 'end', 'low', 'high', 'wordsEnd'], v128: ['flips', 'first', 'last', 'keep', 'place'] },
  (l) => {
    const { values, count, most, flip, mask, words, at, end, low, high, wordsEnd } = l;
    const { flips, first, last, keep, place } = l;
    const key = v128.xor(v128.load(get(at)), get(flips));
    const extreme = (bound: number, vector: number, isFirst: (a: Code, b: Code) => Code): Code[] => [
      set(bound, i32x4.lane(get(vector), 0)),
      ...[1, 2, 3].map((lane) => {
        const other = i32x4.lane(get(vector), lane);
        return set(bound, i32.select(isFirst(get(bound), other), get(bound), other));
      }),
    ];
    return [
      set(wordsEnd, i32.add(get(words), i32.shiftLeft(get(most), i32.const(4)))),
      when(
        get(count),
        set(end, i32.add(get(values), i32.shiftLeft(get(count), i32.const(2)))),
        v128.store(get(end), i32x4.splat(i32.load(get(values)))),
        set(flips, i32x4.splat(get(flip))),
        set(at, get(values)),
        set(first, key),
        set(last, get(first)),
        whileHolds(
          i32.lessThan(get(at), get(end)),
          set(first, i32x4.min(get(first), key)),
          set(last, i32x4.max(get(last), key)),
          step(at, 16),
        ),
        ...extreme(low, first, i32.lessSigned),
        ...extreme(high, last, i32.greater),
        set(high, i32.leadingZeros(i32.sub(get(high), get(low)))),
        set(first, i32x4.splat(get(low))),
        set(keep, i32x4.splat(i32.xor(get(mask), i32.const(-1)))),
        set(place, v128.const([0, 1, 2, 3].flatMap((lane) => [lane, 0, 0, 0]))),
        set(at, get(values)),
        whileHolds(
          i32.lessThan(get(at), get(end)),
          set(
            last,
            v128.or(
              v128.and(i32x4.shiftLeftBy(i32x4.sub(key, get(first)), get(high)), get(keep)),
              get(place),
            ),
          ),
          ...[0, 1, 2, 3].map((lane) => i32x4.storeLane(get(words), get(last), lane, 16 * lane)),
          set(place, i32x4.add(get(place), i32x4.splat(i32.const(4)))),
          step(at, 16),
          step(words, 64),
        ),
      ),
      set(words, i32.sub(get(wordsEnd), i32.shiftLeft(i32.sub(get(most), get(count)), i32.const(4)))),
      whileHolds(
        i32.lessThan(get(words), get(wordsEnd)),
        i32.store(get(words), i32.const(-1)),
        step(words, 16),
      ),
    ];
  },
);

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
 * Puts the images of a side in the order of its words, and by merges where these, which don't tell all of the keys and nothing
 * of the numbers, have not told it right.
 *
 * @param words the first one; `mask`: the bits of a word that are a place
 * @param scratch as for `sort`
 */
export const unpack = named(
  ['head', 'values', 'apart', 'flip', 'words', 'mask', 'scratch'],
  {
    i32: ['at', 'end', 'place', 'beside', 'to'],
    v128: ['flips', 'flipsBack', 'value', 'number', 'key', 'next', 'wrong'],
  },
  (l) => {
    const { head, values, apart, flip, words, mask, scratch, at, end, place, beside, to } = l;
    const { flips, flipsBack, value, number, key, next, wrong } = l;
    const numberOf = (offset: number) => v128.load(i32.add(get(at), get(beside)), offset);
    return [
      set(at, get(scratch)),
      set(beside, i32.add(i32.shiftLeft(i32.load(get(head), HEAD.count), i32.const(2)), i32.const(32))),
      set(end, i32.sub(i32.add(get(at), get(beside)), i32.const(32))),
      whileHolds(
        i32.lessThan(get(at), get(end)),
        set(
          place,
          i32.add(get(values), i32.shiftLeft(i32.and(i32.load(get(words)), get(mask)), i32.const(2))),
        ),
        i32.store(get(at), i32.load(get(place))),
        i32.store(i32.add(get(at), get(beside)), i32.load(i32.add(get(place), get(apart)))),
        step(words, 16),
        step(at, 4),
      ),
      set(flips, i32x4.splat(get(flip))),
      set(flipsBack, i32x4.splat(i32.xor(get(flip), i32.const(-1)))),
      // Behind the last one stand some behind all.
      set(key, v128.xor(i32x4.splat(i32.const(HIGHEST)), get(flips))),
      ...[0, 16].flatMap((offset) => [
        v128.store(get(end), get(key), offset),
        v128.store(i32.add(get(end), get(beside)), v128.zero(), offset),
      ]),
      set(wrong, v128.zero()),
      set(at, get(scratch)),
      set(to, get(values)),
      whileHolds(
        i32.lessThan(get(at), get(end)),
        set(value, v128.load(get(at))),
        set(number, numberOf(0)),
        v128.store(get(to), get(value)),
        v128.store(i32.add(get(to), get(apart)), get(number)),
        set(key, v128.xor(get(value), get(flips))),
        set(next, v128.xor(v128.load(get(at), 4), get(flips))),
        set(
          wrong,
          v128.or(
            get(wrong),
            v128.or(
              i32x4.greater(get(key), get(next)),
              v128.and(
                i32x4.equal(get(key), get(next)),
                i32x4.greater(v128.xor(get(number), get(flipsBack)), v128.xor(numberOf(4), get(flipsBack))),
              ),
            ),
          ),
        ),
        step(at, 16),
        step(to, 16),
      ),
      when(v128.any(get(wrong)), callAt(placeOf('sort'), ...[head, values, flip, apart, scratch].map(get))),
    ];
  },
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
