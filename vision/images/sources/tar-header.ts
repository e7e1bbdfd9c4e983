/** Length of a tar's blocks; headers take one, contents are filled up to whole ones. */
export const BLOCK = 512;

/** What a member is, as its header says. `meta`: a header that describes the next member (long name, pax records). */
export type MemberType =
  | 'file'
  | 'folder'
  | 'link'
  | 'special'
  | 'sparse'
  | 'long-name'
  | 'pax'
  | 'pax-global'
  | 'skip';

export interface Header {
  readonly name: string;
  /** Length of the contents in bytes. */
  readonly size: number;
  readonly type: MemberType;
}

const TYPES: Readonly<Record<string, MemberType>> = {
  '\0': 'file',
  '0': 'file',
  '7': 'file',
  '1': 'link',
  '2': 'link',
  '3': 'special',
  '4': 'special',
  '5': 'folder',
  '6': 'special',
  D: 'folder',
  K: 'skip',
  L: 'long-name',
  M: 'sparse',
  S: 'sparse',
  V: 'skip',
  X: 'pax',
  g: 'pax-global',
  x: 'pax',
};

/**
 * Reads a header block of a v7, ustar, pax or GNU tar. Undefined when its checksum is wrong, i.e. when it isn't a
 * header. A block of zeros has no valid checksum: test for it first.
 */
export function parseHeader(block: Buffer): Header | undefined {
  const stated = numberAt(block, 148, 8);
  if (stated === undefined || stated !== checksum(block)) return undefined;
  const size = numberAt(block, 124, 12);
  if (size === undefined || !Number.isSafeInteger(size) || size < 0) return undefined;
  const plain = textAt(block, 0, 100);
  const prefix = block.toString('latin1', 257, 263) === 'ustar\0' ? textAt(block, 345, 155) : '';
  const name = prefix === '' ? plain : `${prefix}/${plain}`;
  const letter = String.fromCharCode(block[156]!);
  return { name, size, type: TYPES[letter] ?? 'file' };
}

/** Sum of all bytes of the block, those of the checksum itself counted as blanks. */
function checksum(block: Buffer): number {
  let sum = 0;
  for (let i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? 32 : block[i]!;
  return sum;
}

/** Octal digits, or (first bit set) a big-endian binary number, which GNU tar uses above 8 GiB. */
function numberAt(block: Buffer, start: number, length: number): number | undefined {
  if (block[start]! & 0x80) {
    let value = block[start]! & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + block[start + i]!;
    return value;
  }
  const text = block
    .toString('latin1', start, start + length)
    .replaceAll('\0', ' ')
    .trim();
  if (text === '') return 0;
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

function textAt(block: Buffer, start: number, length: number): string {
  return untilZero(block.subarray(start, start + length));
}

/** Text up to the first zero byte. */
export function untilZero(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('utf8', 0, end < 0 ? bytes.length : end);
}

/** Records of a pax header, each `LENGTH KEY=VALUE\n`. Undefined when they are malformed. */
export function parsePax(bytes: Buffer): Map<string, string> | undefined {
  const records = new Map<string, string>();
  let at = 0;
  while (at < bytes.length && bytes[at] !== 0) {
    const blank = bytes.indexOf(0x20, at);
    const length = Number(bytes.toString('latin1', at, blank < 0 ? at : blank));
    const end = at + length;
    if (!Number.isInteger(length) || length < 5 || end > bytes.length || bytes[end - 1] !== 0x0a)
      return undefined;
    const equals = bytes.indexOf(0x3d, blank);
    if (equals < 0 || equals >= end) return undefined;
    records.set(bytes.toString('utf8', blank + 1, equals), bytes.toString('utf8', equals + 1, end - 1));
    at = end;
  }
  return records;
}
