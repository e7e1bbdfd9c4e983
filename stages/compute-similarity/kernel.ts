import type { Code } from '../../common/wasm/code.ts';
import { get, set, step, whileHolds } from '../../common/wasm/control.ts';
import { assemble, named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { f64x2, v128 } from '../../common/wasm/vectors.ts';

/** Dimensions that the kernels take at a time; embeddings are filled up with zeros to a multiple of it. */
export const STEP = 8;
/** Bytes of so many floats, and of as many f64x2. */
const [FLOATS, DOUBLES] = [4 * STEP, 8 * STEP];

/**
 * Both kernels add to the dot products of consecutive tasks what the dimensions of one panel give. All arguments are bytes:
 * addresses in the shared memory, or lengths.
 *
 * `task`: the first task: a row of the panel for q⁺, one for q⁻, K for E⁺, K for E⁻ (int32); `end`: behind the last one.
 * `dots` of the first task: q⁺·ē⁺, q⁺·ē⁻, q⁻·ē⁺, q⁻·ē⁻ (float64), where ē = Σ weight · e over E.
 * `panel`: rows of float32. `weights`: one for each row (float64). `sideBytes`: 4 K.
 */
const ARGUMENTS = ['task', 'end', 'dots', 'panel', 'weights', 'sideBytes'] as const;
const WORDS = ['next', 'stop', 'row', 'at', 'queryPlus', 'queryMinus'] as const;
const PLUS = ['plus0', 'plus1', 'plus2', 'plus3'] as const;
const MINUS = ['minus0', 'minus1', 'minus2', 'minus3'] as const;
const VECTORS = ['sumPlus', 'sumMinus', 'even', 'odd', 'query', 'weight', ...PLUS, ...MINUS] as const;
type Locals = Readonly<Record<(typeof ARGUMENTS | typeof WORDS | typeof VECTORS)[number], number>>;

/** Two floats, as f64x2. */
const two = (address: Code, pair: number): Code => f64x2.promote(v128.loadHalf(address, 8 * pair));

/** How a kernel finds what it needs of an image. */
interface Rows {
  /** Address of the floats of an image, by its row. */
  floats(row: Code): Code;
  /** Makes ready to take the weighted values of the image whose row stands at `next`, then takes a pair of them. */
  open: readonly Code[];
  pair(pair: number): Code;
}

/** What `STEP` dimensions give for one task: `next` is then behind it. */
function added(l: Locals, rows: Rows): Code[] {
  const { task, next, stop, sideBytes, queryPlus, queryMinus, sumPlus, sumMinus, even, odd, query } = l;
  const [plus, minus] = [PLUS.map((name) => l[name]), MINUS.map((name) => l[name])];
  const mean = (sums: readonly number[]): Code[] => [
    set(stop, i32.add(get(next), get(sideBytes))),
    ...rows.open,
    ...sums.map((sum, i) => set(sum, rows.pair(i))),
    step(next, 4),
    whileHolds(
      i32.lessThan(get(next), get(stop)),
      ...rows.open,
      ...sums.map((sum, i) => set(sum, f64x2.add(get(sum), rows.pair(i)))),
      step(next, 4),
    ),
  ];
  /** Adds q · ē of two dimensions to both sides' sums; `even` and `odd` hold (ē⁺, ē⁻) of one dimension each. */
  const product = (sums: number, address: number, pair: number): Code[] => [
    set(query, two(get(address), pair)),
    set(sums, f64x2.add(get(sums), f64x2.mul(f64x2.pick(get(query), 0, get(query), 0), get(even)))),
    set(sums, f64x2.add(get(sums), f64x2.mul(f64x2.pick(get(query), 1, get(query), 1), get(odd)))),
  ];
  return [
    set(queryPlus, rows.floats(i32.load(get(task)))),
    set(queryMinus, rows.floats(i32.load(get(task), 4))),
    set(next, i32.add(get(task), i32.const(8))),
    ...mean(plus),
    ...mean(minus),
    ...plus.flatMap((_, i) => [
      set(even, f64x2.pick(get(plus[i]!), 0, get(minus[i]!), 0)),
      set(odd, f64x2.pick(get(plus[i]!), 1, get(minus[i]!), 1)),
      ...product(sumPlus, queryPlus, i),
      ...product(sumMinus, queryMinus, i),
    ]),
  ];
}

/** Goes over the tasks; `body` leaves `next` behind a task. */
function tasks({ task, end, dots, sumPlus, sumMinus, next }: Locals, ...body: Code[]): Code {
  return whileHolds(
    i32.lessThan(get(task), get(end)),
    set(sumPlus, v128.load(get(dots))),
    set(sumMinus, v128.load(get(dots), 16)),
    ...body,
    v128.store(get(dots), get(sumPlus)),
    v128.store(get(dots), get(sumMinus), 16),
    step(dots, 32),
    set(task, get(next)),
  );
}

/**
 * For rows that are many: wherever they lie, all their dimensions in the panel are taken at once. `rowBytes` is the length of
 * a row, that of `STEP` floats or a multiple of it.
 */
const addFar = named([...ARGUMENTS, 'rowBytes'], { i32: WORDS, v128: VECTORS }, (l) => {
  const { panel, rowBytes, weights, next, row, at, weight } = l;
  const floats = (number: Code) => i32.add(get(at), i32.mul(number, get(rowBytes)));
  const open = [
    set(row, i32.load(get(next))),
    set(weight, v128.loadTwice(i32.add(get(weights), i32.shiftLeft(get(row), i32.const(3))))),
    set(row, floats(get(row))),
  ];
  const pair = (i: number) => f64x2.mul(get(weight), two(get(row), i));
  return [
    tasks(
      l,
      set(at, get(panel)),
      whileHolds(
        i32.lessThan(get(at), i32.add(get(panel), get(rowBytes))),
        ...added(l, { floats, open, pair }),
        step(at, FLOATS),
      ),
    ),
  ];
});

/**
 * For rows that are few: first weighs the panel's rows, of `STEP` floats each, up to `panelEnd`; from `near`, where they then
 * lie as doubles, each is taken many times while it is in the processor's cache.
 */
const addNear = named([...ARGUMENTS, 'panelEnd', 'near'], { i32: WORDS, v128: VECTORS }, (l) => {
  const { panel, panelEnd, near, weights, next, row, at, weight } = l;
  const floats = (number: Code) => i32.add(get(panel), i32.mul(number, i32.const(FLOATS)));
  const open = [set(row, i32.add(get(near), i32.mul(i32.load(get(next)), i32.const(DOUBLES))))];
  return [
    set(at, get(panel)),
    set(row, get(near)),
    set(next, get(weights)),
    whileHolds(
      i32.lessThan(get(at), get(panelEnd)),
      set(weight, v128.loadTwice(get(next))),
      ...PLUS.map((_, i) => v128.store(get(row), f64x2.mul(get(weight), two(get(at), i)), 16 * i)),
      step(at, FLOATS),
      step(row, DOUBLES),
      step(next, 8),
    ),
    tasks(l, ...added(l, { floats, open, pair: (i) => v128.load(get(row), 16 * i) })),
  ];
});

/** Copies an embedding, `from` to `end`, into the panels: to its row in the first one, `to`, then in those behind. */
const put = named(['from', 'end', 'to', 'rowBytes', 'panelBytes'], { i32: ['stop', 'at'] }, (l) => {
  const { from, end, to, rowBytes, panelBytes, stop, at } = l;
  return [
    whileHolds(
      i32.lessThan(get(from), get(end)),
      set(stop, i32.add(get(from), get(rowBytes))),
      set(at, get(to)),
      whileHolds(
        i32.lessThan(get(from), get(stop)),
        v128.store(get(at), v128.load(get(from))),
        v128.store(get(at), v128.load(get(from), 16), 16),
        step(from, FLOATS),
        step(at, FLOATS),
      ),
      set(to, i32.add(get(to), get(panelBytes))),
    ),
  ];
});

/**
 * The kernels as a WebAssembly module. Those that add take two dimensions at a time for ē, and both sides at a time for the dot products, so
 * that every sum runs in the order of the references, then of the dimensions, each step rounded to float64: the results are
 * those of the plain loops, bit for bit, wherever the panels are cut.
 */
export const kernels = (): Uint8Array<ArrayBuffer> => assemble({ put, addFar, addNear });
