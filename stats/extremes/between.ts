import type { Code } from '../../common/wasm/code.ts';
import { callAt, either, get, set, step, when, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { f32x4, i32x4, v128 } from '../../common/wasm/vectors.ts';
import { FLIPS, HEAD, HIGHEST, LOWEST, placeOf, WINDOW } from './places.ts';

/**
 * Finds the bounds of the windows of `units` units in a sample of their activations: that up to which at most `near` images of
 * the sample stand, `slack` fewer at least, and that up to which at least `far` do, `slack` more at most. Where there are too
 * few, nothing is before the near one or behind the far one.
 *
 * @param sample activations of the first unit (float32), then, `sampleBytes` apart, of the next, `size` of each
 * @param numbers of the images of the sample (int32)
 * @param scratch room for a head, and for the values and numbers of the sample
 */
export const bound = named(
  ['heads', 'sample', 'sampleBytes', 'units', 'numbers', 'size', 'near', 'far', 'slack', 'apart', 'scratch'],
  { i32: ['values', 'at', 'from', 'number', 'end'], v128: ['value'] },
  (l) => {
    const { heads, sample, sampleBytes, units, numbers, size, near, far, slack, apart, scratch } = l;
    const { values, at, from, number, end, value } = l;
    const copy: Code[] = [
      set(at, get(values)),
      set(from, get(sample)),
      set(number, get(numbers)),
      set(end, i32.add(get(values), i32.shiftLeft(get(size), i32.const(2)))),
      whileHolds(
        i32.lessThan(get(at), get(end)),
        set(value, f32x4.add(v128.load(get(from)), v128.zero())),
        v128.store(
          get(at),
          v128.xor(get(value), i32x4.shiftRight(i32x4.shiftRightSigned(get(value), 31), 1)),
        ),
        v128.store(i32.add(get(at), get(apart)), v128.load(get(number))),
        ...[at, from, number].map((local) => step(local, 16)),
      ),
      i32.store(get(scratch), get(size), HEAD.count),
    ];
    const keep = (flip: number, least: Code, most: Code) =>
      callAt(placeOf('keep'), get(scratch), get(values), least, most, i32.const(flip), get(apart));
    const write = (key: number, last: number, isKnown: Code, otherwise: number): Code[] => [
      i32.store(
        get(heads),
        i32.select(
          isKnown,
          i32.sub(i32.const(HIGHEST), i32.load(get(scratch), HEAD.bar)),
          i32.const(otherwise),
        ),
        key,
      ),
      i32.store(
        get(heads),
        i32.select(isKnown, i32.load(get(scratch), HEAD.last), i32.const(otherwise)),
        last,
      ),
    ];
    return [
      set(values, i32.add(get(scratch), i32.const(16))),
      whileHolds(
        get(units),
        ...FLIPS.flatMap((flip) => [
          ...copy,
          keep(flip, get(far), i32.add(get(far), get(slack))),
          ...write(
            WINDOW.far,
            WINDOW.farNumber,
            i32.lessSigned(i32.add(get(far), get(slack)), get(size)),
            HIGHEST,
          ),
          when(i32.lessSigned(get(slack), get(near)), keep(flip, i32.sub(get(near), get(slack)), get(near))),
          ...write(WINDOW.near, WINDOW.nearNumber, i32.lessSigned(get(slack), get(near)), LOWEST),
          step(heads, WINDOW.bytes),
        ]),
        set(sample, i32.add(get(sample), get(sampleBytes))),
        step(units, -1),
      ),
    ];
  },
);

/**
 * Leaves the ranks `from` to `to` − 1 of both windows of `units` units, in order; where a window doesn't hold them, no number
 * of images that could be asked for.
 *
 * @param scratch see `scratchFor`
 */
export const narrow = named(
  ['heads', 'sides', 'sideBytes', 'units', 'from', 'to', 'slots', 'apart', 'scratch'],
  { i32: ['count', 'before'] },
  ({ heads, sides, sideBytes, units, from, to, slots, apart, scratch, count, before }) => {
    const keep = (many: Code, flip: number) =>
      callAt(placeOf('keep'), get(heads), get(sides), many, many, i32.const(flip), get(apart));
    const holds = [
      i32.atMost(get(count), get(slots)),
      i32.atMost(get(before), get(from)),
      i32.atMost(get(to), i32.add(get(before), get(count))),
    ].reduce((a, b) => i32.and(a, b));
    return [
      whileHolds(
        get(units),
        ...FLIPS.flatMap((flip) => [
          set(count, i32.load(get(heads), HEAD.count)),
          set(before, i32.load(get(heads), WINDOW.before)),
          either(
            holds,
            [
              keep(i32.sub(get(to), get(before)), flip),
              keep(i32.sub(get(to), get(from)), ~flip), // the last of these
            ],
            [i32.store(get(heads), i32.const(-1), HEAD.count)],
          ),
          step(heads, WINDOW.bytes),
          set(sides, i32.add(get(sides), get(sideBytes))),
        ]),
        callAt(
          placeOf('sortSides'),
          i32.sub(get(heads), i32.const(FLIPS.length * WINDOW.bytes)),
          i32.const(WINDOW.bytes),
          i32.sub(get(sides), i32.shiftLeft(get(sideBytes), i32.const(1))),
          ...[get(sideBytes), i32.const(FLIPS.length), get(apart), get(scratch)],
        ),
        step(units, -1),
      ),
    ];
  },
);
