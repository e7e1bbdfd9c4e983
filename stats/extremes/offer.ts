import type { Code } from '../../common/wasm/code.ts';
import { callAt, either, get, set, step, when, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { i32x4, v128 } from '../../common/wasm/vectors.ts';
import { put } from './keep.ts';
import { HEAD, HIGHEST, placeOf, WINDOW } from './places.ts';

/** Images that are looked at together, to see whether any comes before the bar: most don't. */
const BLOCK = 16;

/**
 * Offers images to a side: `rows` ordered activations of a column, and numbers. Those whose key is not beyond the bar are
 * held; where the next few may not all find a place, `depth` to `most` are kept before.
 */
export const offer = named(
  ['column', 'numbers', 'rows', 'head', 'values', 'slots', 'depth', 'most', 'flip', 'apart'],
  { i32: ['to', 'mask', 'end', 'full'], v128: ['flips', 'bar', 'value'] },
  (l) => {
    const { column, numbers, rows, head, values, slots, depth, most, flip, apart } = l;
    const { to, mask, end, full, flips, bar, value } = l;
    const writeCount = i32.store(
      get(head),
      i32.shiftRight(i32.sub(get(to), get(values)), i32.const(2)),
      HEAD.count,
    );
    const readBar: Code[] = [
      set(bar, i32x4.splat(i32.sub(i32.const(HIGHEST), i32.load(get(head), HEAD.bar)))),
      set(to, i32.add(get(values), i32.shiftLeft(i32.load(get(head), HEAD.count), i32.const(2)))),
    ];
    const isBeyond = (at: number) =>
      i32x4.greater(v128.xor(v128.load(get(column), at), get(flips)), get(bar));
    const four = (at: number, lanes: Code): Code[] => [
      set(value, v128.load(get(column), at)),
      set(mask, i32.and(i32.xor(i32x4.bitmask(isBeyond(at)), i32.const(15)), lanes)),
      ...put(mask, to, apart, get(value), v128.load(get(numbers), at)),
    ];
    const room = when(
      i32.lessThan(get(full), get(to)),
      writeCount,
      callAt(placeOf('keep'), ...[head, values, depth, most, flip, apart].map(get)),
      ...readBar,
    );
    const fours = Array.from({ length: BLOCK / 4 }, (_, i) => 16 * i);
    const advance = (count: number) => [step(column, 4 * count), step(numbers, 4 * count)];
    return [
      set(flips, i32x4.splat(get(flip))),
      set(full, i32.add(get(values), i32.shiftLeft(i32.sub(get(slots), i32.const(BLOCK)), i32.const(2)))),
      ...readBar,
      set(end, i32.add(get(column), i32.shiftLeft(i32.and(get(rows), i32.const(-BLOCK)), i32.const(2)))),
      whileHolds(
        i32.lessThan(get(column), get(end)),
        when(
          i32.xor(i32x4.bitmask(fours.map(isBeyond).reduce((a, b) => v128.and(a, b))), i32.const(15)),
          room,
          ...fours.flatMap((at) => four(at, i32.const(15))),
        ),
        ...advance(BLOCK),
      ),
      set(rows, i32.and(get(rows), i32.const(BLOCK - 1))),
      when(get(rows), room),
      whileHolds(
        i32.lessSigned(i32.const(0), get(rows)),
        // Lanes behind the last row may be anything.
        ...four(
          0,
          i32.select(
            i32.lessSigned(i32.const(3), get(rows)),
            i32.const(15),
            i32.sub(i32.shiftLeft(i32.const(1), get(rows)), i32.const(1)),
          ),
        ),
        ...advance(4),
        step(rows, -4),
      ),
      writeCount,
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
