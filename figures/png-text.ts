import { crc32 } from 'node:zlib';

const SIGNATURE_BYTES = 8;
const HEADER_CHUNK_BYTES = 25;
const PIXELS_A_METRE = 96 / 0.0254;

/**
 * A PNG with texts in tEXt chunks right behind its header (PNG, third edition, §11.3.3.2). Keywords: 1–79 characters of
 * Latin-1; texts: Latin-1.
 */
export function withPngText(png: Buffer, texts: Readonly<Record<string, string>>): Buffer {
  const chunks = Object.entries(texts).map(([keyword, text]) =>
    chunk('tEXt', Buffer.from(`${keyword}\0${text}`, 'latin1')),
  );
  return withChunks(png, chunks);
}

/** A PNG that says how large it is meant to be: `scale` of its pixels on 1/96 inch (pHYs, §11.3.4.3). */
export function withPngScale(png: Buffer, scale: number): Buffer {
  const data = Buffer.alloc(9);
  data.writeUInt32BE(Math.round(scale * PIXELS_A_METRE), 0);
  data.writeUInt32BE(Math.round(scale * PIXELS_A_METRE), 4);
  data[8] = 1; // the unit is the metre
  return withChunks(png, [chunk('pHYs', data)]);
}

function withChunks(png: Buffer, chunks: readonly Buffer[]): Buffer {
  const at = SIGNATURE_BYTES + HEADER_CHUNK_BYTES;
  return Buffer.concat([png.subarray(0, at), ...chunks, png.subarray(at)]);
}

function chunk(type: string, data: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data]);
  const check = Buffer.alloc(4);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
