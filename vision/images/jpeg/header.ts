import { exifOrientation } from './exif.ts';

/** A component of a JPEG: brightness, or one of two colours. */
export interface Component {
  /** Samples for every one of the least sampled component. */
  readonly across: number;
  readonly down: number;
  /** Number of its quantisation table. */
  readonly quantisation: number;
  readonly dcTable: number;
  readonly acTable: number;
}

/** What the segments before a JPEG's first scan say. */
export interface Header {
  readonly width: number;
  readonly height: number;
  readonly components: readonly Component[];
  /** By number; 64 bytes in the order of the file. */
  readonly quantisation: readonly (Uint8Array | undefined)[];
  /** By number; a DHT segment's counts and symbols. */
  readonly dcTables: readonly (Uint8Array | undefined)[];
  readonly acTables: readonly (Uint8Array | undefined)[];
  /** Where the data of the scan begin. */
  readonly data: number;
  /** By Exif, 1 to 8; undefined where that isn't clear. */
  readonly orientation: number | undefined;
}

type Mutable = { -readonly [K in keyof Header]: Header[K] } & {
  quantisation: (Uint8Array | undefined)[];
  dcTables: (Uint8Array | undefined)[];
  acTables: (Uint8Array | undefined)[];
  ids: number[];
  hasExif: boolean;
  isJfif: boolean;
  adobe: number | undefined;
};

/**
 * Reads the header of a JPEG of the plain kind: baseline, 8 bits, grey or YCbCr, one scan of all components, no restarts. Undefined for
 * any other, and for one with anything out of the ordinary.
 */
export function plainHeader(file: Buffer): Header | undefined {
  const found: Mutable = {
    width: 0,
    height: 0,
    components: [],
    quantisation: [],
    dcTables: [],
    acTables: [],
    data: 0,
    orientation: 1,
    hasExif: false,
    ids: [],
    isJfif: false,
    adobe: undefined,
  };
  if (file.length < 4 || file.readUInt16BE(0) !== 0xffd8) return;
  for (let at = 2; at + 4 <= file.length; ) {
    if (file[at] !== 0xff) return;
    const length = file.readUInt16BE(at + 2);
    const body = file.subarray(at + 4, at + 2 + length);
    if (length < 2 || body.length !== length - 2) return;
    at += 2 + length;
    const marker = file[at - length - 1]!;
    if (marker === 0xda) {
      found.data = at;
      return scan(body, found) ? found : undefined;
    }
    if (!segment(marker, body, found)) return;
  }
  return;
}

/** Takes in a segment before the scan; false where it isn't of the plain kind. */
function segment(marker: number, body: Buffer, found: Mutable): boolean {
  if (marker === 0xdb) return quantisation(body, found);
  if (marker === 0xc4) return huffman(body, found);
  if (marker === 0xc0) return frame(body, found);
  if (marker === 0xe0) found.isJfif ||= startsWith(body, 'JFIF\0') && body.length >= 14;
  if (marker === 0xe1 && startsWith(body, 'Exif')) {
    found.orientation = found.hasExif ? undefined : exifOrientation(body);
    found.hasExif = true;
  }
  if (marker === 0xee && startsWith(body, 'Adobe')) found.adobe = body[11] ?? -1;
  return marker >= 0xe0 && (marker <= 0xef || marker === 0xfe);
}

const startsWith = (body: Buffer, text: string): boolean => body.toString('latin1', 0, text.length) === text;

function quantisation(body: Buffer, found: Mutable): boolean {
  if (body.length % 65 !== 0) return false;
  for (let at = 0; at < body.length; at += 65) {
    // The upper four bits tell of 16-bit values.
    if (body[at]! > 3) return false;
    found.quantisation[body[at]!] = body.subarray(at + 1, at + 65);
  }
  return true;
}

function huffman(body: Buffer, found: Mutable): boolean {
  for (let at = 0; at < body.length; ) {
    if (at + 17 > body.length) return false;
    const symbols = body.subarray(at + 1, at + 17).reduce((a, b) => a + b, 0);
    const end = at + 17 + symbols;
    const [kind, number] = [body[at]! >> 4, body[at]! & 15];
    if (kind > 1 || number > 3 || symbols > 256 || end > body.length) return false;
    (kind === 0 ? found.dcTables : found.acTables)[number] = body.subarray(at + 1, end);
    at = end;
  }
  return true;
}

function frame(body: Buffer, found: Mutable): boolean {
  const count = body[5];
  if (found.components.length > 0 || (count !== 1 && count !== 3)) return false;
  if (body.length !== 6 + 3 * count || body[0] !== 8) return false;
  found.height = body.readUInt16BE(1);
  found.width = body.readUInt16BE(3);
  found.components = Array.from({ length: count }, (_, i) => {
    const [, sampling, table] = body.subarray(6 + 3 * i, 9 + 3 * i) as unknown as [number, number, number];
    return { across: sampling >> 4, down: sampling & 15, quantisation: table, dcTable: 0, acTable: 0 };
  });
  found.ids = found.components.map((_, i) => body[6 + 3 * i]!);
  return found.width > 0 && found.height > 0;
}

/** The scan's own header, which must name all components in the frame's order, with all their coefficients. */
function scan(body: Buffer, found: Mutable): boolean {
  const { ids, components } = found;
  const count = ids.length;
  if (count === 0 || body[0] !== count || body.length !== 4 + 2 * count) return false;
  if (body[1 + 2 * count] !== 0 || body[2 + 2 * count] !== 63 || body[3 + 2 * count] !== 0) return false;
  if (ids.some((id, i) => body[1 + 2 * i] !== id)) return false;
  found.components = components.map((component, i) => {
    const tables = body[2 + 2 * i]!;
    return { ...component, dcTable: tables >> 4, acTable: tables & 15 };
  });
  return count === 1 || isYcc(found);
}

/** Whether libjpeg, too, takes the components for brightness, blue and red. */
function isYcc({ isJfif, adobe, ids }: Mutable): boolean {
  return isJfif || adobe === 1 || (adobe === undefined && ids.join() === '1,2,3');
}
