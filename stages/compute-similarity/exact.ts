import type { Code } from '../../common/wasm/code.ts';
import { get, set, step, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { f64x2, v128 } from '../../common/wasm/vectors.ts';
import { bringNear, eachTask, LISTED } from './listed.ts';

/** Dimensions that `addExact` takes at a time; embeddings are filled up with zeros to a multiple of it. */
export const STEP = 8;
/** Bytes of so many floats. */
const FLOATS = 4 * STEP;

const ARGUMENTS = [...LISTED, 'panel', 'panelEnd', 'weights', 'rowBytes'] as const;
const WORDS = ['next', 'stop', 'row', 'at', 'queryPlus', 'queryMinus'] as const;
const PLUS = ['plus0', 'plus1', 'plus2', 'plus3'] as const;
const MINUS = ['minus0', 'minus1', 'minus2', 'minus3'] as const;
const VECTORS = ['sumPlus', 'sumMinus', 'even', 'odd', 'query', 'weight', ...PLUS, ...MINUS] as const;
type Locals = Readonly<Record<(typeof ARGUMENTS | typeof WORDS | typeof VECTORS)[number], number>>;

/** Two floats, as f64x2. */
const two = (address: Code, pair: number): Code => f64x2.promote(v128.loadHalf(address, 8 * pair));

/** ē in `STEP` dimensions, of the K rows that are listed at `next`, which is then behind them. */
function mean({ at, next, stop, row, weight, weights, rowBytes, sideBytes }: Locals, sums: number[]): Code[] {
  const take = (of: (sum: number, values: Code) => Code): Code[] => [
    set(row, i32.load(get(next))),
    set(weight, v128.loadTwice(i32.add(get(weights), i32.shiftLeft(get(row), i32.const(3))))),
    set(row, i32.add(get(at), i32.mul(get(row), get(rowBytes)))),
    ...sums.map((sum, i) => set(sum, of(sum, f64x2.mul(get(weight), two(get(row), i))))),
    step(next, 4),
  ];
  return [
    set(stop, i32.add(get(next), get(sideBytes))),
    ...take((_, values) => values),
    whileHolds(i32.lessThan(get(next), get(stop)), ...take((sum, values) => f64x2.add(get(sum), values))),
  ];
}

/** What `STEP` dimensions give for one task. */
function added(l: Locals): Code[] {
  const { task, at, next, queries, references, sides, rowBytes, queryPlus, queryMinus } = l;
  const { sumPlus, sumMinus, even, odd, query } = l;
  const [plus, minus] = [PLUS.map((name) => l[name]), MINUS.map((name) => l[name])];
  const rowAt = (address: Code) => i32.add(get(at), i32.mul(i32.load(address), get(rowBytes)));
  /** Adds q · ē of two dimensions to both sides' sums; `even` and `odd` hold (ē⁺, ē⁻) of one dimension each. */
  const product = (sums: number, address: number, pair: number): Code[] => [
    set(query, two(get(address), pair)),
    set(sums, f64x2.add(get(sums), f64x2.mul(f64x2.pick(get(query), 0, get(query), 0), get(even)))),
    set(sums, f64x2.add(get(sums), f64x2.mul(f64x2.pick(get(query), 1, get(query), 1), get(odd)))),
  ];
  return [
    set(queryPlus, rowAt(get(task))),
    set(queryMinus, rowAt(i32.add(get(task), get(queries)))),
    set(next, get(references)),
    ...mean(l, plus),
    set(next, i32.add(get(references), get(sides))),
    ...mean(l, minus),
    ...plus.flatMap((_, i) => [
      set(even, f64x2.pick(get(plus[i]!), 0, get(minus[i]!), 0)),
      set(odd, f64x2.pick(get(plus[i]!), 1, get(minus[i]!), 1)),
      ...product(sumPlus, queryPlus, i),
      ...product(sumMinus, queryMinus, i),
    ]),
  ];
}

/**
 * Adds to the dot products of listed tasks what the dimensions of one panel give, where ē = Σ weight · e over E: rows of
 * float32 from `panel` on, `rowBytes` each, that of `STEP` floats or a multiple; `weights`: one for each row (float64). The panel
 * is first brought near up to `panelEnd`, 0 for not at all.
 *
 * It takes two dimensions at a time for ē, and both sides at a time for the dot products, so that every sum runs in the order of the
 * references, then of the dimensions, each step rounded to float64: the results are those of the plain loops, bit for bit,
 * wherever the panels are cut.
 */
export const addExact = named(ARGUMENTS, { i32: WORDS, v128: VECTORS }, (l) => {
  const { dots, panel, panelEnd, rowBytes, sumPlus, sumMinus, at, query } = l;
  return [
    set(at, get(panel)),
    bringNear(at, panelEnd, query),
    eachTask(
      l,
      set(sumPlus, v128.load(get(dots))),
      set(sumMinus, v128.load(get(dots), 16)),
      set(at, get(panel)),
      whileHolds(i32.lessThan(get(at), i32.add(get(panel), get(rowBytes))), ...added(l), step(at, FLOATS)),
      v128.store(get(dots), get(sumPlus)),
      v128.store(get(dots), get(sumMinus), 16),
    ),
  ];
});
