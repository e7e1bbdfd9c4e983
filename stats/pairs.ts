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
  digits.fill(0, 0, RADIX);
  for (let i = from; i < to; i++) digits[(a[i]! - min) >>> shift]!++;
  let [step, count] = [0, digits[0]!];
  while (count < least) count += digits[++step]!;
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

/** Up to so many pairs are sorted by insertion. */
const FEW = 24;
/** Values of a digit, and digits of an integer. */
const RADIX = 256;
const DIGITS = 4;
/** How often each digit has each value; and room for pairs on their way, which grows as needed. */
const digits = new Int32Array(DIGITS * RADIX);
let room = { a: new Uint32Array(0), b: new Uint32Array(0) };

/**
 * Sorts the pairs from `from` to `to` − 1: by the first integer digit by digit, from the lowest [Knuth, TAOCP 3, 5.2.5],
 * then what is equal by the second one.
 */
export function sort(a: Uint32Array, b: Uint32Array, from: number, to: number): void {
  if (to - from <= FEW) {
    insert(a, b, from, to);
    return;
  }
  sortFirst(a, b, from, to);
  for (let start = from; start < to; ) {
    let end = start + 1;
    while (end < to && a[end] === a[start]) end++;
    if (end - start > FEW) b.subarray(start, end).sort();
    else if (end - start > 1) insert(a, b, start, end);
    start = end;
  }
}

function sortFirst(a: Uint32Array, b: Uint32Array, from: number, to: number): void {
  const count = to - from;
  if (room.a.length < count) room = { a: new Uint32Array(count), b: new Uint32Array(count) };
  digits.fill(0);
  for (let i = from; i < to; i++) {
    const value = a[i]!;
    digits[value & 255]!++;
    digits[RADIX + ((value >>> 8) & 255)]!++;
    digits[2 * RADIX + ((value >>> 16) & 255)]!++;
    digits[3 * RADIX + (value >>> 24)]!++;
  }
  let here: Pairs = { a, b, at: from };
  let there: Pairs = { ...room, at: 0 };
  for (let digit = 0; digit < DIGITS; digit++) {
    const [first, shift] = [digit * RADIX, 8 * digit];
    if (digits[first + ((a[from]! >>> shift) & 255)] === count) continue; // All have the same one.
    let place = there.at;
    for (let i = first; i < first + RADIX; i++) {
      const many = digits[i]!;
      digits[i] = place;
      place += many;
    }
    deal(here, there, count, shift, first);
    [here, there] = [there, here];
  }
  if (here.a === a) return;
  a.set(here.a.subarray(0, count), from);
  b.set(here.b.subarray(0, count), from);
}

interface Pairs {
  readonly a: Uint32Array;
  readonly b: Uint32Array;
  readonly at: number;
}

/** Moves pairs to where the pairs with their digit come next. */
function deal(here: Pairs, there: Pairs, count: number, shift: number, first: number): void {
  const { a, b, at } = here;
  const { a: toA, b: toB } = there;
  for (let i = at; i < at + count; i++) {
    const value = a[i]!;
    const place = digits[first + ((value >>> shift) & 255)]!++;
    toA[place] = value;
    toB[place] = b[i]!;
  }
}

function insert(a: Uint32Array, b: Uint32Array, from: number, to: number): void {
  for (let i = from + 1; i < to; i++) {
    const [value, number] = [a[i]!, b[i]!];
    let at = i;
    for (; at > from && (a[at - 1]! > value || (a[at - 1] === value && b[at - 1]! > number)); at--) {
      a[at] = a[at - 1]!;
      b[at] = b[at - 1]!;
    }
    a[at] = value;
    b[at] = number;
  }
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
