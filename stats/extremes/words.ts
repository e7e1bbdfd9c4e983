import type { Code } from '../../common/wasm/code.ts';
import { callAt, get, set, step, when, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { i32x4, v128 } from '../../common/wasm/vectors.ts';
import { HEAD, HIGHEST, placeOf } from './places.ts';

/**
 * Writes a word for each image of a side, 16 bytes apart, that orders as its key does, as far as its upper bits tell: the
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
