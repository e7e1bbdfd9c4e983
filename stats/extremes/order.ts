import type { Code } from '../../common/wasm/code.ts';
import { callAt, get, repeatWhile, set, step, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32, i64 } from '../../common/wasm/scalars.ts';
import { HEAD, placeOf } from './places.ts';

const RUN = [0, 1, 2, 3, 4, 5, 6, 7] as const;
/** Images of a run that is sorted at once; runs are merged. */
export const RUN_LENGTH = RUN.length;
/** Turns a signed number to one without sign that orders alike. */
const SIGN = i32.const(-(2 ** 31));
const HALF = i64.const(32);

/**
 * Sorts the integers (64 bits, signed) of a run: each comes to the place that is the number of those before it. What comes
 * next never depends on a comparison: a processor would often guess it wrong.
 */
export const sortRun = named(
  ['run'],
  {
    i32: ['isLess', ...RUN.map((i) => `place${i}` as const)],
    i64: RUN.map((i) => `value${i}` as const),
  },
  (l) => {
    const { run, isLess } = l;
    const [places, values] = [RUN.map((i) => l[`place${i}`]), RUN.map((i) => l[`value${i}`])];
    return [
      ...RUN.flatMap((i) => [set(values[i]!, i64.load(get(run), 8 * i)), set(places[i]!, i32.const(i))]),
      ...RUN.flatMap((j) =>
        RUN.slice(0, j).flatMap((i) => [
          set(isLess, i64.less(get(values[j]!), get(values[i]!))),
          set(places[i]!, i32.add(get(places[i]!), get(isLess))),
          set(places[j]!, i32.sub(get(places[j]!), get(isLess))),
        ]),
      ),
      ...RUN.map((i) =>
        i64.store(i32.add(get(run), i32.shiftLeft(get(places[i]!), i32.const(3))), get(values[i]!)),
      ),
    ];
  },
);

/**
 * Puts the images of a side in order (see `keep`), as integers of 64 bits: the key above the number.
 *
 * @param scratch room for twice as many of them, counted up to a multiple of `RUN_LENGTH`
 */
export const sort = named(
  ['head', 'values', 'flip', 'apart', 'scratch'],
  {
    i32: [
      ...['end', 'bytes', 'other', 'from', 'at', 'to', 'width'],
      ...['left', 'leftEnd', 'right', 'rightEnd', 'isRight'],
    ] as const,
    i64: ['first', 'second'],
  },
  (l) => {
    const { head, values, flip, apart, scratch, end, bytes, other, from, at, to, width } = l;
    const { left, leftEnd, right, rightEnd, isRight, first, second } = l;
    const [key, number] = [get(flip), i32.xor(i32.xor(get(flip), i32.const(-1)), SIGN)];
    const numberAt = i32.add(get(at), get(apart));
    const pack: Code[] = [
      set(at, get(values)),
      set(to, get(scratch)),
      whileHolds(
        i32.lessThan(get(at), get(end)),
        i64.store(
          get(to),
          i64.or(
            i64.shiftLeft(i64.extend(i32.xor(i32.load(get(at)), key)), HALF),
            i64.extend(i32.xor(i32.load(numberAt), number)),
          ),
        ),
        step(at, 4),
        step(to, 8),
      ),
      whileHolds(
        i32.lessThan(get(to), i32.add(get(scratch), get(bytes))),
        i64.store(get(to), i64.shiftLeft(i64.extend(i32.const(2 ** 31 - 1)), HALF)), // behind all
        step(to, 8),
      ),
    ];
    const unpack: Code[] = [
      set(at, get(values)),
      set(to, get(scratch)),
      whileHolds(
        i32.lessThan(get(at), get(end)),
        i32.store(get(at), i32.xor(i32.load(get(to), 4), key)),
        i32.store(numberAt, i32.xor(i32.load(get(to)), number)),
        step(at, 4),
        step(to, 8),
      ),
    ];
    const lesser = (a: Code, b: Code) => i32.select(i32.lessThan(a, b), a, b);
    const stop = i32.add(get(from), get(bytes));
    const rest = (place: number, last: number): Code =>
      whileHolds(
        i32.lessThan(get(place), get(last)),
        i64.store(get(to), i64.load(get(place))),
        step(place, 8),
        step(to, 8),
      );
    const merge: Code[] = [
      set(leftEnd, lesser(i32.add(get(left), get(width)), stop)),
      set(right, get(leftEnd)),
      set(rightEnd, lesser(i32.add(get(right), get(width)), stop)),
      whileHolds(
        i32.and(i32.lessThan(get(left), get(leftEnd)), i32.lessThan(get(right), get(rightEnd))),
        set(first, i64.load(get(left))),
        set(second, i64.load(get(right))),
        set(isRight, i64.less(get(second), get(first))),
        i64.store(get(to), i64.select(get(isRight), get(second), get(first))),
        set(right, i32.add(get(right), i32.shiftLeft(get(isRight), i32.const(3)))),
        set(left, i32.add(get(left), i32.shiftLeft(i32.xor(get(isRight), i32.const(1)), i32.const(3)))),
        step(to, 8),
      ),
      rest(left, leftEnd),
      rest(right, rightEnd),
      set(left, get(rightEnd)),
    ];
    return [
      set(bytes, i32.shiftLeft(i32.load(get(head), HEAD.count), i32.const(2))),
      set(end, i32.add(get(values), get(bytes))),
      set(bytes, i32.and(i32.add(i32.shiftLeft(get(bytes), i32.const(1)), i32.const(63)), i32.const(-64))),
      ...pack,
      set(left, get(scratch)),
      whileHolds(
        i32.lessThan(get(left), get(to)),
        callAt(placeOf('sortRun'), get(left)),
        step(left, 8 * RUN_LENGTH),
      ),
      set(from, get(scratch)),
      set(other, i32.add(get(from), get(bytes))),
      set(width, i32.const(8 * RUN_LENGTH)),
      whileHolds(
        i32.lessThan(get(width), get(bytes)),
        set(left, get(from)),
        set(to, get(other)),
        repeatWhile(i32.lessThan(get(left), stop), ...merge),
        set(to, get(from)),
        set(from, get(other)),
        set(other, get(to)),
        set(width, i32.shiftLeft(get(width), i32.const(1))),
      ),
      set(scratch, get(from)),
      ...unpack,
    ];
  },
);

/** Units whose sides are sorted together. */
const UNITS = 2;

/** Leaves the first `depth` images of both sides of `units` units, in order. `scratch`: see `scratchFor`. */
export const finish = named(
  ['heads', 'sides', 'sideBytes', 'units', 'depth', 'apart', 'scratch'],
  { i32: ['head', 'side', 'left', 'wide'] },
  ({ heads, sides, sideBytes, units, depth, apart, scratch, head, side, left, wide }) => [
    whileHolds(
      i32.lessSigned(i32.const(0), get(units)),
      set(
        wide,
        i32.shiftLeft(
          i32.select(i32.lessThan(get(units), i32.const(UNITS)), get(units), i32.const(UNITS)),
          i32.const(1),
        ),
      ),
      set(head, get(heads)),
      set(side, get(sides)),
      set(left, get(wide)),
      whileHolds(
        get(left),
        callAt(
          placeOf('keep'),
          ...[head, side, depth, depth].map(get),
          i32.sub(i32.and(get(left), i32.const(1)), i32.const(1)),
          get(apart),
        ),
        step(head, HEAD.bytes),
        set(side, i32.add(get(side), get(sideBytes))),
        step(left, -1),
      ),
      callAt(
        placeOf('sortSides'),
        ...[
          get(heads),
          i32.const(HEAD.bytes),
          get(sides),
          get(sideBytes),
          get(wide),
          get(apart),
          get(scratch),
        ],
      ),
      set(heads, get(head)),
      set(sides, get(side)),
      step(units, -UNITS),
    ),
  ],
);
