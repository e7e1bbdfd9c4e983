import type { Orientation } from '../decode.ts';
import type { Pixels } from '../pixels.ts';
import { MARGIN } from './colour.ts';
import { type Component, plainHeader } from './header.ts';
import { BELOW, BLOCK, STATE } from './scan.ts';
import { FREE, type Kernels, PLACES, putTables, tableAt, workspace } from './space.ts';

/** Images of more pixels than this are left to the library, which decodes them in other threads. */
const MOST_PIXELS = 2 ** 20;

/** Samples of a component: rows of `stride` bytes, of which `width × height` count. */
interface Plane extends Component {
  readonly at: number;
  readonly stride: number;
  readonly width: number;
  readonly height: number;
}

/**
 * Decodes a JPEG file of the plain kind to RGB, as `decode` does, at once. Undefined for any other file, and for one in which anything is
 * wrong or out of the ordinary: what becomes of these is the library's affair. The pixels lie in memory that the next call writes over.
 */
export function decodePlainJpeg(file: Buffer, orientation: Orientation): Pixels | undefined {
  const header = plainHeader(file);
  if (!header || (header.hasExif && orientation === 'apply')) return;
  const { width, height, components, data } = header;
  const sampling = samplingOf(components);
  if (!sampling || width * height > MOST_PIXELS || (sampling.across === 2 && width < 8)) return;

  const [mcuWidth, mcuHeight] = [8 * sampling.across, 8 * sampling.down];
  const [mcus, mcuRows] = [Math.ceil(width / mcuWidth), Math.ceil(height / mcuHeight)];
  let end = FREE;
  const take = (length: number) => {
    const at = end;
    end = (end + length + 15) & ~15;
    return at;
  };
  const planes = components.map((component): Plane => {
    const stride = mcus * 8 * component.across + 2 * MARGIN;
    const at = take(stride * mcuRows * 8 * component.down) + MARGIN;
    const size = (length: number, most: number, own: number) => Math.ceil((length * own) / most);
    return {
      ...component,
      at,
      stride,
      width: size(width, sampling.across, component.across),
      height: size(height, sampling.down, component.down),
    };
  });
  const out = take(width * height * 3 + 3 * MARGIN);
  const length = file.length - data;
  const raw = take(length + MARGIN);
  const reversed = take(BELOW + length + MARGIN) + BELOW + length;
  if (length > MOST_PIXELS * 3) return;
  const space = workspace(end);
  const { kernels, bytes, numbers } = space;
  if (!putTables(header, space)) return;

  bytes.set(file.subarray(data), raw);
  bytes[raw + length] = 0;
  kernels.unstuff(raw, raw + length, reversed, PLACES.found);
  const stopped = numbers[PLACES.found / 4]! - raw + data;
  const lowest = numbers[PLACES.found / 4 + 1]!;
  // The scan must end with the file's end mark, right behind the last code.
  if (file[stopped] !== 0xff || file[stopped + 1] !== 0xd9) return;

  numbers.fill(0, PLACES.predictors / 4, PLACES.predictors / 4 + 3);
  numbers.fill(0, PLACES.state / 4, PLACES.state / 4 + 5);
  numbers[(PLACES.state + STATE.next) / 4] = reversed;
  for (let row = 0; row < mcuRows; row++) {
    const last = putBlocks(planes, row, numbers);
    kernels.decodeRow(
      PLACES.state,
      PLACES.blocks,
      last,
      mcus,
      PLACES.coefficients,
      PLACES.zigzag,
      lowest - BELOW / 2,
    );
    if (numbers[(PLACES.state + STATE.failed) / 4] !== 0) return;
  }
  const rest =
    (numbers[(PLACES.state + STATE.next) / 4]! - lowest) * 8 + numbers[(PLACES.state + STATE.left) / 4]!;
  if (rest < 0 || rest > 7) return;
  colourRows(planes, sampling, width, height, out, kernels, bytes);
  return { data: bytes.subarray(out, out + width * height * 3), width, height };
}

/** How the first of three components is sampled beside the others; undefined where there is no kernel for it. */
function samplingOf(components: readonly Component[]) {
  const [{ across, down }, ...others] = components as readonly [Component, ...Component[]];
  if (others.some((each) => each.across !== 1 || each.down !== 1)) return;
  if (down === 1 && across === 1) return { across, down } as const;
  if (others.length === 0 || across !== 2) return;
  if (down === 1) return { across, down } as const;
  return down === 2 ? ({ across, down } as const) : undefined;
}

/** Lists the blocks of the first MCU of a row; returns where the list ends. */
function putBlocks(planes: readonly Plane[], row: number, numbers: Int32Array): number {
  let at = PLACES.blocks;
  for (const [i, { across, down, stride, ...plane }] of planes.entries()) {
    for (let block = 0; block < across * down; block++) {
      const y = 8 * (row * down + Math.floor(block / across));
      numbers[(at + BLOCK.to) / 4] = plane.at + y * stride + 8 * (block % across);
      numbers[(at + BLOCK.step) / 4] = 8 * across;
      numbers[(at + BLOCK.stride) / 4] = stride;
      numbers[(at + BLOCK.dcTable) / 4] = tableAt(plane.dcTable, 0);
      numbers[(at + BLOCK.acTable) / 4] = tableAt(plane.acTable, 1);
      numbers[(at + BLOCK.quantisation) / 4] = PLACES.quantisation + 128 * plane.quantisation;
      numbers[(at + BLOCK.predictor) / 4] = PLACES.predictors + 4 * i;
      at += BLOCK.size;
    }
  }
  return at;
}

function colourRows(
  [brightness, blue, red]: readonly Plane[],
  { across, down }: { across: 1 | 2; down: 1 | 2 },
  width: number,
  height: number,
  out: number,
  kernels: Kernels,
  bytes: Uint8Array,
): void {
  const { at, stride } = brightness!;
  const kernel = across === 1 ? kernels.colour11 : down === 1 ? kernels.colour21 : kernels.colour22;
  for (const { at, stride, width, height } of blue && red ? [blue, red] : []) {
    for (let y = 0, row = at; y < height; y++, row += stride) {
      bytes[row - 1] = bytes[row]!;
      bytes[row + width] = bytes[row + width - 1]!;
    }
  }
  for (let y = 0; y < height; y++) {
    const from = at + y * stride;
    const to = out + y * width * 3;
    if (!blue || !red) {
      kernels.grey(from, from + width, to);
      continue;
    }
    const near = down === 1 ? y : y >> 1;
    const other = down === 1 ? y : Math.min(blue.height - 1, Math.max(0, y % 2 === 0 ? near - 1 : near + 1));
    const address = (plane: Plane, row: number) => plane.at + row * plane.stride - (across === 2 ? 1 : 0);
    kernel(
      from,
      from + width,
      address(blue, near),
      address(blue, other),
      address(red, near),
      address(red, other),
      to,
    );
  }
}
