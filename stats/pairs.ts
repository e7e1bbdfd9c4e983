// Pairs of unsigned 32-bit integers in two arrays, ordered by the first one, then by the second one.

/**
 * Reorders the pairs from `from` to `to` − 1 so that the one at `place` is where sorting would put it, smaller ones before
 * it and larger ones behind [Hoare's FIND]. No two pairs are equal.
 */
export function partition(a: Uint32Array, b: Uint32Array, from: number, to: number, place: number): void {
  let [low, high] = [from, to - 1];
  while (low < high) {
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
    if (place <= j) high = j;
    else if (place >= i) low = i;
    else return;
  }
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

/** Position of the low and the high half of a 64-bit integer in this machine's memory. */
const LOW = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1 ? 0 : 1;
const HIGH = 1 - LOW;

/** Sorts the pairs from `from` to `to` − 1. */
export function sort(a: Uint32Array, b: Uint32Array, from: number, to: number): void {
  const keys = new BigUint64Array(to - from);
  const halves = new Uint32Array(keys.buffer);
  for (let i = from; i < to; i++) {
    halves[2 * (i - from) + HIGH] = a[i]!;
    halves[2 * (i - from) + LOW] = b[i]!;
  }
  keys.sort();
  for (let i = from; i < to; i++) {
    a[i] = halves[2 * (i - from) + HIGH]!;
    b[i] = halves[2 * (i - from) + LOW]!;
  }
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
