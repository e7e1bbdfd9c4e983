import type { Interpolation } from './preprocess-spec.ts';
import { GROUP, PRECISION, SPLIT } from './resize-kernel.ts';

/** Filters that weigh a neighbourhood of pixels; `nearest` takes one pixel and has no weights. */
export type Filter = Exclude<Interpolation, 'nearest'>;

/**
 * Weights of a stretch of one axis in fixed point. The stretch's output pixel `i` is the sum of its weights times as many
 * input pixels from `first[i]` on, in units of 2^-22. Every pixel has the same number of groups of weights, the last of
 * them zeros where it needs fewer; `packed` holds them as the kernels take them.
 */
export interface Weights {
  readonly first: Int32Array;
  /** The input pixels that have weights: `from … to`. */
  readonly from: number;
  readonly to: number;
  readonly groups: number;
  readonly packed: Int16Array;
}

const FILTERS: Record<Filter, { readonly support: number; readonly at: (x: number) => number }> = {
  box: { support: 0.5, at: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, at: (x) => Math.max(0, 1 - Math.abs(x)) },
  bicubic: { support: 2, at: (x) => cubic(Math.abs(x)) },
  lanczos: { support: 3, at: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Keys' cubic convolution kernel with a = -1/2, which Pillow uses (OpenCV and PyTorch's tensors: -3/4). */
function cubic(x: number): number {
  const a = -0.5;
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

function sinc(x: number): number {
  if (x === 0) return 1;
  return Math.sin(x * Math.PI) / (x * Math.PI);
}

/**
 * Weights that take an axis of `input` pixels to `output` pixels, for output pixels `start … start + length` of it. When
 * the axis shrinks, the filter is stretched by the
 * same factor, which is what antialiasing means here. Written after the description of Pillow's resampling: the filter
 * is centred on the output pixel's centre, cut at the image's edge, normalised to a sum of 1 in doubles, then rounded
 * (halves away from zero) to 22 fractional bits.
 */
export function weightsOf(
  input: number,
  output: number,
  start: number,
  length: number,
  filter: Filter,
): Weights {
  const key = `${filter} ${input} ${output} ${start} ${length}`;
  const known = cache.get(key);
  if (known) return known;
  const computed = compute(input, output, start, length, filter);
  if (cache.size >= CACHED) cache.delete(cache.keys().next().value!);
  cache.set(key, computed);
  return computed;
}

const CACHED = 64;
const cache = new Map<string, Weights>();

function compute(input: number, output: number, start: number, length: number, name: Filter): Weights {
  const filter = FILTERS[name];
  const scale = input / output;
  const stretch = Math.max(scale, 1);
  const support = filter.support * stretch;
  const width = Math.ceil(support) * 2 + 1;
  const first = new Int32Array(length);
  const count = new Int32Array(length);
  const weights = new Int32Array(length * width);
  const exact = new Float64Array(width);
  for (let i = 0; i < length; i++) {
    const centre = (start + i + 0.5) * scale;
    const left = Math.max(0, Math.trunc(centre - support + 0.5));
    const taps = Math.min(input, Math.trunc(centre + support + 0.5)) - left;
    let sum = 0;
    for (let k = 0; k < taps; k++) {
      exact[k] = filter.at((k + left - centre + 0.5) * (1 / stretch));
      sum += exact[k]!;
    }
    first[i] = left;
    count[i] = taps;
    for (let k = 0; k < taps; k++) {
      weights[i * width + k] = fixedPoint(sum === 0 ? exact[k]! : exact[k]! / sum);
    }
  }
  return pack(first, count, weights, width);
}

/** @param weights `width` for each output pixel, of which `count` are its own */
function pack(first: Int32Array, count: Int32Array, weights: Int32Array, width: number): Weights {
  const groups = Math.ceil(count.reduce((a, b) => Math.max(a, b)) / GROUP);
  const packed = new Int16Array(first.length * groups * 2 * GROUP);
  let to = 0;
  for (let i = 0; i < first.length; i++) {
    to = Math.max(to, first[i]! + count[i]!);
    for (let k = 0; k < count[i]!; k++) {
      const weight = weights[i * width + k]!;
      const at = (i * groups + Math.floor(k / GROUP)) * 2 * GROUP + (k % GROUP);
      packed[at] = weight >> SPLIT;
      packed[at + GROUP] = weight & (2 ** SPLIT - 1);
    }
  }
  return { first, from: first.reduce((a, b) => Math.min(a, b)), to, groups, packed };
}

function fixedPoint(weight: number): number {
  const scaled = weight * 2 ** PRECISION;
  return Math.trunc(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}
