import type { Code } from '../common/wasm/code.ts';
import { callAt, get, repeatWhile, set, step, when, whileHolds } from '../common/wasm/control.ts';
import { assemble, named } from '../common/wasm/module.ts';
import { i32 } from '../common/wasm/scalars.ts';
import { f64x2, i32x4, i64x2, v128 } from '../common/wasm/vectors.ts';
import { addPairs, resampleOf, TAILS } from './resample-kernel.ts';

/** Two doubles that are no numbers. */
const NANS = [0, 0, 0, 0, 0, 0, 0xf8, 0x7f, 0, 0, 0, 0, 0, 0, 0xf8, 0x7f];

/** The places of the kernels in their module. */
const PLACES = { addPairs: 0, resample: 1, ranked: 2 };

/**
 * Writes the numbers of two neighbouring ranks, `rank` and the next one, among those of a room; leaves the place of one that isn't
 * there as it is. That of a rank is the largest before which no more stand than the rank tells.
 *
 * @param room numbers (float64) up to `end`, with room for two more
 */
const ranked = named(
  ['room', 'end', 'rank', 'to'],
  { i32: ['at', 'other', 'count'], v128: ['a', 'b', 'beforeA', 'beforeB', 'next', 'found', 'foundNext'] },
  (l) => {
    const { room, end, rank, to, at, other, count, a, b, beforeA, beforeB, next, found, foundNext } = l;
    const least = f64x2.const(Number.NEGATIVE_INFINITY);
    /** Takes a number into account, of which it is known how many stand before it (each as −1). */
    const take = (value: number, before: number): Code[] => [
      set(count, i32.sub(i32.sub(i32.const(0), i64x2.low(get(before), 0)), i64x2.low(get(before), 1))),
      ...[[found, get(rank)] as const, [foundNext, i32.add(get(rank), i32.const(1))] as const].flatMap(
        ([best, rank]) => [
          // No branch: a processor would often guess it wrong.
          set(next, i32x4.splat(i32.sub(i32.const(0), i32.atMost(get(count), rank)))),
          set(next, v128.or(v128.and(get(value), get(next)), v128.andNot(least, get(next)))),
          set(best, f64x2.greater(get(best), get(next))),
        ],
      ),
    ];
    const isRank = (rank: Code) =>
      i32.lessThan(rank, i32.shiftRight(i32.sub(get(end), get(room)), i32.const(3)));
    return [
      // Behind the last one stands one that is neither less nor greater.
      v128.store(get(end), v128.const(NANS)),
      set(found, least),
      set(foundNext, get(found)),
      set(at, get(room)),
      whileHolds(
        i32.lessThan(get(at), get(end)),
        set(a, v128.loadTwice(get(at))),
        set(b, v128.loadTwice(get(at), 8)),
        set(beforeA, v128.zero()),
        set(beforeB, v128.zero()),
        set(other, get(room)),
        repeatWhile(
          i32.lessThan(get(other), get(end)),
          set(next, v128.load(get(other))),
          set(beforeA, i64x2.add(get(beforeA), f64x2.lessThan(get(next), get(a)))),
          set(beforeB, i64x2.add(get(beforeB), f64x2.lessThan(get(next), get(b)))),
          step(other, 16),
        ),
        ...take(a, beforeA),
        ...take(b, beforeB),
        step(at, 16),
      ),
      when(isRank(get(rank)), i64x2.storeLane(get(to), get(found), 0)),
      when(isRank(i32.add(get(rank), i32.const(1))), i64x2.storeLane(get(to), get(foundNext), 0, 8)),
    ];
  },
);

/** Where things stand in the memory of a call, in bytes behind its first one; `TAILS` are at 0. */
export interface Room {
  readonly sums: number;
  readonly values: number;
  readonly table: number;
}

/** How lists are resampled. */
export interface Resampling {
  /** Values of a list, and how many places a resample has, of one value or of two. */
  readonly count: number;
  readonly places: number;
  readonly areInPairs: boolean;
  readonly resamples: number;
  /** Ranks (whole) of the ends of an interval among all sums. */
  readonly low: number;
  readonly high: number;
  readonly room: Room;
}

/** Standard errors from the centre beyond which a few per cent of the means lie, more than an interval leaves out. */
const FAR = 1.5;

/**
 * Finds the sums at the ends of the intervals of lists: for each list the sums of rank `low` and the next one, then those of
 * rank `high` and the next one (float64); no numbers where too few sums lie far from the centre.
 *
 * @param list of the first of `lists` lists (float64), one behind the other; `to` takes what is found
 * @param code the places of the first resample; `end` is behind those of the last one
 * @param own memory of this call's own, see `Room`
 */
const endsOf = ({ count, areInPairs, resamples, low, high, room }: Resampling) =>
  named(
    ['list', 'lists', 'to', 'code', 'end', 'own'],
    {
      i32: ['values', 'from', 'at', 'last', 'second', 'lane', 'start', 'stop'],
      v128: ['value', 'sum', 'squares', 'error'],
    },
    (l) => {
      const { list, lists, to, code, end, own, values, from, at, last, second, lane, start, stop } = l;
      const { value, sum, squares, error } = l;
      const n = f64x2.const(count);
      const behind = (base: number, bytes: number) => i32.add(get(base), i32.const(bytes));
      const roomBytes = roomBytesOf(resamples);
      /** Ends of the rooms of a list; the first one's by how many there are at least, the second one's by what lacks above. */
      const find = (which: number, offset: number, rank: Code): Code[] => [
        set(
          start,
          i32.add(behind(own, TAILS.rooms + 2 * which * roomBytes), i32.mul(get(lane), i32.const(roomBytes))),
        ),
        set(
          stop,
          i32.load(i32.add(get(own), i32.shiftLeft(get(lane), i32.const(2))), TAILS.ends + 8 * which),
        ),
        v128.store(get(to), v128.const(NANS), offset),
        callAt(PLACES.ranked, get(start), get(stop), rank, behind(to, offset)),
      ];
      return [
        set(values, behind(own, room.values)),
        set(last, i32.add(get(values), i32.const(16 * count))),
        whileHolds(
          i32.lessSigned(i32.const(0), get(lists)),
          // A last list that is alone stands in both lanes.
          set(second, i32.select(i32.equal(get(lists), i32.const(1)), i32.const(0), i32.const(8 * count))),
          set(from, get(list)),
          set(at, get(values)),
          set(sum, v128.zero()),
          set(squares, v128.zero()),
          repeatWhile(
            i32.lessThan(get(at), get(last)),
            set(
              value,
              f64x2.pick(v128.loadTwice(get(from)), 0, v128.loadTwice(i32.add(get(from), get(second))), 0),
            ),
            v128.store(get(at), get(value)),
            set(sum, f64x2.add(get(sum), get(value))),
            set(squares, f64x2.add(get(squares), f64x2.mul(get(value), get(value)))),
            step(from, 8),
            step(at, 16),
          ),
          set(value, f64x2.div(get(sum), n)),
          set(
            error,
            f64x2.root(
              f64x2.div(
                f64x2.greater(
                  v128.zero(),
                  f64x2.sub(f64x2.div(get(squares), n), f64x2.mul(get(value), get(value))),
                ),
                n,
              ),
            ),
          ),
          set(error, f64x2.mul(get(error), f64x2.const(FAR))),
          v128.store(get(own), f64x2.mul(f64x2.sub(get(value), get(error)), n), TAILS.from),
          v128.store(get(own), f64x2.mul(f64x2.add(get(value), get(error)), n), TAILS.to),
          ...(areInPairs ? [callAt(PLACES.addPairs, get(values), get(last), behind(own, room.table))] : []),
          callAt(
            PLACES.resample,
            ...[get(code), get(end), behind(own, room.table), behind(own, room.sums), get(own)],
            i32.const(roomBytes),
          ),
          set(lane, i32.const(0)),
          repeatWhile(
            i32.and(i32.lessThan(get(lane), i32.const(2)), i32.lessThan(i32.const(0), get(lists))),
            ...find(0, 0, i32.const(low)),
            ...find(
              1,
              16,
              i32.add(
                i32.const(high - resamples),
                i32.shiftRight(i32.sub(get(stop), get(start)), i32.const(3)),
              ),
            ),
            step(to, 32),
            step(lane, 1),
            step(lists, -1),
          ),
          step(list, 16 * count),
        ),
      ];
    },
  );

/** Bytes of one of the rooms of the tails. */
export const roomBytesOf = (resamples: number): number => 8 * resamples + 16;

/** The kernels as a WebAssembly module. */
export function kernels(resampling: Resampling): Uint8Array<ArrayBuffer> {
  const resample = resampleOf(resampling.places);
  return assemble({ addPairs, resample, ranked, endsOf: endsOf(resampling) });
}
