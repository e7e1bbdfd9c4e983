import type { Code } from '../../common/wasm/code.ts';
import { get, repeatWhile, set, step, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { f32x4, f64x2, i32x4, v128 } from '../../common/wasm/vectors.ts';
import { ROWS } from './places.ts';

const FIRST = ['sum', 'sumRest', 'squares', 'squaresRest'] as const;
const SECOND = ['sum2', 'sumRest2', 'squares2', 'squaresRest2'] as const;

/**
 * Adds the activations of four units in `rows` rows to their sums, in the order of the rows: Σx and Σx², each as a pair, see
 * `addSums`; the square of a float32 is exact.
 *
 * @param values of the first row; rows are `rowBytes` apart
 * @param sums Σx of the units (float64); what was rounded off it, Σx², and what was rounded off that stand `sumBytes` apart
 */
export const moments = named(
  ['values', 'rowBytes', 'rows', 'sums', 'sumBytes'],
  {
    i32: ['at'],
    v128: [...FIRST, ...SECOND, 'value', 'next', 'part', 'square'],
  },
  (l) => {
    const { values, rowBytes, rows, sums, sumBytes, at, value, next, part, square } = l;
    const pairs = [FIRST, SECOND].map((names) => names.map((name) => l[name]));
    const each = (todo: (local: number, offset: number) => Code): Code[] => [
      set(at, get(sums)),
      ...FIRST.flatMap((_, part) => [
        ...pairs.map((pair, i) => todo(pair[part]!, 16 * i)),
        set(at, i32.add(get(at), get(sumBytes))),
      ]),
    ];
    const sub = f64x2.sub;
    const add = (pair: number): Code[] => {
      const [sum, sumRest, squares, squaresRest] = pairs[pair] as [number, number, number, number];
      return [
        set(value, f64x2.promote(v128.loadHalf(get(values), 8 * pair))),
        // a + b, rounded, and what was rounded off [Knuth, TAOCP 2, 4.2.2].
        set(next, f64x2.add(get(sum), get(value))),
        set(part, sub(get(next), get(sum))),
        set(
          sumRest,
          f64x2.add(
            get(sumRest),
            f64x2.add(sub(get(sum), sub(get(next), get(part))), sub(get(value), get(part))),
          ),
        ),
        set(sum, get(next)),
        // The same, of a larger and a smaller one.
        set(square, f64x2.mul(get(value), get(value))),
        set(next, f64x2.add(get(squares), get(square))),
        set(
          squaresRest,
          f64x2.add(
            get(squaresRest),
            sub(
              f64x2.lesser(get(squares), get(square)),
              sub(get(next), f64x2.greater(get(squares), get(square))),
            ),
          ),
        ),
        set(squares, get(next)),
      ];
    };
    return [
      ...each((local, offset) => set(local, v128.load(get(at), offset))),
      repeatWhile(
        get(rows),
        ...add(0),
        ...add(1),
        set(values, i32.add(get(values), get(rowBytes))),
        step(rows, -1),
      ),
      ...each((local, offset) => v128.store(get(at), get(local), offset)),
    ];
  },
);

/**
 * Turns the activations of four units in `rows` rows to columns of a tile, as integers that order as they do: −0 and 0 have
 * the same one. Reads up to three rows more.
 */
export const turn = named(
  ['values', 'rowBytes', 'rows', 'tile'],
  { i32: [], v128: ['a', 'b', 'c', 'd', 'low', 'high'] },
  ({ values, rowBytes, rows, tile, a, b, c, d, low, high }) => {
    const row = (local: number): Code[] => [
      set(local, f32x4.add(v128.load(get(values)), v128.zero())), // −0 becomes 0
      set(
        local,
        v128.xor(get(local), i32x4.shiftRight(i32x4.shiftRightSigned(get(local), 31), 1)), // negative ones fall
      ),
      set(values, i32.add(get(values), get(rowBytes))),
    ];
    const column = (unit: number, value: Code) => v128.store(get(tile), value, 4 * ROWS * unit);
    const firsts = [0, 1, 4, 5] as const;
    const seconds = [2, 3, 6, 7] as const;
    const pairs = (lanes: readonly [number, number, number, number]): Code[] => [
      set(low, i32x4.pick(get(a), get(b), lanes)),
      set(high, i32x4.pick(get(c), get(d), lanes)),
    ];
    return [
      whileHolds(
        i32.lessSigned(i32.const(0), get(rows)),
        ...[a, b, c, d].flatMap(row),
        ...pairs([0, 4, 1, 5]),
        column(0, i32x4.pick(get(low), get(high), firsts)),
        column(1, i32x4.pick(get(low), get(high), seconds)),
        ...pairs([2, 6, 3, 7]),
        column(2, i32x4.pick(get(low), get(high), firsts)),
        column(3, i32x4.pick(get(low), get(high), seconds)),
        step(tile, 16),
        step(rows, -4),
      ),
    ];
  },
);
