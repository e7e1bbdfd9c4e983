import { assemble } from '../../../common/wasm/assembler.ts';
import { compile, type Workspace } from '../../../common/wasm/own.mjs';
import type { Orientation } from '../decode.ts';
import type { Pixels } from '../pixels.ts';
import { type ColourRow, colourRow, type GreyRow, greyRow, MARGIN } from './colour.ts';
import { type Component, type Header, plainHeader } from './header.ts';
import { huffmanTable, TABLE_BYTES } from './huffman.ts';
import { BELOW, BLOCK, type DecodeRow, decodeRow, STATE } from './scan.ts';
import { type Unstuff, unstuff } from './unstuff.ts';

/** Images of more pixels than this are left to the library, which decodes them in other threads. */
const MOST_PIXELS = 2 ** 20;

interface Kernels {
  readonly decodeRow: DecodeRow;
  readonly unstuff: Unstuff;
  readonly colour11: ColourRow;
  readonly colour21: ColourRow;
  readonly colour22: ColourRow;
  readonly grey: GreyRow;
}

/** Addresses of what is there for every image. */
const PLACES = {
  state: 16,
  found: 48,
  zigzag: 64,
  coefficients: 128,
  predictors: 256,
  quantisation: 272,
  blocks: 784,
  tables: 1152,
};
const PLANES = PLACES.tables + 4 * TABLE_BYTES;

let newSpace: ((length: number) => Workspace<Kernels>) | undefined;
let kept: Workspace<Kernels> | undefined;

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
  let end = PLANES;
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
  const { kernels, bytes } = workspace(end);
  const numbers = new Int32Array(bytes.buffer);
  if (!putTables(header, bytes, numbers)) return;

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

/** The places of coefficients in a block in the order of the file: along its diagonals, to and fro (ITU T.81, figure A.6). */
const ZIGZAG = Array.from({ length: 64 }, (_, at) => ({ at, sum: (at >> 3) + (at & 7) }))
  .sort((a, b) => a.sum - b.sum || (a.sum % 2 === 0 ? b.at - a.at : a.at - b.at))
  .map(({ at }) => at);

/** False when a table is missing or damaged. */
function putTables(
  { components, quantisation, dcTables, acTables }: Header,
  bytes: Uint8Array,
  numbers: Int32Array,
): boolean {
  ZIGZAG.forEach((place, k) => {
    bytes[PLACES.zigzag + k] = 2 * place;
  });
  const factors = new Uint16Array(bytes.buffer, PLACES.quantisation, 4 * 64);
  return components.every(({ quantisation: number, dcTable, acTable }) => {
    const table = quantisation[number];
    if (!table) return false;
    ZIGZAG.forEach((place, k) => {
      factors[64 * number + place] = table[k]!;
    });
    return putHuffman(dcTables, dcTable, 0, numbers) && putHuffman(acTables, acTable, 1, numbers);
  });
}

const addressOf = (number: number, kind: 0 | 1) => PLACES.tables + (2 * number + kind) * TABLE_BYTES;

function putHuffman(segments: Header['dcTables'], number: number, kind: 0 | 1, numbers: Int32Array): boolean {
  const segment = segments[number];
  if (!segment || number > 1) return false;
  const table = huffmanTable(segment, kind === 0, addressOf(number, kind));
  if (table) numbers.set(table, addressOf(number, kind) / 4);
  return table !== undefined;
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
      numbers[(at + BLOCK.dcTable) / 4] = addressOf(plane.dcTable, 0);
      numbers[(at + BLOCK.acTable) / 4] = addressOf(plane.acTable, 1);
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

/** At least `length` bytes; what was there is gone. */
function workspace(length: number): Workspace<Kernels> {
  newSpace ??= compile<Kernels>(
    assemble(
      {
        decodeRow: decodeRow(),
        unstuff: unstuff(),
        colour11: colourRow({ across: 1, down: 1 }),
        colour21: colourRow({ across: 2, down: 1 }),
        colour22: colourRow({ across: 2, down: 2 }),
        grey: greyRow(),
      },
      false,
    ),
  );
  if (!kept || kept.bytes.length < length) kept = newSpace(Math.max(2 ** 21, length * 1.25));
  return kept;
}
