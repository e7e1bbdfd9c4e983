import type { Code } from '../../common/wasm/code.ts';
import { callAt, get, set, step, when, whileHolds } from '../../common/wasm/control.ts';
import { assemble, type Kernel, named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import type { Dealer } from '../dealing.ts';
import { bound, narrow } from './between.ts';
import { moments, turn } from './columns.ts';
import { keep } from './keep.ts';
import { exchange, sortSides } from './network.ts';
import { gather, offer } from './offer.ts';
import { finish, sort, sortRun } from './order.ts';
import { FLIPS, GROUP, HEAD, KERNELS, placeOf, ROWS, TILE, UNITS, WINDOW } from './places.ts';
import { pack, unpack } from './words.ts';

/**
 * Takes activations of `units` adjoining units for `rows` images. Addresses are bytes in the shared memory.
 *
 * @param values of the first unit for the first image (float32); those for the next are `rowBytes` behind
 * @param numbers of the images (int32)
 * @param sums see `moments`
 * @param heads of the first unit: of its high side, then of its low one, then of those of the next unit
 * @param sides the values of these, `sideBytes` apart, with `slots` images at most
 * @param depth with `most` and `apart`: see `keep`
 * @param windowHeads those of the windows, or 0 where there are none; `windows` and what follows: as for the sides
 * @param tile room of this call's own
 */
const add = named(
  [
    ...['values', 'rowBytes', 'units', 'rows', 'numbers', 'sums', 'sumBytes', 'heads', 'sides', 'sideBytes'],
    ...['slots', 'depth', 'most', 'apart', 'windowHeads', 'windows', 'windowBytes', 'windowSlots'],
    ...['windowApart', 'tile'],
  ] as const,
  { i32: ['first', 'number', 'left', 'count', 'wide', 'at', 'sum', 'head', 'side', 'column', 'columnEnd'] },
  (l) => {
    const { values, rowBytes, units, rows, numbers, sums, sumBytes, heads, sides, sideBytes } = l;
    const { slots, depth, most, apart, tile } = l;
    const { windowHeads, windows, windowBytes, windowSlots, windowApart } = l;
    const { first, number, left, count, wide, at, sum, head, side, column, columnEnd } = l;
    const lesser = (a: Code, b: Code) => i32.select(i32.lessThan(a, b), a, b);
    const grouped: Code[] = [
      set(at, get(first)),
      set(sum, get(sums)),
      set(column, get(tile)),
      whileHolds(
        i32.lessThan(get(column), get(columnEnd)),
        // First, as it waits for no sums: memory then answers many loads at a time.
        callAt(placeOf('turn'), ...[at, rowBytes, count, column].map(get)),
        callAt(placeOf('moments'), ...[at, rowBytes, count, sum, sumBytes].map(get)),
        step(at, 4 * GROUP),
        step(sum, 8 * GROUP),
        step(column, 4 * ROWS * GROUP),
      ),
    ];
    const offered: Code[] = [
      set(head, get(heads)),
      set(side, get(sides)),
      set(column, get(tile)),
      whileHolds(
        i32.lessThan(get(column), get(columnEnd)),
        ...FLIPS.flatMap((flip) => [
          callAt(
            placeOf('offer'),
            ...[column, number, count, head, side, slots, depth, most].map(get),
            i32.const(flip),
            get(apart),
            i32.add(get(tile), i32.const(TILE)),
          ),
          step(head, HEAD.bytes),
          set(side, i32.add(get(side), get(sideBytes))),
        ]),
        step(column, 4 * ROWS),
      ),
    ];
    const gathered: Code[] = [
      set(head, get(windowHeads)),
      set(side, get(windows)),
      set(column, get(tile)),
      whileHolds(
        i32.lessThan(get(column), get(columnEnd)),
        ...FLIPS.flatMap((flip) => [
          callAt(
            placeOf('gather'),
            ...[column, number, count, head, side, windowSlots].map(get),
            i32.const(flip),
            get(windowApart),
          ),
          step(head, WINDOW.bytes),
          set(side, i32.add(get(side), get(windowBytes))),
        ]),
        step(column, 4 * ROWS),
      ),
    ];
    return [
      whileHolds(
        i32.lessSigned(i32.const(0), get(units)),
        set(wide, lesser(get(units), i32.const(UNITS))),
        set(columnEnd, i32.add(get(tile), i32.mul(get(wide), i32.const(4 * ROWS)))),
        set(first, get(values)),
        set(number, get(numbers)),
        set(left, get(rows)),
        whileHolds(
          get(left),
          set(count, lesser(get(left), i32.const(ROWS))),
          ...grouped,
          ...offered,
          when(get(windowHeads), ...gathered),
          set(first, i32.add(get(first), i32.mul(get(count), get(rowBytes)))),
          step(number, 4 * ROWS),
          set(left, i32.sub(get(left), get(count))),
        ),
        step(values, 4 * UNITS),
        step(sums, 8 * UNITS),
        step(heads, 2 * HEAD.bytes * UNITS),
        set(sides, i32.add(get(sides), i32.mul(get(sideBytes), i32.const(2 * UNITS)))),
        when(get(windowHeads), step(windowHeads, 2 * WINDOW.bytes * UNITS)),
        set(windows, i32.add(get(windows), i32.mul(get(windowBytes), i32.const(2 * UNITS)))),
        step(units, -UNITS),
      ),
    ];
  },
);

const assembled = new Map<Dealer['kernels'] | undefined, Uint8Array<ArrayBuffer>>();

/** The kernels that find extremes, with those that deal, as a WebAssembly module; the same bytes each time: don't write to them. */
export function kernels(dealing?: Dealer['kernels']): Uint8Array<ArrayBuffer> {
  const known = assembled.get(dealing);
  if (known) return known;
  const sorting = { sortRun, sort, pack, exchange, unpack, sortSides };
  const finding = { moments, turn, keep, offer, gather, add, ...sorting, finish, bound, narrow };
  const all: Partial<Record<(typeof KERNELS)[number], Kernel>> = { ...finding, ...dealing };
  const made = assemble(
    Object.fromEntries(KERNELS.flatMap((name) => (all[name] ? [[name, all[name]]] : []))),
  );
  assembled.set(dealing, made);
  return made;
}
