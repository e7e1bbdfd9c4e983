import sharp from 'sharp';

/**
 * Why an image file couldn't be decoded, as a clause for a message. Told from the bytes alone, so that it is the same
 * every time: libvips collects its messages in one place for all threads, where those of several images get mixed up.
 */
export async function damageOf(encoded: Buffer, maxPixels: number): Promise<string> {
  const kind = kindOf(encoded);
  if (!kind) return `it is not an image (JPEG, PNG, WebP, TIFF or GIF), whatever its name says`;
  if (!kind.isWhole) return `${kind.name} files are not supported; convert it to PNG`;
  if (!kind.isWhole(encoded)) return `the ${kind.name} file is cut short`;
  const header = await sharp(encoded, { limitInputPixels: false })
    .metadata()
    .catch(() => undefined);
  if (header && header.width * header.height > maxPixels) {
    return `its ${header.width} × ${header.height} pixels are more than the ${maxPixels} that are allowed`;
  }
  return `the ${kind.name} file is damaged`;
}

/** Whether a file begins like one of a format that we read. libvips would take more: SVG, for one, is text. */
export function isSupported(encoded: Buffer): boolean {
  return kindOf(encoded)?.isWhole !== undefined;
}

function kindOf(encoded: Buffer): Kind | undefined {
  const start = encoded.toString('latin1', 0, 16);
  return KINDS.find(({ magic }) => magic.test(start));
}

interface Kind {
  readonly name: string;
  /** How the file begins. */
  readonly magic: RegExp;
  /** Whether the file reaches its own end mark; absent for formats that can't be read at all. */
  readonly isWhole?: (encoded: Buffer) => boolean;
}

const KINDS: readonly Kind[] = [
  { name: 'JPEG', magic: /^\xff\xd8/, isWhole: hasEndOfJpeg },
  { name: 'PNG', magic: /^\x89PNG/, isWhole: hasEndOfPng },
  {
    name: 'WebP',
    magic: /^RIFF[\s\S]{4}WEBP/,
    isWhole: (bytes) => bytes.readUInt32LE(4) + 8 <= bytes.length,
  },
  { name: 'GIF', magic: /^GIF8/, isWhole: (bytes) => bytes[bytes.length - 1] === 0x3b },
  { name: 'TIFF', magic: /^(II[*+]\0|MM\0[*+])/, isWhole: () => true },
  { name: 'BMP', magic: /^BM/ },
  { name: 'PPM or PGM', magic: /^P[1-6]\s/ },
];

/** An end-of-image marker after the start of the first scan. */
function hasEndOfJpeg(bytes: Buffer): boolean {
  for (const { marker, at } of jpegSegments(bytes)) {
    if (marker === 0xda) return bytes.indexOf(Buffer.from([0xff, 0xd9]), at) > 0;
  }
  return false;
}

/** Width times height as the header says it; for TIFF, whose header may stand anywhere, the most that there may be. */
export function pixelsOf(bytes: Buffer): number {
  const [first, second] = [bytes[0], bytes[1]];
  if (first === 0x89 && bytes.length >= 24) return bytes.readUInt32BE(16) * bytes.readUInt32BE(20);
  if (first === 0x47 && bytes.length >= 10) return bytes.readUInt16LE(6) * bytes.readUInt16LE(8);
  if (first === 0xff && second === 0xd8) {
    const frame = jpegFrame(bytes);
    return frame !== undefined && frame + 9 <= bytes.length
      ? bytes.readUInt16BE(frame + 5) * bytes.readUInt16BE(frame + 7)
      : 0;
  }
  // WebP has no more than 16,383 pixels a side; TIFF is left to the library's own limit.
  return bytes.length < 30 ? 0 : bytes.toString('latin1', 0, 4) === 'RIFF' ? webpPixels(bytes) : LARGEST;
}

/** What stands for an unknown number of pixels: within the limit, and large. */
const LARGEST = 16384 * 16384;

function webpPixels(bytes: Buffer): number {
  const kind = bytes.toString('latin1', 12, 16);
  if (kind === 'VP8X') return (bytes.readUIntLE(24, 3) + 1) * (bytes.readUIntLE(27, 3) + 1);
  if (kind === 'VP8L') {
    const bits = bytes.readUInt32LE(21);
    return ((bits & 0x3fff) + 1) * (((bits >>> 14) & 0x3fff) + 1);
  }
  return (bytes.readUInt16LE(26) & 0x3fff) * (bytes.readUInt16LE(28) & 0x3fff);
}

/** Number of components in a JPEG's frame header (4: CMYK); 0 when there is none. */
export function jpegComponents(bytes: Buffer): number {
  const frame = jpegFrame(bytes);
  return frame === undefined ? 0 : (bytes[frame + 9] ?? 0);
}

/** Where the frame header stands that tells a JPEG's size. */
function jpegFrame(bytes: Buffer): number | undefined {
  for (const { marker, at } of jpegSegments(bytes)) {
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return at;
  }
  return undefined;
}

/** Markers of a JPEG and where they stand, up to the start of the first scan. */
function* jpegSegments(bytes: Buffer): Generator<{ marker: number; at: number }, void, undefined> {
  let at = 2;
  while (at + 4 <= bytes.length) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff || marker === 0xff) {
      at++;
      continue;
    }
    yield { marker, at };
    if (marker === 0xda) return;
    const alone = marker <= 0x01 || (marker >= 0xd0 && marker <= 0xd8);
    at += 2 + (alone ? 0 : bytes.readUInt16BE(at + 2));
  }
}

/** A chain of chunks that reaches IEND. */
function hasEndOfPng(bytes: Buffer): boolean {
  let at = 8;
  while (at + 12 <= bytes.length) {
    if (bytes.toString('latin1', at + 4, at + 8) === 'IEND') return true;
    at += 12 + bytes.readUInt32BE(at);
  }
  return false;
}
