import type { Dice } from '../random.ts';
import { HOSTILE, mutateBytes } from './bytes.ts';

/** Fields of a tar header: where they begin and how long they are. */
const FIELDS: readonly (readonly [from: number, length: number])[] = [
  [0, 100],
  [100, 8],
  [124, 12],
  [124, 12],
  [124, 12],
  [136, 12],
  [156, 1],
  [156, 1],
  [157, 100],
  [257, 8],
  [345, 155],
];

const SIZES: readonly string[] = [
  '00000000000\0',
  '77777777777\0',
  '-0000000001\0',
  '            ',
  '9999999999\0\0',
  '0x7fffffff\0\0',
  '00000001000 ',
  '\x80\0\0\0\0\0\0\0\0\0\0\x01',
  '\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff',
  '\x80\x7f\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff',
];

/** A change of a field of one of a tar's headers, or of a whole block; most of the time with the checksum made right. */
export function mutateTar(bytes: Buffer, other: Buffer, dice: Dice): Buffer {
  const headers = headersOf(bytes);
  if (headers.length === 0) return mutateBytes(bytes, other, dice);
  const at = dice.pick(headers);
  if (dice.oneIn(4)) return moveBlocks(bytes, other, at, dice);
  const copy = Buffer.from(bytes);
  const [from, length] = dice.pick(FIELDS);
  const block = copy.subarray(at, at + 512);
  const value =
    length === 12
      ? dice.pick(SIZES)
      : length === 1
        ? dice.pick([...'0123456789gxLKSVDMNXA\0\xff'])
        : dice.pick(HOSTILE);
  const replaced = dice.oneIn(3)
    ? mutateBytes(block.subarray(from, from + length), block, dice)
    : Buffer.from(value, length === 12 ? 'latin1' : 'utf8');
  block.fill(0, from, from + length);
  replaced.copy(block, from, 0, length);
  if (!dice.oneIn(8)) fixChecksum(block);
  return copy;
}

function moveBlocks(bytes: Buffer, other: Buffer, at: number, dice: Dice): Buffer {
  const block = bytes.subarray(at, at + 512);
  const foreign = headersOf(other);
  const from = foreign.length > 0 ? dice.pick(foreign) : 0;
  const parts = [
    [bytes.subarray(0, at), bytes.subarray(at + 512)],
    [bytes.subarray(0, at), block, bytes.subarray(at)],
    [bytes.subarray(0, at), other.subarray(from)],
    [bytes.subarray(0, at), Buffer.alloc(512 * (1 + dice.below(3))), bytes.subarray(at)],
    [bytes, other],
  ];
  return Buffer.concat(dice.pick(parts));
}

function headersOf(bytes: Buffer): number[] {
  const found: number[] = [];
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    if (bytes.toString('latin1', at + 257, at + 262) === 'ustar') found.push(at);
  }
  return found;
}

export function fixChecksum(block: Buffer): void {
  block.write('        ', 148);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
}
