import { crc32, inflateSync } from 'node:zlib';
import type { Pixels } from './pixels.ts';

/** Images of more pixels than this are left to the library, which decodes them in other threads. */
const MOST_PIXELS = 128 * 128;

/** Chunks that have no bearing on the pixels. */
const IDLE = ['gAMA', 'cHRM', 'sRGB', 'pHYs', 'tIME'];

/** Bytes of a pixel by colour type: grey, RGB, palette, grey and alpha, RGBA. */
const BYTES: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/**
 * Decodes a small PNG file of the plain kind to RGB as `decode` does: 8 bits a channel, not interlaced, nothing in it but the
 * picture. Undefined for any other file, and for one with anything wrong: what becomes of these is the library's affair, whose set-up
 * for an image costs more than decoding 32 × 32 pixels.
 */
export function decodePlainPng(file: Buffer): Pixels | undefined {
  if (file.length < 57 || file.readUInt32BE(0) !== 0x89504e47 || file.readUInt32BE(4) !== 0x0d0a1a0a) return;
  const [width, height, colour] = [file.readUInt32BE(16), file.readUInt32BE(20), file[25]!];
  const pixelBytes = BYTES[colour];
  if (!pixelBytes || width * height === 0 || width * height > MOST_PIXELS) return;
  // Bit depth, then compression, filter and interlace methods.
  if (file[24] !== 8 || file[26] !== 0 || file[27] !== 0 || file[28] !== 0) return;
  const chunks = chunksOf(file);
  if (!chunks || (colour === 3) !== (chunks.palette !== undefined)) return;
  const rows = inflated(chunks.data, height * (width * pixelBytes + 1));
  if (!rows || !unfilter(rows, height, width * pixelBytes, pixelBytes)) return;
  const data = toRgb(rows, height, width, pixelBytes, chunks.palette);
  return data && { data, width, height };
}

/** The chunks that matter, when all are whole and in their order: header, palette, data, end. */
function chunksOf(file: Buffer): { data: Buffer; palette: Buffer | undefined } | undefined {
  const parts: Buffer[] = [];
  let palette: Buffer | undefined;
  let before = '';
  for (let at = 8; at + 12 <= file.length; ) {
    const length = file.readUInt32BE(at);
    const end = at + 8 + length;
    if (end + 4 > file.length || crc32(file.subarray(at + 4, end)) !== file.readUInt32BE(end)) return;
    const name = file.toString('latin1', at + 4, at + 8);
    const body = file.subarray(at + 8, end);
    if ((before === '') !== (name === 'IHDR') || (name === 'IHDR' && length !== 13)) return;
    if (name === 'IEND') return parts.length > 0 && length === 0 ? { data: one(parts), palette } : undefined;
    if (name === 'IDAT') {
      if (parts.length > 0 && before !== 'IDAT') return;
      parts.push(body);
    } else if (name === 'PLTE') {
      if (palette || parts.length > 0 || length % 3 !== 0 || length > 768) return;
      palette = body;
    } else if (name !== 'IHDR' && !IDLE.includes(name)) return;
    before = name;
    at = end + 4;
  }
  return;
}

const one = (parts: readonly Buffer[]): Buffer => (parts.length === 1 ? parts[0]! : Buffer.concat(parts));

/** The data, when there are exactly as many bytes of it as wanted. */
function inflated(data: Buffer, length: number): Buffer | undefined {
  try {
    const rows = inflateSync(data, { chunkSize: Math.max(64, length), maxOutputLength: length });
    return rows.length === length ? rows : undefined;
  } catch {
    return undefined;
  }
}

/** Undoes the filters in place (PNG specification §9). False when there is one that isn't known. */
function unfilter(rows: Uint8Array, height: number, stride: number, pixelBytes: number): boolean {
  const before = stride + 1;
  for (let y = 0, at = 1; y < height; y++, at += before) {
    const filter = rows[at - 1]!;
    if (filter > 4) return false;
    const end = at + stride;
    const second = at + pixelBytes;
    if (filter === 1) for (let i = second; i < end; i++) rows[i]! += rows[i - pixelBytes]!;
    else if (filter === 2 && y > 0) for (let i = at; i < end; i++) rows[i]! += rows[i - before]!;
    else if (filter > 2) {
      for (let i = at; i < end; i++) {
        const left = i < second ? 0 : rows[i - pixelBytes]!;
        const above = y === 0 ? 0 : rows[i - before]!;
        const aboveLeft = i < second || y === 0 ? 0 : rows[i - before - pixelBytes]!;
        rows[i]! += filter === 3 ? (left + above) >> 1 : nearestOf(left, above, aboveLeft);
      }
    }
  }
  return true;
}

/** Paeth's predictor: whichever of left, above and upper left is nearest to a + b − c. */
function nearestOf(a: number, b: number, c: number): number {
  const toA = Math.abs(b - c);
  const toB = Math.abs(a - c);
  const toC = Math.abs(a + b - c - c);
  return toA <= toB && toA <= toC ? a : toB <= toC ? b : c;
}

/** Rows with their filter bytes to three bytes a pixel; undefined when a pixel has no colour in the palette. */
function toRgb(rows: Buffer, height: number, width: number, pixelBytes: number, palette: Buffer | undefined) {
  const out = new Uint8Array(height * width * 3);
  const grey = pixelBytes < 3;
  for (let y = 0, at = 0, to = 0; y < height; y++) {
    at++;
    for (let x = 0; x < width; x++, at += pixelBytes, to += 3) {
      const colours = palette ?? rows;
      const from = palette ? 3 * rows[at]! : at;
      if (palette && from >= palette.length) return undefined;
      const step = grey && !palette ? 0 : 1;
      out[to] = colours[from]!;
      out[to + 1] = colours[from + step]!;
      out[to + 2] = colours[from + 2 * step]!;
    }
  }
  return out;
}
