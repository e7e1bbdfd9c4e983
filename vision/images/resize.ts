import type { Pixels, Window } from './pixels.ts';
import type { Interpolation, Size } from './preprocess-spec.ts';
import { PRECISION, type Weights, weightsOf } from './resize-weights.ts';

/**
 * Resizes a whole image to `size` the way `PIL.Image.resize` does, and returns the given window of the result (which
 * must lie within it) as `window.height × window.width × 3` bytes. Only pixels that the window needs are computed.
 *
 * Two passes, rows first, each rounded to 8 bits, in the same fixed point as Pillow's; an axis that keeps its length is
 * not filtered. Tested to agree with Pillow bit for bit.
 */
export function resize(image: Pixels, size: Size, window: Window, interpolation: Interpolation): Uint8Array {
  const [height, width] = size;
  if (height === image.height && width === image.width) return cut(image, window);
  if (interpolation === 'nearest') return nearest(image, size, window);
  const columns =
    width === image.width
      ? undefined
      : weightsOf(image.width, width, window.left, window.width, interpolation);
  if (height === image.height) return filterRows(image, columns!, window.top, window.height);
  const rows = weightsOf(image.height, height, window.top, window.height, interpolation);
  const { start, count } = neededRows(rows);
  const middle = columns
    ? filterRows(image, columns, start, count)
    : cut(image, { ...window, top: start, height: count });
  return filterColumns(middle, window, rows, start);
}

/** Copies a window of an image. */
export function cut(image: Pixels, { top, left, height, width }: Window): Uint8Array {
  if (top === 0 && left === 0 && width === image.width && height === image.height) return image.data;
  const out = new Uint8Array(height * width * 3);
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * 3;
    out.set(image.data.subarray(start, start + width * 3), y * width * 3);
  }
  return out;
}

/** Rows of the input that the output rows are made of. */
function neededRows({ first, count }: Weights): { start: number; count: number } {
  let start = Number.MAX_SAFE_INTEGER;
  let end = 0;
  for (let y = 0; y < first.length; y++) {
    start = Math.min(start, first[y]!);
    end = Math.max(end, first[y]! + count[y]!);
  }
  return { start, count: end - start };
}

/** Filters input rows `top … top + height` along the rows. */
function filterRows(image: Pixels, columns: Weights, top: number, height: number): Uint8Array {
  const width = columns.first.length;
  const out = new Uint8ClampedArray(height * width * 3);
  let to = 0;
  for (let y = top; y < top + height; y++) {
    for (let x = 0; x < width; x++) {
      weigh(image.data, (y * image.width + columns.first[x]!) * 3, 3, columns, x, out, to);
      to += 3;
    }
  }
  return new Uint8Array(out.buffer);
}

/** Filters along the columns of `middle`, whose first row is input row `start`. */
function filterColumns(middle: Uint8Array, window: Window, rows: Weights, start: number): Uint8Array {
  const bytes = window.width * 3;
  const out = new Uint8ClampedArray(window.height * bytes);
  let to = 0;
  for (let y = 0; y < window.height; y++) {
    const from = (rows.first[y]! - start) * bytes;
    for (let x = 0; x < bytes; x += 3) {
      weigh(middle, from + x, bytes, rows, y, out, to);
      to += 3;
    }
  }
  return new Uint8Array(out.buffer);
}

const HALF = 1 << (PRECISION - 1);

/**
 * One output pixel: the weighted sum of pixels of `data`, the first at `from`, each `step` bytes after the one before,
 * rounded and clamped to 0 … 255. The sums fit 32 bits: 255 times the weights' sum of absolute values, below 1.5 · 2^22.
 */
function weigh(
  data: Uint8Array,
  from: number,
  step: number,
  { count, weights, width }: Weights,
  index: number,
  out: Uint8ClampedArray,
  to: number,
): void {
  let red = HALF;
  let green = HALF;
  let blue = HALF;
  let at = from;
  const end = index * width + count[index]!;
  for (let k = index * width; k < end; k++) {
    const weight = weights[k]!;
    red = (red + Math.imul(data[at]!, weight)) | 0;
    green = (green + Math.imul(data[at + 1]!, weight)) | 0;
    blue = (blue + Math.imul(data[at + 2]!, weight)) | 0;
    at += step;
  }
  out[to] = red >> PRECISION;
  out[to + 1] = green >> PRECISION;
  out[to + 2] = blue >> PRECISION;
}

/** Takes the input pixel in which each output pixel's centre lies; positions are summed up step by step, as Pillow's. */
function nearest(image: Pixels, [height, width]: Size, window: Window): Uint8Array {
  const columns = positions(image.width, width);
  const rows = positions(image.height, height);
  const out = new Uint8Array(window.height * window.width * 3);
  let to = 0;
  for (let y = window.top; y < window.top + window.height; y++) {
    for (let x = window.left; x < window.left + window.width; x++) {
      const from = (rows[y]! * image.width + columns[x]!) * 3;
      out[to++] = image.data[from]!;
      out[to++] = image.data[from + 1]!;
      out[to++] = image.data[from + 2]!;
    }
  }
  return out;
}

function positions(input: number, output: number): Int32Array {
  const step = input / output;
  const found = new Int32Array(output);
  let position = step * 0.5;
  for (let i = 0; i < output; i++) {
    found[i] = Math.min(input - 1, Math.trunc(position));
    position += step;
  }
  return found;
}
