import { candidates, type End, slotsFor } from './candidates.ts';
import { addSums, momentsOf, SUMS } from './moments.ts';

/** Bytes that the candidates and sums of one unit take, for a given number of images and ranks from either end. */
export function bytesPerUnit(images: number, depth: number): number {
  return 2 * 8 * slotsFor(images, depth) + 8 * SUMS + 48;
}

/** Statistics of units over all images, and their images from either end of the order by activation. */
export interface Extremes {
  /**
   * Takes activations of one unit: `values[at]`, `values[at + stride]` …, one for each image of `images` (their numbers).
   * Images may come in any order. Returns the first position whose value isn't finite, or −1.
   */
  add(unit: number, values: Float32Array, at: number, stride: number, images: Int32Array): number;
  /**
   * Takes what was kept of one unit over other images: the ends of their order (each with at least `depth` images, or with
   * all that there are; most extreme first), and their sums.
   */
  merge(unit: number, high: End, low: End, sums: Float64Array): void;
  /** Ranks `from` to `to` − 1, at most `depth`, from the highest activation; on equal activation the lower number first. */
  highest(unit: number, from: number, to: number): Int32Array;
  /** The other end of the same order: lowest first; on equal activation the higher number first. */
  lowest(unit: number, from: number, to: number): Int32Array;
  /** One of these ends whole, with the activations. */
  end(unit: number, side: 'high' | 'low'): End;
  /** Sums of the unit (see `SUMS`). A view. */
  sums(unit: number): Float64Array;
  statistics(unit: number): { min: number; max: number; mean: number; sd: number };
}

/**
 * Finds the extreme images of many units in one pass over the images, in memory that doesn't grow with their number. At
 * least one image must be given before results are asked for.
 *
 * Both ends are those of one order, by activation and on equal activation by number, so that no image stands in both as
 * long as 2 · depth ≤ images. They and the statistics depend on the images alone, not on the order in which they come.
 *
 * @param images how many images will come in all
 */
export function findExtremes(units: number, images: number, depth: number): Extremes {
  const high = candidates(units, images, depth, 'descending');
  const low = candidates(units, images, depth, 'ascending');
  const sums = new Float64Array(units * SUMS);
  // Rows of the images that may be candidates: noted first, since a call in the loop over all values costs half as much again.
  let hits = { high: new Int32Array(0), low: new Int32Array(0) };
  // The bits of the values that came last.
  let seen: Float32Array | undefined;
  let bits: Uint32Array = new Uint32Array(0);
  return {
    add(unit, values, at, stride, numbers) {
      const floor = high.bar[unit]!;
      const ceiling = low.bar[unit]!;
      let sum = sums[unit * SUMS]!;
      let sumRest = sums[unit * SUMS + 1]!;
      let squares = sums[unit * SUMS + 2]!;
      let squaresRest = sums[unit * SUMS + 3]!;
      const rows = numbers.length;
      if (hits.high.length < rows) hits = { high: new Int32Array(rows), low: new Int32Array(rows) };
      const { high: above, low: below } = hits;
      let [highs, lows] = [0, 0];
      for (let row = 0, i = at; row < rows; row++, i += stride) {
        const value = values[i]!;
        // The two-sums of `addSums`; the square of a float32 is exact.
        const nextSum = sum + value;
        const part = nextSum - sum;
        sumRest += sum - (nextSum - part) + (value - part);
        sum = nextSum;
        const square = value * value;
        const nextSquares = squares + square;
        squaresRest +=
          squares >= square ? square - (nextSquares - squares) : squares - (nextSquares - square);
        squares = nextSquares;
        if (value >= floor) above[highs++] = row;
        if (value <= ceiling) below[lows++] = row;
      }
      if (squares - squares !== 0) return notFinite(values, at, stride, rows);
      sums[unit * SUMS] = sum;
      sums[unit * SUMS + 1] = sumRest;
      sums[unit * SUMS + 2] = squares;
      sums[unit * SUMS + 3] = squaresRest;
      if (highs + lows === 0) return -1;
      if (values !== seen) bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
      seen = values;
      high.pushRows(unit, bits, at, stride, numbers, above, highs);
      low.pushRows(unit, bits, at, stride, numbers, below, lows);
      return -1;
    },
    merge(unit, most, least, more) {
      for (let i = 0; i < most.values.length && most.values[i]! >= high.bar[unit]!; i++)
        high.push(unit, most.values[i]!, most.images[i]!);
      for (let i = 0; i < least.values.length && least.values[i]! <= low.bar[unit]!; i++)
        low.push(unit, least.values[i]!, least.images[i]!);
      addSums(sums, unit * SUMS, more, 0);
    },
    highest: (unit, from, to) => high.images(unit, from, to),
    lowest: (unit, from, to) => low.images(unit, from, to),
    end: (unit, side) => (side === 'high' ? high : low).sorted(unit, 0, depth),
    sums: (unit) => sums.subarray(unit * SUMS, (unit + 1) * SUMS),
    statistics(unit) {
      const max = high.first(unit);
      const min = low.first(unit);
      if (min === max) return { min, max, mean: min, sd: 0 };
      return { min, max, ...momentsOf(sums, unit * SUMS, images) };
    },
  };
}

function notFinite(values: Float32Array, at: number, stride: number, rows: number): number {
  for (let row = 0; row < rows; row++) if (!Number.isFinite(values[at + row * stride])) return row;
  throw new Error('the sum of finite activations is not finite');
}
