import { assemble, type Code, f64x2, get, i32, repeatWhile, set, v128 } from '../../common/wasm/assembler.ts';

/** Dimensions that the kernel takes at a time; embeddings are filled up with zeros to a multiple of it. */
export const STEP = 8;

/**
 * Adds to the dot products of consecutive tasks what the dimensions of one panel give. All arguments are bytes:
 * addresses in the shared memory, or lengths.
 *
 * @param task the first task: a row of the panel for q⁺, one for q⁻, K for E⁺, K for E⁻ (int32)
 * @param end behind the last task
 * @param dots of the first task: q⁺·ē⁺, q⁺·ē⁻, q⁻·ē⁺, q⁻·ē⁻ (float64), where ē = Σ weight · e over E
 * @param panel rows of float32
 * @param rowBytes length of a row, that of `STEP` floats or a multiple of it
 * @param weights one for each row (float64)
 * @param sideBytes 4 K
 */
export type Add = (
  task: number,
  end: number,
  dots: number,
  panel: number,
  rowBytes: number,
  weights: number,
  sideBytes: number,
) => void;

/**
 * The kernel as a WebAssembly module with the function `add`. It takes two dimensions at a time for ē, and both sides at a time for the dot products, so
 * that every sum runs in the order of the references, then of the dimensions, each step rounded to float64: the results are
 * those of the plain loops, bit for bit, wherever the panels are cut.
 */
export function kernel(): Uint8Array<ArrayBuffer> {
  const [task, end, dots, panel, rowBytes, weights, sideBytes] = [0, 1, 2, 3, 4, 5, 6];
  const [next, at, stop, row, queryPlus, queryMinus] = [7, 8, 9, 10, 11, 12];
  const pairs = STEP / 2;
  const plus = Array.from({ length: pairs }, (_, i) => 13 + i);
  const minus = plus.map((local) => local + pairs);
  const vectors = 13 + 2 * pairs;
  const [weight, sumPlus, sumMinus] = [vectors, vectors + 1, vectors + 2];
  const [even, odd, query] = [vectors + 3, vectors + 4, vectors + 5];

  /** The address of the current dimensions of the row whose number stands at an address. */
  const dimensionsOf = (number: Code) => i32.add(get(at), i32.mul(number, get(rowBytes)));
  /** Two floats, as doubles. */
  const two = (address: number, pair: number) => f64x2.promote(v128.loadHalf(get(address), 8 * pair));

  const mean = (sums: readonly number[]): Code[] => [
    ...sums.map((sum) => set(sum, v128.zero())),
    set(stop, i32.add(get(next), get(sideBytes))),
    repeatWhile(
      i32.lessThan(get(next), get(stop)),
      set(row, i32.load(get(next))),
      set(weight, v128.loadTwice(i32.add(get(weights), i32.mul(get(row), i32.const(8))))),
      set(row, dimensionsOf(get(row))),
      ...sums.map((sum, i) => set(sum, f64x2.add(get(sum), f64x2.mul(get(weight), two(row, i))))),
      set(next, i32.add(get(next), i32.const(4))),
    ),
  ];
  /** Adds q · ē of two dimensions to both sides' sums; `even` and `odd` hold (ē⁺, ē⁻) of one dimension each. */
  const product = (sums: number, address: number, pair: number): Code[] => [
    set(query, two(address, pair)),
    set(sums, f64x2.add(get(sums), f64x2.mul(f64x2.pick(get(query), 0, get(query), 0), get(even)))),
    set(sums, f64x2.add(get(sums), f64x2.mul(f64x2.pick(get(query), 1, get(query), 1), get(odd)))),
  ];

  const body = repeatWhile(
    i32.lessThan(get(task), get(end)),
    set(sumPlus, v128.load(get(dots))),
    set(sumMinus, v128.load(get(dots), 16)),
    set(at, get(panel)),
    repeatWhile(
      i32.lessThan(get(at), i32.add(get(panel), get(rowBytes))),
      set(queryPlus, dimensionsOf(i32.load(get(task)))),
      set(queryMinus, dimensionsOf(i32.load(get(task), 4))),
      set(next, i32.add(get(task), i32.const(8))),
      ...mean(plus),
      ...mean(minus),
      ...plus.flatMap((_, i) => [
        set(even, f64x2.pick(get(plus[i]!), 0, get(minus[i]!), 0)),
        set(odd, f64x2.pick(get(plus[i]!), 1, get(minus[i]!), 1)),
        ...product(sumPlus, queryPlus, i),
        ...product(sumMinus, queryMinus, i),
      ]),
      set(at, i32.add(get(at), i32.const(4 * STEP))),
    ),
    v128.store(get(dots), get(sumPlus)),
    v128.store(get(dots), get(sumMinus), 16),
    set(dots, i32.add(get(dots), i32.const(32))),
    set(task, get(next)),
  );
  const locals = { i32: 6, v128: 2 * pairs + 6 };
  return assemble({ add: { params: 7, locals, body: [body] } });
}
