import pLimit from 'p-limit';
import sharp from 'sharp';
import { UserError } from '../../common/errors.ts';
import { cmykToRgb } from './cmyk.ts';
import { damageOf, isSupported, jpegComponents, pixelsOf } from './damage.ts';
import { decodePlainJpeg } from './jpeg/index.ts';
import { shownPath } from './names.ts';
import type { Pixels } from './pixels.ts';
import { decodePlainPng } from './png.ts';

/** `apply`: turn the image upright by its EXIF orientation; `ignore`: leave it as stored (torchvision's ImageFolder). */
export type Orientation = 'apply' | 'ignore';

/** Images of more pixels than this are refused (16,384 × 16,384, 800 MB decoded). */
const MAX_PIXELS = 16384 * 16384;

/**
 * Images of more pixels than this (50 MB decoded) are decoded one at a time in a thread: a few kilobytes can hold the
 * largest image there may be, and several are read side by side.
 */
const LARGE_PIXELS = 4096 * 4096;
const oneLarge = pLimit(1);

/** An image that can't be read or decoded. `reason` is the clause that says why. */
export class UnreadableImage extends UserError {
  readonly reason: string;

  constructor(path: string, reason: string) {
    super(
      `The image ${shownPath(path)} can't be decoded: ${reason}. Replace or remove the file, or set \`dataset.on-error: skip\` to leave such images out and list them in the report.`,
    );
    this.reason = reason;
  }
}

/**
 * Decodes an image file to 8-bit RGB with the values that Pillow's `Image.open(f).convert('RGB')` gives: colour profiles
 * are not applied, alpha is dropped without blending, CMYK becomes RGB by Pillow's arithmetic, palettes and low bit
 * depths are expanded, of animations the first frame is taken. Truncated files are errors, as in Pillow.
 *
 * Two differences, both on purpose or rare: 16-bit grey gives its high byte, as 16-bit RGB does (Pillow clips at 255, so
 * that all but the darkest 1/256 of the range becomes white); fully transparent pixels of a GIF are black.
 *
 * Decoding runs in libuv's thread pool, but for small PNG files. Throws an UnreadableImage, which names `path`, when it fails.
 */
export async function decode(encoded: Uint8Array, path: string, orientation: Orientation): Promise<Pixels> {
  return decodePlainPng(bytesOf(encoded)) ?? decodeByLibrary(encoded, path, orientation);
}

/**
 * Decodes an image file as `decode`, but in this thread and at once, when it is of the plain kind that most files are. Undefined when
 * it isn't, or has anything wrong. The pixels may lie in memory that the next call writes over.
 */
export function decodePlain(encoded: Uint8Array, orientation: Orientation): Pixels | undefined {
  const bytes = bytesOf(encoded);
  return decodePlainPng(bytes) ?? decodePlainJpeg(bytes, orientation);
}

/** As `decode`, for files that `decodePlain` didn't take. */
export async function decodeByLibrary(
  encoded: Uint8Array,
  path: string,
  orientation: Orientation,
): Promise<Pixels> {
  if (encoded.length === 0) throw new UnreadableImage(path, 'the file is empty');
  const bytes = bytesOf(encoded);
  try {
    if (isSupported(bytes)) {
      const pixels = pixelsOf(bytes);
      if (pixels > MAX_PIXELS) throw new Error('too many pixels');
      if (pixels <= LARGE_PIXELS) return await decodeSupported(bytes, orientation);
      return await oneLarge(() => decodeSupported(bytes, orientation));
    }
  } catch {
    // What libvips says is of no use: see damageOf.
  }
  throw new UnreadableImage(path, await damageOf(bytes, MAX_PIXELS));
}

const bytesOf = ({ buffer, byteOffset, byteLength }: Uint8Array): Buffer =>
  Buffer.from(buffer, byteOffset, byteLength);

async function decodeSupported(encoded: Buffer, orientation: Orientation): Promise<Pixels> {
  const image = sharp(encoded, { failOn: 'error', ignoreIcc: true, limitInputPixels: MAX_PIXELS });
  const upright = orientation === 'apply' ? image.autoOrient() : image;
  const cmyk = await isCmyk(encoded);
  const ready = cmyk
    ? upright.pipelineColourspace('cmyk').toColourspace('cmyk')
    : upright.toColourspace('srgb').removeAlpha();
  const { data, info } = await ready.raw({ depth: 'uchar' }).toBuffer({ resolveWithObject: true });
  const { width, height } = info;
  if (info.channels !== (cmyk ? 4 : 3)) throw new Error(`it has ${info.channels} channels`);
  return { data: cmyk ? cmykToRgb(data) : data, width, height };
}

/** Whether the file holds four ink channels: told by a JPEG's frame header, for TIFF by the library. */
async function isCmyk(encoded: Buffer): Promise<boolean> {
  if (encoded[0] === 0xff && encoded[1] === 0xd8) return jpegComponents(encoded) === 4;
  const start = encoded.toString('latin1', 0, 2);
  if (start !== 'II' && start !== 'MM') return false;
  return (await sharp(encoded).metadata()).space === 'cmyk';
}
