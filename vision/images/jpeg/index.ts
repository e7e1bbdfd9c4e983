import type { Orientation } from '../decode.ts';
import type { Pixels } from '../pixels.ts';
import type { Sampling } from './colour.ts';
import { plainHeader } from './header.ts';
import { type Layout, layOut, type Plane, putBlocks, samplingOf } from './planes.ts';
import { BELOW, STATE } from './scan.ts';
import { PLACES, putTables, type Space, workspace } from './space.ts';

/** Images of more pixels than this are left to the library, which decodes them in other threads; and longer files. */
const MOST_PIXELS = 2 ** 20;
const MOST_BYTES = 3 * MOST_PIXELS;

/** libjpeg interpolates narrower colours in another way. */
const LEAST_WIDTH = 8;

/**
 * Decodes a JPEG file of the plain kind to RGB as `decode` does, at once. Undefined for any other file, and for one in which
 * anything is wrong or out of the ordinary: what becomes of these is the library's affair. The pixels lie in memory that
 * the next call writes over, of which a thread keeps as much as its largest image needed (15 MB at most).
 */
export function decodePlainJpeg(file: Buffer, orientation: Orientation): Pixels | undefined {
  const header = plainHeader(file);
  if (!header || (orientation === 'apply' && header.orientation !== 1)) return;
  const { width, height, components } = header;
  const sampling = samplingOf(components);
  if (!sampling || (sampling.across === 2 && width < LEAST_WIDTH)) return;
  const data = file.subarray(header.data);
  if (width * height > MOST_PIXELS || data.length > MOST_BYTES) return;

  const layout = layOut(header, sampling, data.length);
  const space = workspace(layout.end);
  if (!putTables(header, space) || !decodeScan(data, layout, space)) return;
  makeRgb(layout, sampling, width, height, space);
  return { data: space.bytes.subarray(layout.out, layout.out + width * height * 3), width, height };
}

/** Decodes a scan's data into the planes; false unless the file's end mark comes right behind the last code. */
function decodeScan(data: Buffer, layout: Layout, { kernels, bytes, numbers }: Space): boolean {
  const { planes, raw, reversed, mcus, mcuRows } = layout;
  bytes.set(data, raw);
  bytes[raw + data.length] = 0;
  kernels.unstuff(raw, raw + data.length, reversed, PLACES.found);
  const stopped = numbers[PLACES.found / 4]! - raw;
  const lowest = numbers[PLACES.found / 4 + 1]!;
  if (data[stopped] !== 0xff || data[stopped + 1] !== 0xd9) return false;

  const { state, predictors, blocks, coefficients, zigzag } = PLACES;
  const inState = (offset: number) => (state + offset) / 4;
  numbers.fill(0, predictors / 4, predictors / 4 + planes.length);
  numbers.fill(0, inState(0), inState(STATE.size));
  numbers[inState(STATE.next)] = reversed;
  for (let row = 0; row < mcuRows; row++) {
    const end = putBlocks(planes, row, numbers);
    kernels.decodeRow(state, blocks, end, mcus, coefficients, zigzag, lowest - BELOW / 2);
    if (numbers[inState(STATE.failed)] !== 0) return false;
  }
  const unused = 8 * (numbers[inState(STATE.next)]! - lowest) + numbers[inState(STATE.left)]!;
  return unused >= 0 && unused < 8;
}

function makeRgb({ planes, out }: Layout, sampling: Sampling, width: number, height: number, space: Space) {
  const [brightness, blue, red] = planes as readonly [Plane, Plane?, Plane?];
  const { kernels, bytes } = space;
  const from = (y: number) => brightness.at + y * brightness.stride;
  const to = (y: number) => out + y * width * 3;
  if (!blue || !red) {
    for (let y = 0; y < height; y++) kernels.grey(from(y), from(y) + width, to(y));
    return;
  }
  repeatEdges(blue, bytes);
  repeatEdges(red, bytes);
  const { across, down } = sampling;
  const kernel = across === 1 ? kernels.colour11 : down === 1 ? kernels.colour21 : kernels.colour22;
  // Where a kernel interpolates, rows are given by the sample before the first.
  const row = ({ at, stride, height }: Plane, y: number) =>
    at + Math.min(height - 1, Math.max(0, y)) * stride - (across - 1);
  for (let y = 0; y < height; y++) {
    const near = Math.floor(y / down);
    const other = down === 1 ? near : near + (y % 2 === 0 ? -1 : 1);
    const [b, r] = [row(blue, near), row(red, near)];
    kernel(from(y), from(y) + width, b, row(blue, other), r, row(red, other), to(y));
  }
}

/** Repeats the first and the last sample of each row on its other side. */
function repeatEdges({ at, stride, width, height }: Plane, bytes: Uint8Array): void {
  for (let y = 0, row = at; y < height; y++, row += stride) {
    bytes[row - 1] = bytes[row]!;
    bytes[row + width] = bytes[row + width - 1]!;
  }
}
