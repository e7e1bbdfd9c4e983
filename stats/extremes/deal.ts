import type { Code } from '../../common/wasm/code.ts';
import { callAt, either, get, repeatWhile, set, step, when, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32, i64 } from '../../common/wasm/scalars.ts';
import { i32x4, v128 } from '../../common/wasm/vectors.ts';
import { MIXED } from '../random.ts';
import { placeOf } from './places.ts';

const rotateLeft = (word: number, by: number) => i32.rotateLeft(get(word), i32.const(by));

/**
 * Shuffles numbers as `Stream.shuffle` does from a state: at most as many draws as there are numbers, but for those that
 * would make some results likelier.
 *
 * @param values `count` numbers, which are lost
 * @param state four words
 * @param to where the first of the shuffled numbers is written; the next ones are `stride` bytes apart
 */
export const shuffle = named(
  ['values', 'count', 'state', 'to', 'stride'],
  { i32: ['a', 'b', 'c', 'd', 'shifted', 'low', 'other', 'last'], i64: ['product'] },
  (l) => {
    const { values, count, state, to, stride, a, b, c, d, shifted, low, other, last, product } = l;
    const xor = (word: number, by: number) => set(word, i32.xor(get(word), get(by)));
    const draw: Code[] = [
      set(low, i32.mul(get(b), i32.const(5))),
      set(low, i32.mul(rotateLeft(low, 7), i32.const(9))),
      set(shifted, i32.shiftLeft(get(b), i32.const(9))),
      xor(c, a),
      xor(d, b),
      xor(b, c),
      xor(a, d),
      xor(c, shifted),
      set(d, rotateLeft(d, 11)),
    ];
    const place = (of: Code) => i32.add(get(values), i32.shiftLeft(of, i32.const(2)));
    const unfair = i32.remainder(i32.sub(i32.const(0), get(count)), get(count));
    return [
      ...[a, b, c, d].map((word, i) => set(word, i32.load(get(state), 4 * i))),
      // The one state that the generator never leaves.
      when(i32.isZero(i32.or(i32.or(get(a), get(b)), i32.or(get(c), get(d)))), set(d, i32.const(1))),
      set(to, i32.add(get(to), i32.mul(get(stride), i32.sub(get(count), i32.const(1))))),
      whileHolds(
        i32.lessSigned(i32.const(1), get(count)),
        ...draw,
        set(product, i64.mul(i64.extend(get(low)), i64.extend(get(count)))),
        set(low, i64.wrap(get(product))),
        either(
          i32.lessThan(get(low), get(count)),
          [set(low, i32.lessThan(get(low), unfair))],
          [set(low, i32.const(0))],
        ),
        when(
          i32.isZero(get(low)),
          set(other, place(i64.wrap(i64.shiftRight(get(product), i64.const(32))))),
          step(count, -1),
          set(last, i32.load(place(get(count)))),
          i32.store(get(to), i32.load(get(other))),
          i32.store(get(other), get(last)),
          set(to, i32.sub(get(to), get(stride))),
        ),
      ),
      i32.store(get(to), i32.load(get(values))),
    ];
  },
);

/** fmix32 of MurmurHash3, of a word or of each of four. */
const FINAL = [
  [16, MIXED.factors[0]],
  [13, MIXED.factors[1]],
] as const;
const final = (word: number): Code[] => [
  ...FINAL.map(([by, factor]) =>
    set(word, i32.mul(i32.xor(get(word), i32.shiftRight(get(word), i32.const(by))), i32.const(factor | 0))),
  ),
  set(word, i32.xor(get(word), i32.shiftRight(get(word), i32.const(16)))),
];
const finalOfFour = (words: number): Code[] => [
  ...FINAL.map(([by, factor]) =>
    set(
      words,
      i32x4.mul(v128.xor(get(words), i32x4.shiftRight(get(words), by)), i32x4.splat(i32.const(factor | 0))),
    ),
  ),
  set(words, v128.xor(get(words), i32x4.shiftRight(get(words), 16))),
];

/**
 * Deals the images of both sides of `units` adjoining units of a layer out to tasks: the first `tasks` · `bins` ranks are cut
 * into bins, and each bin is shuffled, as are the queries, from the stream at the point (unit, side, bin); see `Dealing`.
 *
 * @param key of the streams: four words
 * @param unit number of the first unit in its layer
 * @param firsts image numbers of the first ranks of its high side; those of the next side are `firstBytes` behind
 * @param queries the same of the ranks that are queries
 * @param queriesTo [units × tasks] of the high sides; those of the low ones are `queriesApart` bytes behind
 * @param referencesTo [units × tasks × bins], as well
 * @param scratch room for `tasks` + 4 numbers
 */
export const deal = named(
  [
    ...['key', 'unit', 'units', 'firsts', 'firstBytes', 'queries', 'queryBytes', 'tasks', 'bins'],
    ...['queriesTo', 'queriesApart', 'referencesTo', 'referencesApart', 'scratch'],
  ] as const,
  { i32: ['side', 'bin', 'word', 'from', 'end', 'at', 'to', 'stride'], v128: ['own', 'state'] },
  (l) => {
    const { key, unit, units, firsts, firstBytes, queries, queryBytes, tasks, bins } = l;
    const { queriesTo, queriesApart, referencesTo, referencesApart, scratch } = l;
    const { side, bin, word, from, end, at, to, stride, own, state } = l;
    const bytes = i32.shiftLeft(get(tasks), i32.const(2));
    /** One more coordinate of the point, mixed in. */
    const mix = (words: number, value: Code): Code[] => [
      set(word, i32.add(value, i32.const(MIXED.value | 0))),
      ...final(word),
      set(words, v128.xor(get(words), i32x4.splat(get(word)))),
      ...finalOfFour(words),
      set(words, i32x4.add(get(words), i32x4.splat(i32.const(MIXED.word)))),
    ];
    const advance = (local: number, by: number) => set(local, i32.add(get(local), get(by)));
    return [
      whileHolds(
        get(units),
        set(side, i32.const(0)),
        repeatWhile(
          i32.lessThan(get(side), i32.const(2)),
          set(own, v128.load(get(key))),
          ...mix(own, get(unit)),
          ...mix(own, get(side)),
          set(bin, i32.const(0)),
          set(from, get(firsts)),
          set(to, i32.add(get(referencesTo), i32.mul(get(side), get(referencesApart)))),
          set(stride, i32.shiftLeft(get(bins), i32.const(2))),
          repeatWhile(
            i32.atMost(get(bin), get(bins)),
            when(
              i32.equal(get(bin), get(bins)),
              set(from, get(queries)),
              set(to, i32.add(get(queriesTo), i32.mul(get(side), get(queriesApart)))),
              set(stride, i32.const(4)),
            ),
            set(state, get(own)),
            // The queries have a number that no bin can have.
            ...mix(state, i32.select(i32.equal(get(bin), get(bins)), i32.const(-1), get(bin))),
            v128.store(get(scratch), get(state)),
            set(at, i32.add(get(scratch), i32.const(16))),
            set(end, i32.add(get(from), bytes)),
            repeatWhile(
              i32.lessThan(get(from), get(end)),
              v128.store(get(at), v128.load(get(from))),
              step(at, 16),
              step(from, 16),
            ),
            set(from, get(end)),
            callAt(
              placeOf('shuffle'),
              ...[i32.add(get(scratch), i32.const(16)), get(tasks), get(scratch), get(to), get(stride)],
            ),
            step(to, 4),
            step(bin, 1),
          ),
          advance(firsts, firstBytes),
          advance(queries, queryBytes),
          step(side, 1),
        ),
        set(queriesTo, i32.add(get(queriesTo), bytes)),
        set(referencesTo, i32.add(get(referencesTo), i32.mul(bytes, get(bins)))),
        step(unit, 1),
        step(units, -1),
      ),
    ];
  },
);
