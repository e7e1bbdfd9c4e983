import { compile, type Workspace } from '../../common/wasm/own.mjs';
import type { Pixels, Window } from './pixels.ts';
import { GROUP, GROUP_BYTES, type ResizeKernels, resizeModule, SLACK } from './resize-kernel.ts';
import type { Weights } from './resize-weights.ts';

/** Bytes of input rows that are taken into the kernels' memory at a time, unless one row has more. */
const STRIP = 2 ** 18;
/** Bytes of memory that a thread keeps for the kernels; an image that needs more gets some for itself. */
const KEPT = 2 ** 22;

type Space = Workspace<ResizeKernels>;
let newSpace: ((length: number) => Space) | undefined;
let kept: Space | undefined;

/**
 * A window of an image, filtered along its rows with the weights of `columns`, each value rounded to 8 bits, then along its
 * columns with those of `rows`. Where either is missing, pixels are taken as they are. Writes
 * `window.height × window.width × 3` bytes into `into`.
 */
export function filter(
  image: Pixels,
  window: Window,
  columns: Weights | undefined,
  rows: Weights | undefined,
  into: Uint8Array,
): Uint8Array {
  const top = rows ? rows.from : window.top;
  const height = rows ? rows.to - top : window.height;
  const stride = window.width * 3;
  const strip = Math.max(STRIP, image.width * 3);
  // Weights first, then the rows between both passes; behind them a strip of the input, in whose place comes the output.
  const between = Math.max(sizeOf(columns), sizeOf(rows));
  const other = between + (height + GROUP) * stride + SLACK;
  const space = workspace(other + Math.max(strip, window.height * stride) + SLACK);
  if (columns) {
    const part = { ...window, top, height };
    filterRows(image, part, columns, space, { from: other, strip, to: between });
  } else {
    for (let y = 0; y < height; y++) {
      const from = ((top + y) * image.width + window.left) * 3;
      space.bytes.set(image.data.subarray(from, from + stride), between + y * stride);
    }
  }
  if (rows) filterColumns(window, rows, space, { from: between, to: other });
  const out = rows ? other : between;
  into.set(space.bytes.subarray(out, out + window.height * stride));
  return into;
}

/** Filters rows of the input, strip by strip, each taken to the address `from`. */
function filterRows(
  image: Pixels,
  { top, height, width }: Window,
  columns: Weights,
  { kernels, bytes }: Space,
  { from, strip, to }: { from: number; strip: number; to: number },
): void {
  const firsts = bytesOf(columns.first.map((pixel) => 3 * pixel));
  const weights = firsts.length;
  bytes.set(firsts);
  bytes.set(bytesOf(columns.packed), weights);
  const stride = image.width * 3;
  const together = Math.floor(strip / stride);
  for (let y = 0; y < height; y += together) {
    const count = Math.min(together, height - y);
    bytes.set(image.data.subarray((top + y) * stride, (top + y + count) * stride), from);
    for (let i = 0; i < count; i++) {
      const target = to + (y + i) * width * 3;
      kernels.alongRow(from + i * stride, 0, weights, weights, columns.groups * GROUP_BYTES, target);
    }
  }
}

/** Filters the rows at `from` along the columns, of which the first is the first that has a weight. */
function filterColumns(
  { height, width }: Window,
  rows: Weights,
  { kernels, bytes }: Space,
  { from, to }: { from: number; to: number },
): void {
  bytes.set(bytesOf(rows.packed));
  const stride = width * 3;
  const length = rows.groups * GROUP_BYTES;
  for (let y = 0; y < height; y++) {
    const row = from + (rows.first[y]! - rows.from) * stride;
    kernels.alongColumns(row, row + stride, stride, y * length, (y + 1) * length, to + y * stride);
  }
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Int32Array | Int16Array): Uint8Array =>
  new Uint8Array(buffer, byteOffset, byteLength);

function sizeOf(weights: Weights | undefined): number {
  return weights ? weights.first.byteLength + weights.packed.byteLength : 0;
}

/** At least `length` bytes of memory, with anything in it. */
function workspace(length: number): Space {
  newSpace ??= compile<ResizeKernels>(resizeModule());
  if (length > KEPT) return newSpace(length);
  kept ??= newSpace(KEPT);
  return kept;
}
