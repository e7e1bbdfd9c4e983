import { canonicalJson, sha256 } from '../common/json.ts';

/**
 * A stream of random numbers that can be started anew at any point of a three-dimensional space of streams. Its state
 * depends on the key and the point alone, never on what was drawn before.
 */
export interface Stream {
  /** Starts the stream of the point (a, b, c): unsigned 32-bit integers. Points not given count as 0. */
  start(a: number, b?: number, c?: number): Stream;
  /** The next unsigned 32-bit integer. */
  next(): number;
  /** The next integer in [0, count), every one equally likely. `count` is at most `MAX_COUNT`. */
  below(count: number): number;
  /** Fills an array with such integers: the same as `below` again and again, but three times as fast. */
  fillBelow(target: Uint32Array, count: number): void;
  /**
   * Shuffles `length` elements of `values` from `from` on, in place: Fisher–Yates from the end with `below`, so that every
   * order is equally likely.
   */
  shuffle(values: Int32Array | Uint32Array | number[], from?: number, length?: number): void;
}

/** The largest `count` of `below`: products with 32-bit numbers stay exact in a double. */
export const MAX_COUNT = 2 ** 21;

/**
 * Streams of the key: (seed, layer name) say, with units, sides and bins as points. The key's 128 bits are the first
 * of SHA-256 over its canonical JSON; a point is mixed into each of the four words by MurmurHash3's 32-bit finaliser;
 * the numbers come from xoshiro128** 1.1 (Blackman and Vigna 2021, *Scrambled linear pseudorandom number generators*).
 * Returned at point (0, 0, 0).
 */
export function randomStreams(...key: readonly (string | number)[]): Stream {
  return streamOf(streamKey(...key)).start(0);
}

/** The four words of a key of streams: signed 32-bit integers. */
export type StreamKey = readonly [number, number, number, number];

/** Those of the key of `randomStreams`. */
export function streamKey(...key: readonly (string | number)[]): StreamKey {
  const digest = sha256(canonicalJson(['random', ...key]));
  const [a, b, c, d] = [0, 8, 16, 24].map((at) => Number.parseInt(digest.slice(at, at + 8), 16) | 0);
  return [a!, b!, c!, d!];
}

/** xoshiro128** from a given state (four 32-bit words, not all 0), for the reference vectors. */
export function xoshiro128(state: StreamKey): Stream {
  return streamOf(state);
}

function streamOf(key: StreamKey): Stream {
  let [s0, s1, s2, s3] = key;
  const stream: Stream = {
    start(a, b = 0, c = 0) {
      s0 = mix(mix(mix(key[0], a), b), c);
      s1 = mix(mix(mix(key[1], a), b), c);
      s2 = mix(mix(mix(key[2], a), b), c);
      s3 = mix(mix(mix(key[3], a), b), c);
      if ((s0 | s1 | s2 | s3) === 0) s3 = 1; // the one state that xoshiro never leaves
      return stream;
    },
    next() {
      const scaled = Math.imul(s1, 5);
      const result = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
      const shifted = s1 << 9;
      s2 ^= s0;
      s3 ^= s1;
      s1 ^= s2;
      s0 ^= s3;
      s2 ^= shifted;
      s3 = (s3 << 11) | (s3 >>> 21);
      return result;
    },
    below(count) {
      checkCount(count);
      // Lemire 2019: the high word of draw × count, with the draws rejected that would make some results likelier.
      let draw = stream.next();
      let low = Math.imul(draw, count) >>> 0;
      while (low < count && low < unfairBelow(count)) {
        draw = stream.next();
        low = Math.imul(draw, count) >>> 0;
      }
      return (draw * count - low) / 2 ** 32;
    },
    fillBelow(target, count) {
      checkCount(count);
      const unfair = unfairBelow(count);
      let [a, b, c, d] = [s0, s1, s2, s3];
      for (let i = 0; i < target.length; ) {
        const scaled = Math.imul(b, 5);
        const draw = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
        const shifted = b << 9;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= shifted;
        d = (d << 11) | (d >>> 21);
        const low = Math.imul(draw, count) >>> 0;
        if (low >= unfair) target[i++] = (draw * count - low) / 2 ** 32;
      }
      [s0, s1, s2, s3] = [a, b, c, d];
    },
    shuffle(values, from = 0, length = values.length - from) {
      checkCount(Math.max(1, length));
      let [a, b, c, d] = [s0, s1, s2, s3];
      for (let count = length; count > 1; ) {
        const scaled = Math.imul(b, 5);
        const draw = Math.imul((scaled << 7) | (scaled >>> 25), 9) >>> 0;
        const shifted = b << 9;
        c ^= a;
        d ^= b;
        b ^= c;
        a ^= d;
        c ^= shifted;
        d = (d << 11) | (d >>> 21);
        const low = Math.imul(draw, count) >>> 0;
        if (low < count && low < unfairBelow(count)) continue;
        const other = from + (draw * count - low) / 2 ** 32;
        const last = from + --count;
        const kept = values[last]!;
        values[last] = values[other]!;
        values[other] = kept;
      }
      [s0, s1, s2, s3] = [a, b, c, d];
    },
  };
  return stream;
}

function checkCount(count: number): void {
  if (!(count >= 1 && count <= MAX_COUNT)) throw new RangeError(`no integer below ${count} can be drawn`);
}

/** 2³² modulo count, in 32-bit arithmetic: so many of the low words are left out. */
function unfairBelow(count: number): number {
  return (-count >>> 0) % count;
}

/** What is added to a value and to a word that are mixed, and the factors of MurmurHash3's fmix32. */
export const MIXED = { value: 0x9e3779b9, word: 0x6a09e667, factors: [0x85ebca6b, 0xc2b2ae35] } as const;

/** One word with one integer mixed in: a bijection of each of them for a fixed value of the other. */
function mix(word: number, value: number): number {
  let h = word ^ finalise(value + MIXED.value);
  h = finalise(h);
  return (h + MIXED.word) | 0;
}

/** fmix32 of MurmurHash3 (Appleby, public domain). */
function finalise(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), MIXED.factors[0]);
  h = Math.imul(h ^ (h >>> 13), MIXED.factors[1]);
  return h ^ (h >>> 16);
}
