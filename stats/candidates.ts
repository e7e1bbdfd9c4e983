import { floatOf, partition, rankOf, sort } from './pairs.ts';

/** Images at one end of a unit's order, with their activations, the most extreme first. */
export interface End {
  readonly values: Float32Array;
  readonly images: Int32Array;
}

/** Images that may stand at one end of the order of each of many units, and the bar that another one must clear. */
export interface Candidates {
  /** For each unit an activation: images beyond or at it may be candidates, others can't. */
  readonly bar: Float64Array;
  /** Offers an image; returns the unit's bar. */
  push(unit: number, value: number, image: number): number;
  /** Ranks `from` to `to` − 1 of the end, as far as there are so many. */
  sorted(unit: number, from: number, to: number): End;
}

/**
 * Keeps the `depth` first images of each unit in `descending` order of activation (on equal activation the lower number
 * first) or in `ascending` order (the higher number first).
 *
 * An image is kept as two unsigned integers that order as asked for: the activation's rank among all float32, then the
 * number, flipped where the order falls. When a unit's slots are full, those behind the first `depth` are dropped, and the
 * last one kept becomes the bar.
 */
export function candidates(
  units: number,
  images: number,
  depth: number,
  order: 'ascending' | 'descending',
): Candidates {
  const slots = slotsFor(images, depth);
  const flip = order === 'descending' ? 0xffffffff : 0;
  const flipNumber = ~flip;
  const ranks = new Uint32Array(units * slots);
  const numbers = new Uint32Array(units * slots);
  const counts = new Int32Array(units);
  const bar = new Float64Array(units).fill(
    order === 'descending' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY,
  );
  const barRanks = new Uint32Array(units).fill(0xffffffff);
  const barNumbers = new Uint32Array(units).fill(0xffffffff);
  return {
    bar,
    push(unit, value, image) {
      const rank = (rankOf(value) ^ flip) >>> 0;
      const number = (image ^ flipNumber) >>> 0;
      if (rank === barRanks[unit]! && number > barNumbers[unit]!) return bar[unit]!;
      const base = unit * slots;
      const at = base + counts[unit]!++;
      ranks[at] = rank;
      numbers[at] = number;
      if (counts[unit] !== slots || slots === images) return bar[unit]!;
      const last = base + depth - 1;
      partition(ranks, numbers, base, base + slots, last);
      counts[unit] = depth;
      barRanks[unit] = ranks[last]!;
      barNumbers[unit] = numbers[last]!;
      bar[unit] = floatOf((ranks[last]! ^ flip) >>> 0);
      return bar[unit]!;
    },
    sorted(unit, from, to) {
      const base = unit * slots;
      const end = base + counts[unit]!;
      const [first, stop] = [Math.min(base + from, end), Math.min(base + Math.min(to, depth), end)];
      if (first >= stop) return { values: new Float32Array(0), images: new Int32Array(0) };
      if (first > base) partition(ranks, numbers, base, end, first);
      if (stop < end) partition(ranks, numbers, first, end, stop);
      sort(ranks, numbers, first, stop);
      return {
        values: Float32Array.from(ranks.subarray(first, stop), (rank) => floatOf((rank ^ flip) >>> 0)),
        images: Int32Array.from(numbers.subarray(first, stop), (number) => number ^ flipNumber),
      };
    },
  };
}

/** Candidates kept for one end of one unit. */
export function slotsFor(images: number, depth: number): number {
  return Math.min(images, depth + Math.max(32, depth >> (depth > 1024 ? 2 : 1)));
}
