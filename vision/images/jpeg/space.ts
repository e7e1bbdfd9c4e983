import { assemble } from '../../../common/wasm/module.ts';
import { compile, type Workspace } from '../../../common/wasm/own.mjs';
import { type ColourRow, colourRow, type GreyRow, greyRow } from './colour.ts';
import type { Header } from './header.ts';
import { putHuffmanTable, TABLE_BYTES } from './huffman.ts';
import { type DecodeRow, decodeRow } from './scan.ts';
import { type Unstuff, unstuff } from './unstuff.ts';

export interface Kernels {
  readonly decodeRow: DecodeRow;
  readonly unstuff: Unstuff;
  readonly colour11: ColourRow;
  readonly colour21: ColourRow;
  readonly colour22: ColourRow;
  readonly grey: GreyRow;
}

/** The kernels, their memory as bytes and as int32, and the Huffman tables in it, as their segments were. */
export interface Space extends Workspace<Kernels> {
  readonly numbers: Int32Array;
  readonly huffman: (Uint8Array | undefined)[];
}

/** Addresses of what every image needs; from `FREE` on there is room for the rest. */
export const PLACES = {
  state: 16,
  found: 48,
  zigzag: 64,
  coefficients: 128,
  predictors: 256,
  quantisation: 272,
  blocks: 784,
  tables: 1152,
};
export const FREE = PLACES.tables + 4 * TABLE_BYTES;

/** A thread's memory is not made smaller than this. */
const LEAST = 2 ** 21;

let newSpace: ((length: number) => Workspace<Kernels>) | undefined;
let kept: Space | undefined;

/** The thread's own memory, of at least `length` bytes, with anything from `FREE` on. */
export function workspace(length: number): Space {
  if (kept && kept.bytes.length >= length) return kept;
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
  const { kernels, bytes } = newSpace(Math.max(LEAST, length * 1.25));
  kept = { kernels, bytes, numbers: new Int32Array(bytes.buffer), huffman: [] };
  bytes.set(
    ZIGZAG.map((place) => 2 * place),
    PLACES.zigzag,
  );
  return kept;
}

/** The places of coefficients in a block in the order of the file: along its diagonals, to and fro (ITU T.81, figure A.6). */
const ZIGZAG = Array.from({ length: 64 }, (_, at) => ({ at, sum: (at >> 3) + (at & 7) }))
  .sort((a, b) => a.sum - b.sum || (a.sum % 2 === 0 ? b.at - a.at : a.at - b.at))
  .map(({ at }) => at);

/** Address of the Huffman table with this number, for the coefficients at frequency 0 or for the others. */
export const tableAt = (number: number, kind: 0 | 1) => PLACES.tables + (2 * number + kind) * TABLE_BYTES;

/** Puts an image's tables into memory; false when one is missing or damaged. */
export function putTables({ components, quantisation, dcTables, acTables }: Header, space: Space): boolean {
  const factors = new Uint16Array(space.bytes.buffer, PLACES.quantisation, 4 * 64);
  return components.every(({ quantisation: number, dcTable, acTable }) => {
    const table = quantisation[number];
    if (!table) return false;
    for (let k = 0; k < 64; k++) factors[64 * number + ZIGZAG[k]!] = table[k]!;
    return (
      putHuffman(dcTables[dcTable], dcTable, 0, space) && putHuffman(acTables[acTable], acTable, 1, space)
    );
  });
}

/** Most files have the tables of the one before, which stay. */
function putHuffman(segment: Uint8Array | undefined, number: number, kind: 0 | 1, space: Space): boolean {
  if (!segment || number > 1) return false;
  const slot = 2 * number + kind;
  const before = space.huffman[slot];
  if (before && Buffer.compare(before, segment) === 0) return true;
  space.huffman[slot] = undefined;
  const address = tableAt(number, kind);
  const table = space.numbers.subarray(address / 4, (address + TABLE_BYTES) / 4);
  if (!putHuffmanTable(segment, kind === 0, table)) return false;
  space.huffman[slot] = Uint8Array.from(segment);
  return true;
}
