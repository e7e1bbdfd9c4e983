import { crc32 } from 'node:zlib';
import type { Dice } from '../random.ts';
import { edge, mutateBytes, putInteger } from './bytes.ts';

/** A change of an image's frame: lengths and heads of JPEG segments, PNG chunks (checksums made right) or RIFF chunks. */
export function mutateImage(bytes: Buffer, other: Buffer, dice: Dice): Buffer {
  if (bytes[0] === 0x89) return mutatePng(bytes, other, dice);
  if (bytes[0] === 0xff) return mutateAt(bytes, other, jpegHeads(bytes), dice, true);
  if (bytes.toString('latin1', 0, 4) === 'RIFF')
    return mutateAt(bytes, other, [4, 12, 16, 20, 23, 26, 30], dice, false);
  return mutateAt(
    bytes,
    other,
    Array.from({ length: 64 }, (_, i) => i),
    dice,
    dice.oneIn(2),
  );
}

/** Replaces a few bytes near one of some places. */
function mutateAt(bytes: Buffer, other: Buffer, places: readonly number[], dice: Dice, big: boolean): Buffer {
  if (places.length === 0 || dice.oneIn(5)) return mutateBytes(bytes, other, dice);
  const copy = Buffer.from(bytes);
  const at = dice.pick(places) + dice.below(12);
  const width = dice.pick([1, 2, 2, 4]);
  if (at + width > copy.length) return copy;
  putInteger(copy, at, width, dice.oneIn(2) ? edge(dice) : BigInt(dice.below(65536)), big);
  return copy;
}

function jpegHeads(bytes: Buffer): number[] {
  const found: number[] = [];
  for (let at = 2; at + 4 <= bytes.length && bytes[at] === 0xff; at += 2 + bytes.readUInt16BE(at + 2)) {
    found.push(at, at);
    if (bytes[at + 1] === 0xda) break;
  }
  return found;
}

function mutatePng(bytes: Buffer, other: Buffer, dice: Dice): Buffer {
  const chunks = pngChunks(bytes);
  if (chunks.length === 0 || dice.oneIn(6)) return mutateBytes(bytes, other, dice);
  const at = dice.below(chunks.length);
  const { type, data } = chunks[at]!;
  const edits: readonly (() => void)[] = [
    () => chunks.splice(at, 1),
    () => chunks.splice(dice.below(chunks.length), 0, chunks[at]!),
    () => chunks.splice(at, 1, { type, data: mutateBytes(data, data, dice) }),
    () => chunks.splice(at, 1, { type, data: mutateAt(data, data, [0, 4, 8], dice, true) }),
    () =>
      chunks.splice(0, 1, {
        type: 'IHDR',
        data: mutateAt(chunks[0]!.data, data, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9], dice, true),
      }),
    () =>
      chunks.splice(at, 0, {
        type: dice.pick(['PLTE', 'tRNS', 'iCCP', 'eXIf', 'zTXt', 'acTL', 'IDAT', 'CgBI']),
        data,
      }),
  ];
  dice.pick(edits)();
  return pngOf(chunks);
}

export interface Chunk {
  readonly type: string;
  readonly data: Buffer;
}

export function pngOf(chunks: readonly Chunk[]): Buffer {
  const parts = chunks.flatMap(({ type, data }) => {
    const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(data.length);
    sum.writeUInt32BE(crc32(body));
    return [length, body, sum];
  });
  return Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n', 'latin1'), ...parts]);
}

function pngChunks(bytes: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    chunks.push({
      type: bytes.toString('latin1', at + 4, at + 8),
      data: bytes.subarray(at + 8, at + 8 + length),
    });
    at += 12 + length;
  }
  return chunks;
}
