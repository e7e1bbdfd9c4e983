import { assemble, f64x2, get, i32, i64x2, repeatWhile, set, v128 } from '../common/wasm/assembler.ts';

/**
 * Sums of resamples of two lists of values at a time, and those sums that lie below or above given bounds once more, apart:
 * the ends of an interval are among them. All arguments are bytes: addresses in the memory, or lengths.
 *
 * @param code the first place in the table of the first resample (int32, in bytes); each resample has as many
 * @param end behind the last place of the last resample
 * @param codeBytes of one resample
 * @param table of two doubles, one for each list
 * @param sums two doubles a resample, added up in the order of the places
 * @param tails `TAILS`
 * @param roomBytes 8 bytes a resample
 */
export type Resample = (
  code: number,
  end: number,
  codeBytes: number,
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

/** The kernel as a WebAssembly module with the function `resample`. */
export function kernel(): Uint8Array<ArrayBuffer> {
  const [code, end, codeBytes, table, sums, tails, roomBytes] = [0, 1, 2, 3, 4, 5, 6];
  const [stop, bits] = [7, 8];
  const rooms = [9, 10, 11, 12];
  const [sum, from, to] = [13, 14, 15];
  const increase = (local: number, by: number) => set(local, i32.add(get(local), i32.const(by)));
  /** Keeps a sum in its room for good where its bit is set: else the next one takes its place. */
  const keep = (room: number, bit: 0 | 1) => [
    i64x2.storeLane(get(room), get(sum), bit),
    set(room, i32.add(get(room), i32.and(i32.shiftLeft(get(bits), i32.const(3 - bit)), i32.const(8)))),
  ];
  const body = [
    set(from, v128.load(get(tails), TAILS.from)),
    set(to, v128.load(get(tails), TAILS.to)),
    set(rooms[0]!, i32.add(get(tails), i32.const(TAILS.rooms))),
    ...rooms.slice(1).map((room, i) => set(room, i32.add(get(rooms[i]!), get(roomBytes)))),
    repeatWhile(
      i32.lessThan(get(code), get(end)),
      set(stop, i32.add(get(code), get(codeBytes))),
      set(sum, v128.zero()),
      repeatWhile(
        i32.lessThan(get(code), get(stop)),
        set(sum, f64x2.add(get(sum), v128.load(i32.add(get(table), i32.load(get(code)))))),
        increase(code, 4),
      ),
      v128.store(get(sums), get(sum)),
      increase(sums, 16),
      set(bits, i64x2.signs(f64x2.lessThan(get(sum), get(from)))),
      ...keep(rooms[0]!, 0),
      ...keep(rooms[1]!, 1),
      set(bits, i64x2.signs(f64x2.lessThan(get(to), get(sum)))),
      ...keep(rooms[2]!, 0),
      ...keep(rooms[3]!, 1),
    ),
    ...rooms.map((room, i) => i32.store(get(tails), get(room), TAILS.ends + 4 * i)),
  ];
  return assemble({ resample: { params: 7, locals: { i32: 6, v128: 3 }, body } }, false);
}
