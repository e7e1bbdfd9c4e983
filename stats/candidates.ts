import { sort } from './pair-sort.ts';
import { floatOf, keepLowest, largest, rankOf, rankOfBits, split } from './pairs.ts';

/** Images at one end of a unit's order, with their activations, the most extreme first. */
export interface End {
  readonly values: Float32Array;
  readonly images: Int32Array;
}

/** Images that may stand at one end of the order of each of many units, and the bar that another one must clear. */
export interface Candidates {
  /** For each unit an activation: images beyond or at it may be candidates, others can't. */
  readonly bar: Float64Array;
  /** Offers an image that clears the bar or stands at it. */
  push(unit: number, value: number, image: number): void;
  /**
   * Offers the first `count` of `rows`: the image `numbers[row]` with the activation whose bits are
   * `bits[at + row * stride]`.
   */
  pushRows(
    unit: number,
    bits: Uint32Array,
    at: number,
    stride: number,
    numbers: Int32Array,
    rows: Int32Array,
    count: number,
  ): void;
  /** Ranks `from` to `to` − 1 of the end, as far as there are so many. */
  sorted(unit: number, from: number, to: number): End;
  /** Their images alone. */
  images(unit: number, from: number, to: number): Int32Array;
  /** The activation that stands first. */
  first(unit: number): number;
}

/**
 * Keeps the `depth` first images of each unit in `descending` order of activation (on equal activation the lower number
 * first) or in `ascending` order (the higher number first).
 *
 * An image is kept as two unsigned integers that order as asked for: the activation's rank among all float32, then the
 * number, flipped where the order falls. When a unit's slots are full, most of those behind the first `depth` are dropped,
 * and the last one kept, or one behind it, becomes the bar.
 */
export function candidates(
  units: number,
  images: number,
  depth: number,
  order: 'ascending' | 'descending',
): Candidates {
  const slots = slotsFor(images, depth);
  const most = depth + ((slots - depth) >> 2);
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
  // The unit whose candidates stand in order: all that is asked of a unit is asked in a row.
  let ordered = -1;
  const putInOrder = (unit: number) => {
    if (ordered !== unit) sort(ranks, numbers, unit * slots, unit * slots + counts[unit]!);
    ordered = unit;
  };
  const activation = (at: number) => floatOf((ranks[at]! ^ flip) >>> 0);
  /** Where the ranks from `from` to `to` − 1 of a unit stand. */
  const place = (unit: number, from: number, to: number) => {
    putInOrder(unit);
    const base = unit * slots;
    const end = base + Math.min(counts[unit]!, depth);
    return { at: Math.min(base + from, end), end: Math.min(base + to, end) };
  };
  const imagesAt = ({ at, end }: { at: number; end: number }) => {
    const images = new Int32Array(Math.max(0, end - at));
    for (let i = 0; i < images.length; i++) images[i] = numbers[at + i]! ^ flipNumber;
    return images;
  };
  const setBar = (unit: number, rank: number, number: number) => {
    barRanks[unit] = rank;
    barNumbers[unit] = number;
    bar[unit] = floatOf((rank ^ flip) >>> 0);
  };
  /** Of a unit whose slots are full, drops those that can't be among the first. */
  const drop = (unit: number) => {
    const base = unit * slots;
    const kept = keepLowest(ranks, numbers, base, base + slots, depth, most);
    if (kept) {
      counts[unit] = kept.count;
      setBar(unit, kept.bound, 0xffffffff);
      return;
    }
    const end = split(ranks, numbers, base, base + slots, base + depth, base + most);
    const last = largest(ranks, numbers, base, end);
    counts[unit] = end - base;
    setBar(unit, ranks[last]!, numbers[last]!);
  };
  return {
    bar,
    push(unit, value, image) {
      const rank = (rankOf(value) ^ flip) >>> 0;
      const number = (image ^ flipNumber) >>> 0;
      if (rank > barRanks[unit]! || (rank === barRanks[unit]! && number > barNumbers[unit]!)) return;
      const at = unit * slots + counts[unit]!++;
      ranks[at] = rank;
      numbers[at] = number;
      if (unit === ordered) ordered = -1;
      if (counts[unit] === slots && slots !== images) drop(unit);
    },
    pushRows(unit, bits, at, stride, numbered, rows, offered) {
      const base = unit * slots;
      let count = counts[unit]!;
      let [barRank, barNumber] = [barRanks[unit]!, barNumbers[unit]!];
      for (let i = 0; i < offered; i++) {
        const row = rows[i]!;
        const rank = (rankOfBits(bits[at + row * stride]!) ^ flip) >>> 0;
        if (rank > barRank) continue;
        const number = (numbered[row]! ^ flipNumber) >>> 0;
        if (rank === barRank && number > barNumber) continue;
        ranks[base + count] = rank;
        numbers[base + count] = number;
        if (++count < slots || slots === images) continue;
        drop(unit);
        count = counts[unit]!;
        barRank = barRanks[unit]!;
        barNumber = barNumbers[unit]!;
      }
      counts[unit] = count;
      if (unit === ordered) ordered = -1;
    },
    sorted(unit, from, to) {
      const found = place(unit, from, to);
      const images = imagesAt(found);
      const values = new Float32Array(images.length);
      for (let i = 0; i < values.length; i++) values[i] = activation(found.at + i);
      return { values, images };
    },
    images: (unit, from, to) => imagesAt(place(unit, from, to)),
    first: (unit) => activation(place(unit, 0, 1).at),
  };
}

/** Candidates kept for one end of one unit. */
export function slotsFor(images: number, depth: number): number {
  return Math.min(images, depth + Math.max(32, depth >> (depth > 1024 ? 2 : 0)));
}
