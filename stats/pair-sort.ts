// Sorts pairs of unsigned 32-bit integers in two arrays: by the first one, then by the second one.

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
