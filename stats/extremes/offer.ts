import type { Code } from '../../common/wasm/code.ts';
import { callAt, either, get, set, step, when, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { i8x16, i16x8, i32x4, v128 } from '../../common/wasm/vectors.ts';
import { put } from './keep.ts';
import { HEAD, HIGHEST, PLACES, placeOf, WINDOW } from './places.ts';

/** Images that are looked at together. */
const BLOCK = 16;
/** Images that are taken together. */
const TAKEN = 4;

/**
 * Offers images to a side: `rows` ordered activations of a column, and numbers. Those whose key is not beyond the bar are
 * held; where they don't all find a place, `depth` to `most` are kept before. Which these are is noted first, and only then are
 * they taken: neither depends on a guess of the processor's.
 *
 * @param hits room for the places of a tile's rows, and of a block more, as bytes from the first row (16 bits each)
 */
export const offer = named(
  ['column', 'numbers', 'rows', 'head', 'values', 'slots', 'depth', 'most', 'flip', 'apart', 'hits'],
  { i32: ['at', 'to', 'mask', 'end', 'full', 'hit', 'stop'], v128: ['flips', 'bar', 'place'] },
  (l) => {
    const { column, numbers, rows, head, values, slots, depth, most, flip, apart, hits } = l;
    const { at, to, mask, end, full, hit, stop, flips, bar, place } = l;
    const isBeyond = (offset: number) =>
      i32x4.greater(v128.xor(v128.load(get(at), offset), get(flips)), get(bar));
    /** The places of eight images whose bits are set. */
    const note = (bits: Code): Code[] => [
      v128.store(get(hit), i16x8.add(get(place), v128.load(i32.shiftLeft(bits, i32.const(4)), PLACES.at))),
      set(hit, i32.add(get(hit), i32.shiftLeft(i32.popcount(bits), i32.const(1)))),
      set(place, i16x8.add(get(place), i16x8.splat(i32.const(4 * 8)))),
    ];
    const sift: Code[] = [
      set(bar, i32x4.splat(i32.sub(i32.const(HIGHEST), i32.load(get(head), HEAD.bar)))),
      set(at, get(column)),
      set(hit, get(hits)),
      set(place, v128.zero()),
      whileHolds(
        i32.lessSigned(i32.const(0), get(rows)),
        set(
          mask,
          i8x16.bitmask(
            i8x16.narrow(i16x8.narrow(isBeyond(0), isBeyond(16)), i16x8.narrow(isBeyond(32), isBeyond(48))),
          ),
        ),
        // Lanes behind the last row may be anything.
        set(
          mask,
          i32.and(
            i32.xor(get(mask), i32.const(0xffff)),
            i32.select(
              i32.lessSigned(get(rows), i32.const(BLOCK)),
              i32.sub(i32.shiftLeft(i32.const(1), get(rows)), i32.const(1)),
              i32.const(0xffff),
            ),
          ),
        ),
        ...note(i32.and(get(mask), i32.const(0xff))),
        ...note(i32.shiftRight(get(mask), i32.const(8))),
        step(at, 4 * BLOCK),
        step(rows, -BLOCK),
      ),
    ];
    const taken = Array.from({ length: TAKEN }, (_, i) => [
      set(at, i32.load16(get(hit), 2 * i)),
      i32.store(get(to), i32.load(i32.add(get(column), get(at))), 4 * i),
      i32.store(i32.add(get(to), get(apart)), i32.load(i32.add(get(numbers), get(at))), 4 * i),
    ]).flat();
    const readCount = set(
      to,
      i32.add(get(values), i32.shiftLeft(i32.load(get(head), HEAD.count), i32.const(2))),
    );
    const writeCount = i32.store(
      get(head),
      i32.shiftRight(i32.sub(get(to), get(values)), i32.const(2)),
      HEAD.count,
    );
    return [
      set(flips, i32x4.splat(get(flip))),
      set(full, i32.add(get(values), i32.shiftLeft(get(slots), i32.const(2)))),
      ...sift,
      set(end, get(hit)),
      set(hit, get(hits)),
      readCount,
      whileHolds(
        i32.lessThan(get(hit), get(end)),
        // As many as there is room for: four bytes each, and two of their places.
        set(stop, i32.add(get(hit), i32.shiftRight(i32.sub(get(full), get(to)), i32.const(1)))),
        set(stop, i32.select(i32.lessThan(get(stop), get(end)), get(stop), get(end))),
        whileHolds(i32.lessThan(get(hit), get(stop)), ...taken, step(hit, 2 * TAKEN), step(to, 4 * TAKEN)),
        // The last four may have been too many.
        set(to, i32.sub(get(to), i32.shiftLeft(i32.sub(get(hit), get(stop)), i32.const(1)))),
        set(hit, get(stop)),
        writeCount,
        when(
          i32.lessThan(get(hit), get(end)),
          callAt(placeOf('keep'), ...[head, values, depth, most, flip, apart].map(get)),
          readCount,
        ),
      ),
    ];
  },
);

/** Adds what the lanes of a mask count to the word at an address. */
const addCount = (head: number, offset: number, mask: Code): Code =>
  i32.store(get(head), i32.add(i32.load(get(head), offset), i32.popcount(mask)), offset);

/**
 * Offers images to a window: `rows` ordered activations of a column, and numbers. Those between its bounds are held, those
 * before the near one counted. When more come than there are slots, the count stays above these.
 *
 * @param head see `WINDOW`; the other arguments are those of `offer`
 */
export const gather = named(
  ['column', 'numbers', 'rows', 'head', 'values', 'slots', 'flip', 'apart'],
  {
    i32: ['to', 'mask', 'before', 'full', 'at', 'lanes'],
    v128: ['flips', 'flipsBack', 'near', 'nearNumber', 'far', 'farNumber', 'value', 'number'],
  },
  (l) => {
    const { column, numbers, rows, head, values, slots, flip, apart, to, mask, before, full, at, lanes } = l;
    const { flips, flipsBack, near, nearNumber, far, farNumber, value, number } = l;
    const keyOf = (offset: number) => v128.xor(v128.load(get(column), offset), get(flips));
    const isBefore = v128.or(
      i32x4.less(get(value), get(near)),
      v128.and(i32x4.equal(get(value), get(near)), i32x4.less(get(number), get(nearNumber))),
    );
    const isBehind = v128.or(
      i32x4.greater(get(value), get(far)),
      v128.and(i32x4.equal(get(value), get(far)), i32x4.greater(get(number), get(farNumber))),
    );
    const isFar = Array.from({ length: BLOCK / 4 }, (_, i) => i32x4.greater(keyOf(16 * i), get(far)));
    const bound = (vector: number, offset: number) => set(vector, i32x4.splat(i32.load(get(head), offset)));
    const four: Code[] = [
      set(value, v128.xor(v128.load(get(at)), get(flips))),
      set(number, v128.xor(v128.load(i32.add(get(numbers), i32.sub(get(at), get(column)))), get(flipsBack))),
      // As many lanes as there are rows left.
      set(
        lanes,
        i32.select(
          i32.lessSigned(i32.const(3), get(rows)),
          i32.const(15),
          i32.sub(i32.shiftLeft(i32.const(1), get(rows)), i32.const(1)),
        ),
      ),
      set(before, i32.and(i32x4.bitmask(isBefore), get(lanes))),
      addCount(head, WINDOW.before, get(before)),
      set(mask, i32.and(i32.xor(i32.or(i32x4.bitmask(isBehind), get(before)), i32.const(15)), get(lanes))),
      ...put(mask, to, apart, v128.xor(get(value), get(flips)), v128.xor(get(number), get(flipsBack))),
      when(i32.lessThan(get(full), get(to)), set(to, i32.add(get(full), i32.const(4)))),
      step(at, 16),
      step(rows, -4),
    ];
    return [
      set(flips, i32x4.splat(get(flip))),
      set(flipsBack, i32x4.splat(i32.xor(get(flip), i32.const(-1)))),
      bound(near, WINDOW.near),
      bound(nearNumber, WINDOW.nearNumber),
      bound(far, WINDOW.far),
      bound(farNumber, WINDOW.farNumber),
      set(full, i32.add(get(values), i32.shiftLeft(get(slots), i32.const(2)))),
      set(to, i32.add(get(values), i32.shiftLeft(i32.load(get(head), HEAD.count), i32.const(2)))),
      whileHolds(
        i32.lessSigned(i32.const(0), get(rows)),
        either(
          i32.and(
            i32.lessSigned(i32.const(BLOCK - 1), get(rows)),
            i32.equal(i32x4.bitmask(isFar.reduce((a, b) => v128.and(a, b))), i32.const(15)),
          ),
          [step(rows, -BLOCK)],
          [
            set(at, get(column)),
            whileHolds(
              i32.and(
                i32.lessThan(get(at), i32.add(get(column), i32.const(4 * BLOCK))),
                i32.lessSigned(i32.const(0), get(rows)),
              ),
              ...four,
            ),
          ],
        ),
        step(column, 4 * BLOCK),
        step(numbers, 4 * BLOCK),
      ),
      i32.store(get(head), i32.shiftRight(i32.sub(get(to), get(values)), i32.const(2)), HEAD.count),
    ];
  },
);
