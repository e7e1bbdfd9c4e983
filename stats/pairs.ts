// Pairs of unsigned 32-bit integers in two arrays, ordered by the first one, then by the second one.

/**
 * Reorders the pairs from `from` to `to` − 1 so that the one at `place` is where sorting would put it, smaller ones before
 * it and larger ones behind [Hoare's FIND]. No two pairs are equal.
 */
export function partition(a: Uint32Array, b: Uint32Array, from: number, to: number, place: number): void {
  let [low, high] = [from, to - 1];
  while (low < high) {
    const { i, j } = divide(a, b, low, high);
    if (place <= j) high = j;
    else if (place >= i) low = i;
    else return;
  }
}

/**
 * Reorders the pairs so that none before some place is larger than any from there on, and returns this place: one from
 * `least` to `most`. The farther these are apart, the less work it is.
 */
export function split(
  a: Uint32Array,
  b: Uint32Array,
  from: number,
  to: number,
  least: number,
  most: number,
): number {
  let [low, high] = [from, to - 1];
  while (low < high) {
    const { i, j } = divide(a, b, low, high);
    if (i < least) low = i;
    else if (j + 1 > most) high = j;
    else return Math.max(j + 1, least);
  }
  return Math.max(low, least);
}

/**
 * Divides the pairs from `low` to `high`: those up to j are at most as large as some pair among them, those from i on at
 * least, and between j and i it stands alone or nothing does.
 */
function divide(a: Uint32Array, b: Uint32Array, low: number, high: number): { i: number; j: number } {
  const middle = (low + high) >>> 1;
  // The median of three, so that sorted pieces (images come in the order of their numbers) take no longer.
  if (isLess(a, b, middle, low)) swap(a, b, middle, low);
  if (isLess(a, b, high, low)) swap(a, b, high, low);
  if (isLess(a, b, high, middle)) swap(a, b, high, middle);
  const [pivot, pivotNumber] = [a[middle]!, b[middle]!];
  let [i, j] = [low, high];
  while (i <= j) {
    while (a[i]! < pivot || (a[i]! === pivot && b[i]! < pivotNumber)) i++;
    while (a[j]! > pivot || (a[j]! === pivot && b[j]! > pivotNumber)) j--;
    if (i <= j) swap(a, b, i++, j--);
  }
  return { i, j };
}

function isLess(a: Uint32Array, b: Uint32Array, i: number, j: number): boolean {
  return a[i]! < a[j]! || (a[i]! === a[j]! && b[i]! < b[j]!);
}

function swap(a: Uint32Array, b: Uint32Array, i: number, j: number): void {
  const [x, y] = [a[i]!, b[i]!];
  a[i] = a[j]!;
  b[i] = b[j]!;
  a[j] = x;
  b[j] = y;
}

/** How many integers lie in each of 256 equal steps. */
const buckets = new Int32Array(256);

/** What is left of pairs: how many, and a bound of their first integers. */
export interface Kept {
  readonly count: number;
  readonly bound: number;
}

/**
 * Moves the pairs whose first integer is at most some bound to the front, in the order in which they stand: from `least`
 * to `most` of them, with the bound chosen among a few. Undefined, with nothing moved, where none of these leaves so
 * many: then the integers are mostly equal, or far apart. Takes a third of the time of `split`, since a processor can
 * tell beforehand how each step goes on.
 */
export function keepLowest(
  a: Uint32Array,
  b: Uint32Array,
  from: number,
  to: number,
  least: number,
  most: number,
): Kept | undefined {
  let [min, max] = [a[from]!, a[from]!];
  for (let i = from + 1; i < to; i++) {
    const value = a[i]!;
    if (value < min) min = value;
    if (value > max) max = value;
  }
  const shift = Math.max(0, 32 - Math.clz32(max - min) - 8);
  buckets.fill(0);
  for (let i = from; i < to; i++) buckets[(a[i]! - min) >>> shift]!++;
  let [step, count] = [0, buckets[0]!];
  while (count < least) count += buckets[++step]!;
  if (count > most) return undefined;
  let end = from;
  for (let i = from; i < to; i++) {
    const value = a[i]!;
    a[end] = value;
    b[end] = b[i]!;
    end += (((value - min) >>> shift) - step - 1) >>> 31; // 1 up to the bound, else 0
  }
  return { count, bound: min + (step + 1) * 2 ** shift - 1 };
}

/** Where the largest of the pairs from `from` to `to` − 1 stands. */
export function largest(a: Uint32Array, b: Uint32Array, from: number, to: number): number {
  let at = from;
  for (let i = from + 1; i < to; i++) if (isLess(a, b, at, i)) at = i;
  return at;
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);

/** An unsigned 32-bit integer that orders as the float32 does. −0 and 0 have the same one. */
export function rankOf(value: number): number {
  float[0] = value;
  return rankOfBits(bits[0]!);
}

/** The same from the bits of the float32. */
export function rankOfBits(pattern: number): number {
  if (pattern === 0x80000000) return pattern; // −0; 0 has this rank.
  return (pattern ^ ((pattern >> 31) | 0x80000000)) >>> 0;
}

/** The float32 of a rank. */
export function floatOf(rank: number): number {
  bits[0] = rank & 0x80000000 ? rank ^ 0x80000000 : ~rank;
  return float[0]!;
}
