import { type Pixels, roomFor, type Window } from './pixels.ts';
import type { Interpolation, Size } from './preprocess-spec.ts';
import { filter } from './resize-filter.ts';
import { weightsOf } from './resize-weights.ts';

/**
 * Resizes a whole image to `size` the way `PIL.Image.resize` does, and returns the given window of the result (which
 * must lie within it) as `window.height × window.width × 3` bytes, written `into` what is given. Only pixels that the window
 * needs are computed.
 *
 * Two passes, rows first, each rounded to 8 bits, in the same fixed point as Pillow's; an axis that keeps its length is
 * not filtered. Tested to agree with Pillow bit for bit.
 */
export function resize(
  image: Pixels,
  size: Size,
  window: Window,
  interpolation: Interpolation,
  into = roomFor(window.height, window.width),
): Uint8Array {
  const [height, width] = size;
  if (height === image.height && width === image.width) return cut(image, window, into);
  if (interpolation === 'nearest') return nearest(image, size, window, into);
  const columns =
    width === image.width
      ? undefined
      : weightsOf(image.width, width, window.left, window.width, interpolation);
  const rows =
    height === image.height
      ? undefined
      : weightsOf(image.height, height, window.top, window.height, interpolation);
  return filter(image, window, columns, rows, into);
}

/** Copies a window of an image. */
export function cut(image: Pixels, window: Window, into = roomFor(window.height, window.width)): Uint8Array {
  const { top, left, height, width } = window;
  if (width === image.width) {
    into.set(image.data.subarray(top * width * 3, (top + height) * width * 3));
    return into;
  }
  for (let y = 0; y < height; y++) {
    const start = ((top + y) * image.width + left) * 3;
    into.set(image.data.subarray(start, start + width * 3), y * width * 3);
  }
  return into;
}

/** Takes the input pixel in which each output pixel's centre lies; positions are summed up step by step, as Pillow's. */
function nearest(image: Pixels, [height, width]: Size, window: Window, into: Uint8Array): Uint8Array {
  const columns = positions(image.width, width);
  const rows = positions(image.height, height);
  let to = 0;
  for (let y = window.top; y < window.top + window.height; y++) {
    for (let x = window.left; x < window.left + window.width; x++) {
      const from = (rows[y]! * image.width + columns[x]!) * 3;
      into[to++] = image.data[from]!;
      into[to++] = image.data[from + 1]!;
      into[to++] = image.data[from + 2]!;
    }
  }
  return into;
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
