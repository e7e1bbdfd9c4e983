import type { Code } from '../../common/wasm/code.ts';
import { either, get, leave, repeatWhile, set, step, when, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { f32x4, i8x16, i32x4, v128 } from '../../common/wasm/vectors.ts';
import { HEAD, HIGHEST, LOWEST, SHUFFLES, SPARE } from './places.ts';

/** Fours of images that are counted at a time. */
const FOURS = SPARE / 4;

/** Writes the lanes of a mask, one behind the other, to where `to` points, their numbers to where this is `apart`. */
export const put = (mask: number, to: number, apart: number, value: Code, number: Code): Code[] => {
  const shuffle = v128.load(i32.shiftLeft(get(mask), i32.const(4)), SHUFFLES.at);
  return [
    v128.store(get(to), i8x16.swizzle(value, shuffle)),
    v128.store(i32.add(get(to), get(apart)), i8x16.swizzle(number, shuffle)),
    set(to, i32.add(get(to), i32.shiftLeft(i32.popcount(get(mask)), i32.const(2)))),
  ];
};

/**
 * Drops images of a side, when it holds more than `most`, so that from `least` to `most` are left, no other before one of
 * them; the bar is lowered to the last of these, or to one behind it. Images stand in the order of two integers: the key,
 * which is the ordered activation xor `flip`, then the number xor not `flip`. How many are not behind some key is counted for
 * one key after another between two: by turns where the right number would be if activations were spread evenly, and
 * halfway.
 *
 * @param head see `HEAD`
 * @param values of the first image; `apart`: bytes from a value to its number
 */
export const keep = named(
  ['head', 'values', 'least', 'most', 'flip', 'apart'],
  {
    i32: [
      ...['count', 'end', 'low', 'high', 'last', 'middle', 'found', 'upTo', 'at', 'to', 'mask'],
      ...['before', 'turn'],
    ] as const,
    v128: ['flips', 'flipsBack', 'pivot', 'pivotLast', 'sum', 'value', 'number'],
  },
  (l) => {
    const { head, values, least, most, flip, apart, count, end, low, high, last } = l;
    const { middle, found, upTo, at, to, mask, before, turn } = l;
    const { flips, flipsBack, pivot, pivotLast, sum, value, number } = l;
    /** Goes through the images, a few fours at a time: the body gets the bytes to add to `at`. */
    const each = (fours: number, body: (offset: number) => readonly Code[]): Code[] => [
      set(at, get(values)),
      repeatWhile(
        i32.lessThan(get(at), get(end)),
        ...Array.from({ length: fours }, (_, i) => body(16 * i)).flat(),
        step(at, 16 * fours),
      ),
    ];
    const keyOf = (offset: number) => v128.xor(v128.load(get(at), offset), get(flips));
    const numberOf = (offset: number) =>
      v128.xor(v128.load(i32.add(get(at), get(apart)), offset), get(flipsBack));
    const fill = (values: Code) =>
      Array.from({ length: SPARE / 4 }, (_, i) => v128.store(get(end), values, 16 * i));
    const isBehind = v128.or(
      i32x4.greater(get(value), get(pivot)),
      v128.and(i32x4.equal(get(value), get(pivot)), i32x4.greater(get(number), get(pivotLast))),
    );
    const across = (vector: number, combine: (a: Code, b: Code) => Code): Code =>
      [0, 1, 2, 3].map((lane) => i32x4.lane(get(vector), lane)).reduce((a, b) => combine(a, b));
    /** Moves `low` or `bound` until these are one, or no more than `most` are up to the bound. */
    const halve = (bound: number, guess: readonly Code[], ...counting: readonly Code[]): Code =>
      whileHolds(
        i32.lessSigned(get(low), get(bound)),
        set(middle, i32.add(get(low), i32.shiftRight(i32.sub(get(bound), get(low)), i32.const(1)))),
        ...guess,
        set(sum, v128.zero()),
        ...counting, // Each one behind as −1, with those that were filled in.
        set(
          upTo,
          i32.add(
            i32.and(i32.add(get(count), i32.const(SPARE - 1)), i32.const(-SPARE)),
            across(sum, i32.add),
          ),
        ),
        either(
          i32.lessSigned(get(upTo), get(least)),
          [set(low, i32.add(get(middle), i32.const(1))), set(before, get(upTo))],
          [
            set(bound, get(middle)),
            set(found, get(upTo)),
            when(i32.atMost(get(found), get(most)), set(low, get(bound))),
          ],
        ),
      );
    /** The bits of a float for those that order as it does, and the other way round. */
    const turned = (bits: Code) => [
      set(value, bits),
      set(value, v128.xor(get(value), i32x4.shiftRight(i32x4.shiftRightSigned(get(value), 31), 1))),
    ];
    const asFloats = (key: number) => turned(v128.xor(i32x4.splat(get(key)), get(flips)));
    const share = f32x4.div(
      f32x4.convert(
        i32x4.splat(i32.sub(i32.shiftRight(i32.add(get(least), get(most)), i32.const(1)), get(before))),
      ),
      f32x4.convert(i32x4.splat(i32.sub(get(found), get(before)))),
    );
    const evenly: Code[] = [
      set(turn, i32.xor(get(turn), i32.const(1))),
      when(
        get(turn),
        ...asFloats(low),
        set(number, get(value)),
        ...asFloats(high),
        ...turned(f32x4.add(get(number), f32x4.mul(f32x4.sub(get(value), get(number)), share))),
        set(to, i32x4.lane(v128.xor(get(value), get(flips)), 0)),
        // What came of floats that are too large, or of rounding, may lie anywhere.
        when(
          i32.and(i32.atMost(get(low), get(to)), i32.lessSigned(get(to), get(high))),
          set(middle, get(to)),
        ),
      ),
    ];
    const extreme = (bound: number, vector: number, isFirst: (a: Code, b: Code) => Code): Code[] => [
      set(bound, i32x4.lane(get(vector), 0)),
      ...[1, 2, 3].map((lane) => {
        const other = i32x4.lane(get(vector), lane);
        return set(bound, i32.select(isFirst(get(bound), other), get(bound), other));
      }),
    ];
    const range: Code[] = [
      ...fill(i32x4.splat(i32.load(get(values)))),
      set(at, get(values)),
      set(value, keyOf(0)),
      set(number, get(value)),
      ...each(FOURS, (offset) => [
        set(value, i32x4.min(get(value), keyOf(offset))),
        set(number, i32x4.max(get(number), keyOf(offset))),
      ]),
      ...extreme(low, value, i32.lessSigned),
      ...extreme(high, number, i32.greater),
    ];
    return [
      set(count, i32.load(get(head), HEAD.count)),
      when(i32.atMost(get(count), get(most)), leave),
      set(end, i32.add(get(values), i32.shiftLeft(get(count), i32.const(2)))),
      set(flips, i32x4.splat(get(flip))),
      set(flipsBack, i32x4.splat(i32.xor(get(flip), i32.const(-1)))),
      ...range,
      // What the last ones are filled up with from now on is behind all.
      ...fill(v128.xor(i32x4.splat(i32.const(HIGHEST)), get(flips))),
      set(found, get(count)),
      halve(
        high,
        evenly,
        set(pivot, i32x4.splat(get(middle))),
        ...each(FOURS, (offset) => [set(sum, i32x4.add(get(sum), i32x4.greater(keyOf(offset), get(pivot))))]),
      ),
      set(pivot, i32x4.splat(get(high))),
      set(last, i32.const(HIGHEST)),
      // Too many have the last key: their numbers decide.
      when(
        i32.lessSigned(get(most), get(found)),
        set(low, i32.const(LOWEST)),
        halve(
          last,
          [],
          set(pivotLast, i32x4.splat(get(middle))),
          ...each(FOURS, (offset) => [
            set(value, keyOf(offset)),
            set(number, numberOf(offset)),
            set(sum, i32x4.add(get(sum), isBehind)),
          ]),
        ),
      ),
      set(pivotLast, i32x4.splat(get(last))),
      set(to, get(values)),
      either(
        i32.equal(get(last), i32.const(HIGHEST)),
        each(1, (offset) => [
          set(mask, i32.xor(i32x4.bitmask(i32x4.greater(keyOf(offset), get(pivot))), i32.const(15))),
          ...put(
            mask,
            to,
            apart,
            v128.load(get(at), offset),
            v128.load(i32.add(get(at), get(apart)), offset),
          ),
        ]),
        each(1, (offset) => [
          set(value, keyOf(offset)),
          set(number, numberOf(offset)),
          set(mask, i32.xor(i32x4.bitmask(isBehind), i32.const(15))),
          ...put(mask, to, apart, v128.xor(get(value), get(flips)), v128.xor(get(number), get(flipsBack))),
        ]),
      ),
      i32.store(get(head), i32.shiftRight(i32.sub(get(to), get(values)), i32.const(2)), HEAD.count),
      i32.store(get(head), i32.sub(i32.const(HIGHEST), get(high)), HEAD.bar),
      i32.store(get(head), get(last), HEAD.last),
    ];
  },
);
