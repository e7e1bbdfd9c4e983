/** Bytes that the candidates and statistics of one unit take, for a given number of images and ranks from either end. */
export function bytesPerUnit(images: number, depth: number): number {
  return 2 * 8 * capacityOf(images, depth) + 64;
}

/** Statistics of units over all images, and their images from either end of the order by activation. */
export interface Extremes {
  /**
   * Takes one image: its number, and its activations, `units` values from `offset` on. Numbers must ascend. Returns
   * the unit whose activation isn't finite, or −1.
   */
  add(image: number, values: Float32Array, offset: number): number;
  /** The `depth` images of highest activation, highest first; on equal activation the lower number first. */
  highest(unit: number): Int32Array;
  /** The other end of the same order: lowest first; on equal activation the higher number first. */
  lowest(unit: number): Int32Array;
  statistics(unit: number): { min: number; max: number; mean: number; sd: number };
}

/**
 * Finds the extreme images of many units in one pass over the images, in memory that doesn't grow with their number.
 *
 * Each end of each unit keeps candidates as 64-bit integers whose order is the order asked for: the activation's rank
 * among all float32 in the high half, the image number in the low half. When a buffer of 1½ times `depth` is full it is
 * sorted, cut to `depth`, and its last activation becomes the bar that a later image must clear. An image with just that
 * activation has a higher number: it stands behind at the high end, and before at the low end. Both ends are those of one
 * order, so that no image stands in both as long as 2 · depth ≤ images. Mean and standard deviation are Welford's, in float64, in the order
 * of the images, so that they too depend on nothing but the images.
 */
export function findExtremes(units: number, images: number, depth: number): Extremes {
  const high = candidates(units, images, depth, DESCENDING, 0);
  const low = candidates(units, images, depth, ASCENDING, DESCENDING);
  const min = new Float64Array(units).fill(Number.POSITIVE_INFINITY);
  const max = new Float64Array(units).fill(Number.NEGATIVE_INFINITY);
  const mean = new Float64Array(units);
  const squares = new Float64Array(units);
  const floor = high.bar.fill(Number.NEGATIVE_INFINITY);
  const ceiling = low.bar.fill(Number.POSITIVE_INFINITY);
  let seen = 0;
  return {
    add(image, values, offset) {
      const weight = 1 / ++seen;
      for (let unit = 0; unit < units; unit++) {
        const value = values[offset + unit]!;
        if (value - value !== 0) return unit;
        const distance = value - mean[unit]!;
        mean[unit] = mean[unit]! + distance * weight;
        squares[unit] = squares[unit]! + distance * (value - mean[unit]!);
        if (value < min[unit]!) min[unit] = value;
        if (value > max[unit]!) max[unit] = value;
        if (value > floor[unit]!) high.push(unit, value, image);
        if (value <= ceiling[unit]!) low.push(unit, value, image);
      }
      return -1;
    },
    highest: high.sorted,
    lowest: low.sorted,
    statistics: (unit) => ({
      min: min[unit]! + 0,
      max: max[unit]! + 0,
      mean: mean[unit]! + 0,
      sd: Math.sqrt(squares[unit]! / seen),
    }),
  };
}

/** Flips an ascending key into a descending one. */
const DESCENDING = 0xffffffff;
const ASCENDING = 0;

/** Position of the low and the high half of a 64-bit integer in this machine's memory. */
const LITTLE_ENDIAN = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const LOW = LITTLE_ENDIAN ? 0 : 1;
const HIGH = 1 - LOW;

function candidates(units: number, images: number, depth: number, flip: number, flipNumber: number) {
  const capacity = capacityOf(images, depth);
  const keys = new BigUint64Array(units * capacity);
  const halves = new Uint32Array(keys.buffer);
  const counts = new Int32Array(units);
  const bar = new Float64Array(units);
  const sort = (unit: number) => keys.subarray(unit * capacity, unit * capacity + counts[unit]!).sort();
  return {
    /** The activation that an image must surpass (at the low end: not exceed) to be a candidate. */
    bar,
    push(unit: number, value: number, image: number) {
      const at = 2 * (unit * capacity + counts[unit]!++);
      halves[at + LOW] = image ^ flipNumber;
      halves[at + HIGH] = rankOf(value) ^ flip;
      if (counts[unit] !== capacity || capacity === images) return;
      sort(unit);
      counts[unit] = depth;
      bar[unit] = floatOf(halves[2 * (unit * capacity + depth - 1) + HIGH]! ^ flip);
    },
    sorted(unit: number): Int32Array {
      sort(unit);
      return Int32Array.from(
        { length: depth },
        (_, i) => halves[2 * (unit * capacity + i) + LOW]! ^ flipNumber,
      );
    },
  };
}

/** Candidates kept for one end of one unit. */
function capacityOf(images: number, depth: number): number {
  return Math.min(images, depth + Math.max(32, depth >> 1));
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** An unsigned 32-bit integer that orders as the float32 does. −0 and 0 have the same one. */
export function rankOf(value: number): number {
  float[0] = value + 0;
  const pattern = bits[0]!;
  return (pattern & 0x80000000 ? ~pattern : pattern | 0x80000000) >>> 0;
}

/** The float32 of a rank. */
export function floatOf(rank: number): number {
  bits[0] = rank & 0x80000000 ? rank ^ 0x80000000 : ~rank;
  return float[0]!;
}
