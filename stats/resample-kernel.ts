import type { Code } from '../common/wasm/code.ts';
import { get, repeatWhile, set, step } from '../common/wasm/control.ts';
import { named } from '../common/wasm/module.ts';
import { i32 } from '../common/wasm/scalars.ts';
import { f64x2, i64x2, v128 } from '../common/wasm/vectors.ts';

/**
 * Sums of resamples of two lists of values at a time, and those sums that lie below or above given bounds once more, apart:
 * the ends of an interval are among them. All arguments are bytes: addresses in the memory, or lengths.
 *
 * @param code the first place of the first resample: where a value stands behind `table` (int32, bytes)
 * @param end behind the last place of the last resample
 * @param table of two doubles, one for each list
 * @param sums two doubles a resample, added up in the order of the places
 * @param tails see `TAILS`
 * @param roomBytes 8 bytes a resample
 */
export type Resample = (
  code: number,
  end: number,
  table: number,
  sums: number,
  tails: number,
  roomBytes: number,
) => void;

/**
 * Where things stand behind `tails`: the lower bounds of both lists, their upper bounds (float64), then the addresses
 * behind the last sum in each of the rooms (int32), then these rooms: the sums below the bound of the first list, of the
 * second, those above the bound of the first, of the second.
 */
export const TAILS = { from: 0, to: 16, ends: 32, rooms: 48 };

/** Additions behind one another. */
const GROUP = 16;

/**
 * Fills the table with sums of any two entries: those from `first` to `last` − 1 with each of those up to `last`, which is 0.
 */
export type AddPairs = (first: number, last: number, table: number) => void;

export const addPairs = named(['first', 'last', 'table'], { i32: ['a', 'b'], v128: ['value'] }, (l) => {
  const { first, last, table, a, b, value } = l;
  return [
    set(a, get(first)),
    repeatWhile(
      i32.lessThan(get(a), get(last)),
      set(value, v128.load(get(a))),
      step(a, 16),
      set(b, get(first)),
      repeatWhile(
        i32.atMost(get(b), get(last)),
        v128.store(get(table), f64x2.add(get(value), v128.load(get(b)))),
        step(b, 16),
        step(table, 16),
      ),
    ),
  ];
});

/** Sums of resamples of so many places: see `Resample`. */
export function resampleOf(places: number) {
  return named(
    ['code', 'end', 'table', 'sums', 'tails', 'roomBytes'],
    { i32: ['stop', 'bits', 'room0', 'room1', 'room2', 'room3'], v128: ['sum', 'from', 'to'] },
    ({ code, end, table, sums, tails, roomBytes, stop, bits, room0, room1, room2, room3, sum, from, to }) => {
      const rooms = [room0, room1, room2, room3];
      const added = (count: number): Code[] => [
        ...Array.from({ length: count }, (_, i) =>
          set(sum, f64x2.add(get(sum), v128.load(i32.add(get(table), i32.load(get(code), 4 * i))))),
        ),
        step(code, 4 * count),
      ];
      const groups = Math.floor(places / GROUP);
      const grouped = [
        set(stop, i32.add(get(code), i32.const(4 * GROUP * groups))),
        repeatWhile(i32.lessThan(get(code), get(stop)), ...added(GROUP)),
      ];
      /** Keeps a sum in its room for good where its bit is set: else the next one takes its place. */
      const keep = (room: number, lane: 0 | 1): Code[] => [
        i64x2.storeLane(get(room), get(sum), lane),
        set(room, i32.add(get(room), i32.and(i32.shiftLeft(get(bits), i32.const(3 - lane)), i32.const(8)))),
      ];
      return [
        set(from, v128.load(get(tails), TAILS.from)),
        set(to, v128.load(get(tails), TAILS.to)),
        set(room0, i32.add(get(tails), i32.const(TAILS.rooms))),
        ...[room1, room2, room3].map((room, i) => set(room, i32.add(get(rooms[i]!), get(roomBytes)))),
        repeatWhile(
          i32.lessThan(get(code), get(end)),
          set(sum, v128.zero()),
          ...(groups > 0 ? grouped : []),
          ...added(places % GROUP),
          v128.store(get(sums), get(sum)),
          step(sums, 16),
          set(bits, i64x2.signs(f64x2.lessThan(get(sum), get(from)))),
          ...keep(room0, 0),
          ...keep(room1, 1),
          set(bits, i64x2.signs(f64x2.lessThan(get(to), get(sum)))),
          ...keep(room2, 0),
          ...keep(room3, 1),
        ),
        ...rooms.map((room, i) => i32.store(get(tails), get(room), TAILS.ends + 4 * i)),
      ];
    },
  );
}
