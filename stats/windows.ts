import { sort } from './pair-sort.ts';
import { floatOf, partition, rankOf } from './pairs.ts';

/** Ranks `from` to `to` − 1 from either end of the order of `images` images, to be found with the help of a sample of them. */
export interface Sought {
  readonly images: number;
  readonly from: number;
  readonly to: number;
}

/** Images far from both ends of the order of many units. */
export interface Windows {
  /** As `add` of `findExtremes`; all images must come. */
  add(unit: number, values: Float32Array, at: number, stride: number, images: Int32Array): void;
  /** The ranks sought, from the highest activation; undefined where the sample misled. */
  highest(unit: number): Int32Array | undefined;
  lowest(unit: number): Int32Array | undefined;
}

/** Standard deviations of a sample's rank by which it may mislead. */
const SIGMAS = 6;

/** Positions in a sorted sample of `size` images that enclose the ranks sought; they may lie outside the sample. */
function enclosing({ images, from, to }: Sought, size: number): { first: number; last: number } {
  const share = to / images;
  const margin = SIGMAS * Math.sqrt(size * share * (1 - share)) + 1;
  return {
    first: Math.floor((from * size) / images - margin),
    last: Math.ceil((to * size) / images + margin),
  };
}

/** How many images a window can hold: those that it will, and a third more. */
function slotsOf(sought: Sought, size: number): number {
  const { first, last } = enclosing(sought, size);
  return Math.min(sought.images, Math.ceil(((last - first + 1) * sought.images * 1.35) / size));
}

/** Bytes of the space that one unit takes: first of its sample, then of its windows. */
export function spacePerUnit(sought: Sought, size: number): number {
  return Math.max(4 * size, 16 * slotsOf(sought, size));
}

/**
 * Finds ranks far from the ends of the order of many units without keeping all that lie before them: a sample says between
 * which two images they must lie, at either end; of all images those between are kept, and those beyond are counted. So
 * what is found is exact, or known not to be found.
 *
 * @param space of the units, see `spacePerUnit`; it holds the sample, activations [units × numbers.length] as float32, and is
 * overwritten
 * @param numbers of the images in the sample
 */
export function findWindows(units: number, sought: Sought, space: ArrayBuffer, numbers: Int32Array): Windows {
  const size = numbers.length;
  const bounds = boundsOf(units, sought, new Float32Array(space, 0, units * size), numbers);
  const slots = slotsOf(sought, size);
  const high = side(units, slots, space, 0, bounds.high, 0xffffffff);
  const low = side(units, slots, space, 8 * units * slots, bounds.low, 0);
  const { from, to } = sought;
  return {
    add(unit, values, at, stride, images) {
      const [top, bottom] = [high.near[unit]!, high.far[unit]!];
      const [floor, ceiling] = [low.near[unit]!, low.far[unit]!];
      let [above, below] = [0, 0];
      const rows = images.length;
      for (let row = 0, i = at; row < rows; row++, i += stride) {
        const value = values[i]!;
        if (value >= bottom) {
          if (value > top) above++;
          else high.offer(unit, value, images[row]!);
        }
        if (value <= ceiling) {
          if (value < floor) below++;
          else low.offer(unit, value, images[row]!);
        }
      }
      high.beyond[unit] = high.beyond[unit]! + above;
      low.beyond[unit] = low.beyond[unit]! + below;
    },
    highest: (unit) => high.ranks(unit, from, to),
    lowest: (unit) => low.ranks(unit, from, to),
  };
}

/** An image in an order: its activation, and its number. Outside the sample: infinity. */
interface Bound {
  readonly value: Float64Array;
  readonly image: Int32Array;
}

interface Bounds {
  /** The image nearest the end, and the one farthest from it, that may have one of the ranks sought. */
  readonly near: Bound;
  readonly far: Bound;
}

function boundsOf(units: number, sought: Sought, sample: Float32Array, numbers: Int32Array) {
  const size = numbers.length;
  const { first, last } = enclosing(sought, size);
  const bound = (fill: number): Bound => ({
    value: new Float64Array(units).fill(fill),
    image: new Int32Array(units),
  });
  const [most, least] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const high: Bounds = { near: bound(most), far: bound(least) };
  const low: Bounds = { near: bound(least), far: bound(most) };
  // Both ends are those of one order, from the highest activation on: position p from the low end is size − 1 − p.
  const wanted = [
    { at: first, of: high.near },
    { at: last, of: high.far },
    { at: size - 1 - last, of: low.far },
    { at: size - 1 - first, of: low.near },
  ].filter(({ at }) => at >= 0 && at < size);
  wanted.sort((a, b) => a.at - b.at);
  const ranks = new Uint32Array(size);
  const images = new Uint32Array(size);
  for (let unit = 0; unit < units; unit++) {
    for (let i = 0; i < size; i++) {
      ranks[i] = ~rankOf(sample[unit * size + i]!);
    }
    images.set(numbers);
    let from = 0;
    for (const { at, of } of wanted) {
      partition(ranks, images, from, size, at);
      of.value[unit] = floatOf(~ranks[at]! >>> 0);
      of.image[unit] = images[at]!;
      from = at;
    }
  }
  return { high, low };
}

/** What is kept at one end. Keys order from the end on, as those of `candidates`. */
function side(
  units: number,
  slots: number,
  space: ArrayBuffer,
  offset: number,
  { near, far }: Bounds,
  flip: number,
) {
  const flipNumber = ~flip;
  const ranks = new Uint32Array(space, offset, units * slots);
  const numbers = new Uint32Array(space, offset + 4 * units * slots, units * slots);
  const counts = new Int32Array(units);
  const beyond = new Int32Array(units);
  return {
    near: near.value,
    far: far.value,
    beyond,
    offer(unit: number, value: number, image: number) {
      const number = (image ^ flipNumber) >>> 0;
      if (value === near.value[unit] && number < (near.image[unit]! ^ flipNumber) >>> 0) {
        beyond[unit]!++;
        return;
      }
      if (value === far.value[unit] && number > (far.image[unit]! ^ flipNumber) >>> 0) return;
      const count = counts[unit]!++;
      if (count >= slots) return;
      ranks[unit * slots + count] = rankOf(value) ^ flip;
      numbers[unit * slots + count] = number;
    },
    ranks(unit: number, from: number, to: number): Int32Array | undefined {
      const [count, before] = [counts[unit]!, beyond[unit]!];
      if (count > slots || before > from || before + count < to) return undefined;
      const [start, end] = [unit * slots, unit * slots + count];
      const [first, stop] = [start + from - before, start + to - before];
      if (first > start) partition(ranks, numbers, start, end, first);
      if (stop < end) partition(ranks, numbers, first, end, stop);
      sort(ranks, numbers, first, stop);
      return Int32Array.from(numbers.subarray(first, stop), (number) => number ^ flipNumber);
    },
  };
}
