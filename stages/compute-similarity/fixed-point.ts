import type { Code } from '../../common/wasm/code.ts';
import { get, repeatWhile, set, step, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { f64, i32 } from '../../common/wasm/scalars.ts';
import { f64x2, i32x4, i64x2, v128 } from '../../common/wasm/vectors.ts';
import { bringNear, eachTask, LISTED } from './listed.ts';

/**
 * Dot products with sums of embeddings over fixed-point numbers. In a panel of some dimensions of all images every weighted
 * value becomes an integer of 32 bits, as many quanta as come nearest; sums and products of integers are exact, so that this
 * rounding is all that is lost. Four lanes are added at a time, and a row of a panel is half as long as with doubles.
 */

/** Dimensions of a panel, so that a row fills a line of the processor's caches. */
export const WIDTH = 16;
const PAIRS = Array.from({ length: WIDTH / 2 }, (_, i) => i);
const QUADS = Array.from({ length: WIDTH / 4 }, (_, i) => i);
/** Bytes of a row, as floats and as fixed-point numbers alike. */
const ROW = 4 * WIDTH;

/** The largest integer for a value, so that K of them add up in 32 bits and the products of a panel in 64. */
export const mostQuanta = (references: number): number =>
  Math.floor(Math.min((2 ** 31 - references) / references, Math.sqrt(2 ** 62 / (WIDTH * references))));

/** More than nothing, so that a panel of zeros has a quantum too. */
const LEAST = 1e-290;

/** 2³¹ in both lanes of 64 bits. */
const HALF = v128.const([0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x80, 0, 0, 0, 0]);
/**
 * Rounds a panel: rows of `WIDTH` floats from `panel` to `end`, with a weight each (float64), become rows of integers at `to`.
 * At `quantum` is then what 1 stands for (float64): the largest weighted value over `most`.
 */
export const round = named(
  ['panel', 'end', 'weights', 'to', 'quantum', 'most'],
  { i32: ['at', 'next'], v128: ['weight', 'largest', 'scale'] },
  ({ panel, end, weights, to, quantum, most, at, next, weight, largest, scale }) => {
    const two = (pair: number) => f64x2.promote(v128.loadHalf(get(at), 8 * pair));
    const integers = (pair: number) => f64x2.truncate(f64x2.nearest(f64x2.mul(get(weight), two(pair))));
    const rows = (...body: Code[]): Code[] => [
      set(at, get(panel)),
      set(next, get(weights)),
      repeatWhile(
        i32.lessThan(get(at), get(end)),
        set(weight, v128.loadTwice(get(next))),
        ...body,
        step(at, ROW),
        step(next, 8),
      ),
    ];
    return [
      set(largest, f64x2.const(LEAST)),
      ...rows(
        ...PAIRS.map((i) =>
          set(largest, f64x2.greater(get(largest), f64x2.abs(f64x2.mul(get(weight), two(i))))),
        ),
      ),
      set(largest, f64x2.greater(get(largest), f64x2.pick(get(largest), 1, get(largest), 0))),
      set(scale, f64x2.splat(f64.of32(get(most)))),
      i64x2.storeLane(get(quantum), f64x2.div(get(largest), get(scale)), 0),
      set(scale, f64x2.div(get(scale), get(largest))),
      ...rows(
        set(weight, f64x2.mul(get(weight), get(scale))),
        ...QUADS.map((i) =>
          v128.store(get(to), i64x2.interleaveLow(integers(2 * i), integers(2 * i + 1)), 16 * i),
        ),
        step(to, ROW),
      ),
    ];
  },
);

const SUMS = ['sum0', 'sum1', 'sum2', 'sum3'] as const;
const DOTS = ['plusPlus', 'plusMinus', 'minusPlus', 'minusMinus'] as const;
const ARGUMENTS = [...LISTED, 'panel', 'panelEnd', 'quantum'] as const;
const WORDS = ['next', 'stop', 'row', 'queryPlus', 'queryMinus'] as const;
const VECTORS = [...SUMS, ...DOTS, 'query', 'area', 'whole', 'left'] as const;
type Locals = Readonly<Record<(typeof ARGUMENTS | typeof WORDS | typeof VECTORS)[number], number>>;

const rowAt = ({ panel }: Locals, address: Code): Code =>
  i32.add(get(panel), i32.shiftLeft(i32.load(address), i32.const(Math.log2(ROW))));

/** Adds up the K rows that are listed at `next`. */
function summed(l: Locals): Code[] {
  const { next, stop, row, sideBytes } = l;
  const take = (of: (sum: number, values: Code) => Code): Code[] => [
    set(row, rowAt(l, get(next))),
    ...SUMS.map((name, i) => set(l[name], of(l[name], v128.load(get(row), 16 * i)))),
    step(next, 4),
  ];
  return [
    set(stop, i32.add(get(next), get(sideBytes))),
    ...take((_, values) => values),
    whileHolds(i32.lessThan(get(next), get(stop)), ...take((sum, values) => i32x4.add(get(sum), values))),
  ];
}

/**
 * The two integers of 64 bits in `whole` as doubles, rounded: h · 2³² + l, where l is their lower half as an integer with a sign and h
 * the upper half of `whole` + 2³¹.
 */
function doubles({ whole, left }: Locals): Code[] {
  const half = (of: number, lane: 0 | 1) =>
    f64x2.of32(i32x4.pick(get(of), get(of), [lane, 2 + lane, lane, 2 + lane]));
  return [
    set(left, i64x2.add(get(whole), HALF)),
    set(whole, f64x2.add(f64x2.mul(half(left, 1), f64x2.const(2 ** 32)), half(whole, 0))),
  ];
}

/** The product of a query's row with the sums. */
function multiplied(l: Locals, row: number, dot: number): Code[] {
  const add = (times: typeof i64x2.productsLow, sum: number) =>
    set(dot, i64x2.add(get(dot), times(get(l.query), get(sum))));
  return [
    set(dot, v128.zero()),
    ...SUMS.flatMap((name, i) => [
      set(l.query, v128.load(get(row), 16 * i)),
      add(i64x2.productsLow, l[name]),
      add(i64x2.productsHigh, l[name]),
    ]),
  ];
}

/**
 * Adds to the dot products of listed tasks what one panel gives, as `addExact` does but for the rounding, and with the
 * queries weighted too. The panel's rows are those that `round` made, from `panel` to `panelEnd`; `quantum` is the address of
 * what it found.
 */
export const addRounded = named(ARGUMENTS, { i32: WORDS, v128: VECTORS }, (l) => {
  const { task, queries, references, sides, dots, panel, panelEnd, quantum } = l;
  const { next, row, queryPlus, queryMinus, query, area, whole } = l;
  /** Adds two products to their sums in memory. */
  const add = (offset: number, first: number, second: number): Code[] => [
    set(
      whole,
      i64x2.add(f64x2.pick(get(first), 0, get(second), 0), f64x2.pick(get(first), 1, get(second), 1)),
    ),
    ...doubles(l),
    v128.store(get(dots), f64x2.add(v128.load(get(dots), offset), f64x2.mul(get(area), get(whole))), offset),
  ];
  return [
    set(row, get(panel)),
    bringNear(row, panelEnd, query),
    set(area, v128.loadTwice(get(quantum))),
    set(area, f64x2.mul(get(area), get(area))),
    eachTask(
      l,
      set(queryPlus, rowAt(l, get(task))),
      set(queryMinus, rowAt(l, i32.add(get(task), get(queries)))),
      set(next, get(references)),
      ...summed(l),
      ...multiplied(l, queryPlus, l.plusPlus),
      ...multiplied(l, queryMinus, l.minusPlus),
      set(next, i32.add(get(references), get(sides))),
      ...summed(l),
      ...multiplied(l, queryPlus, l.plusMinus),
      ...multiplied(l, queryMinus, l.minusMinus),
      ...add(0, l.plusPlus, l.plusMinus),
      ...add(16, l.minusPlus, l.minusMinus),
    ),
  ];
});
