import type { Code } from '../../common/wasm/code.ts';
import { get, set, step, when, whileHolds } from '../../common/wasm/control.ts';
import { type Kernel, named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { f64x2, i64x2, v128 } from '../../common/wasm/vectors.ts';

/** Bytes that are copied at a time. */
export const COPIED = 32;

/**
 * Copies embeddings of `dimensions` floats, as they stand in a file, into panels. Their rows stand from `list` to `end` (int32,
 * −1: to be left out), their values behind one another from `values` on. Taken are the bytes `from` to `to` of an embedding (`to` may
 * be up to `COPIED` − 1 behind its end): to its row in the first panel, then in those behind. The last `blank` bytes of its row in the
 * last panel, whose first row stands at `last`, become 0. Where `squares` isn't 0, ‖e‖² goes there, by rows (float64): the sum in the
 * order of the dimensions.
 */
export const putting = (dimensions: number): Kernel =>
  named(
    ['list', 'end', 'values', 'from', 'to', 'panel', 'last', 'rowBytes', 'panelBytes', 'blank', 'squares'],
    { i32: ['row', 'at', 'next', 'stop', 'stopAll'], v128: ['sum', 'square'] },
    (l) => {
      const { list, end, values, from, to, panel, last, rowBytes, panelBytes, blank, squares } = l;
      const { row, at, next, stop, stopAll, sum, square } = l;
      const rowIn = (start: number): Code => i32.add(get(start), i32.mul(get(row), get(rowBytes)));
      const copied = [
        set(next, i32.add(get(values), get(from))),
        set(stopAll, i32.add(get(values), get(to))),
        set(at, rowIn(panel)),
        whileHolds(
          i32.lessThan(get(next), get(stopAll)),
          set(stop, i32.add(get(next), get(rowBytes))),
          set(stop, i32.select(i32.lessThan(get(stopAll), get(stop)), get(stopAll), get(stop))),
          set(at, i32.sub(get(at), get(next))),
          whileHolds(
            i32.lessThan(get(next), get(stop)),
            v128.store(i32.add(get(at), get(next)), v128.load(get(next))),
            v128.store(i32.add(get(at), get(next)), v128.load(get(next), 16), 16),
            step(next, COPIED),
          ),
          set(at, i32.add(i32.add(get(at), get(stop)), i32.sub(get(panelBytes), get(rowBytes)))),
        ),
      ];
      const blanked = [
        set(stop, i32.add(rowIn(last), get(rowBytes))),
        set(next, i32.sub(get(stop), get(blank))),
        whileHolds(i32.lessThan(get(next), get(stop)), i32.store(get(next), i32.const(0)), step(next, 4)),
      ];
      const add = (term: Code) => set(sum, f64x2.add(get(sum), term));
      const squared = [
        set(next, get(values)),
        set(stop, i32.add(get(values), i32.const(8 * Math.floor(dimensions / 2)))),
        set(sum, v128.zero()),
        // The lower half is the sum.
        whileHolds(
          i32.lessThan(get(next), get(stop)),
          set(square, f64x2.promote(v128.loadHalf(get(next)))),
          set(square, f64x2.mul(get(square), get(square))),
          add(get(square)),
          add(f64x2.pick(get(square), 1, get(square), 0)),
          step(next, 8),
        ),
        ...(dimensions % 2 === 0
          ? []
          : [
              set(square, f64x2.promote(v128.loadQuarter(get(next)))),
              add(f64x2.mul(get(square), get(square))),
            ]),
        i64x2.storeLane(i32.add(get(squares), i32.shiftLeft(get(row), i32.const(3))), get(sum), 0),
      ];
      return [
        whileHolds(
          i32.lessThan(get(list), get(end)),
          set(row, i32.load(get(list))),
          when(
            i32.lessSigned(i32.const(-1), get(row)),
            ...copied,
            ...blanked,
            when(get(squares), ...squared),
          ),
          set(values, i32.add(get(values), i32.const(4 * dimensions))),
          step(list, 4),
        ),
      ];
    },
  );
