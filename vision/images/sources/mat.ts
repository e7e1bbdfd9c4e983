import { inflateSync } from 'node:zlib';

/** A value of a MATLAB file, as far as tables of ImageNet's development kit need it. */
export type MatValue = readonly number[] | string | readonly MatRow[] | undefined;
export type MatRow = Readonly<Record<string, unknown>>;

const NUMBER_SIZES: Readonly<Record<number, number>> = {
  1: 1,
  2: 1,
  3: 2,
  4: 2,
  5: 4,
  6: 4,
  7: 4,
  9: 8,
  12: 8,
  13: 8,
  16: 1,
  17: 2,
};
const MATRIX = 14;
const COMPRESSED = 15;
const LARGEST = 1 << 26;

/**
 * Variables of a MATLAB 5 file (little-endian, as all current machines write): numbers as lists, texts, and structure arrays
 * as rows. Other classes are left undefined. Throws an Error when the bytes are something else.
 * Format: "MAT-File Format" of MathWorks, level 5.
 */
export function readMat(bytes: Buffer): Map<string, MatValue> {
  if (bytes.length < 128 || bytes.toString('latin1', 126, 128) !== 'IM')
    throw new Error('not a MATLAB 5 file');
  const found = new Map<string, MatValue>();
  for (const { type, data } of elements(bytes, 128)) {
    const inner =
      type === COMPRESSED ? elements(inflateSync(data, { maxOutputLength: LARGEST }), 0) : [{ type, data }];
    for (const each of inner) {
      if (each.type !== MATRIX) continue;
      const { name, value } = matrix(each.data);
      found.set(name, value);
    }
  }
  return found;
}

interface Element {
  readonly type: number;
  readonly data: Buffer;
}

function* elements(bytes: Buffer, start: number): Generator<Element> {
  let at = start;
  while (at + 8 <= bytes.length) {
    const tag = bytes.readUInt32LE(at);
    // A small element holds its length (upper half of the tag) and up to four bytes in one block.
    const small = tag >>> 16;
    const type = small ? tag & 0xffff : tag;
    const size = small || bytes.readUInt32LE(at + 4);
    const from = at + (small ? 4 : 8);
    if (from + size > bytes.length) throw new Error('an element is cut short');
    yield { type, data: bytes.subarray(from, from + size) };
    // Elements are filled up to eight bytes, but for compressed ones.
    at = small ? at + 8 : type === COMPRESSED ? from + size : from + Math.ceil(size / 8) * 8;
  }
}

function matrix(data: Buffer): { name: string; value: MatValue } {
  const [flags, sizes, name, ...rest] = [...elements(data, 0)];
  if (!flags || !sizes || !name) return { name: '', value: undefined };
  const kind = flags.data[0]!;
  const count = numbers(sizes).reduce((product, each) => product * each, 1);
  return { name: name.data.toString('latin1'), value: contentOf(kind, count, rest) };
}

const STRUCT = 2;
const CHAR = 4;

function contentOf(kind: number, count: number, parts: readonly Element[]): MatValue {
  if (kind === STRUCT) return structure(count, parts);
  if (kind === CHAR) return parts[0] ? String.fromCharCode(...numbers(parts[0])) : '';
  if (kind >= 6 && kind <= 15) return parts[0] ? numbers(parts[0]) : [];
  return undefined;
}

/** A structure array: the length of field names, the names, then the fields of every element one after the other. */
function structure(count: number, [width, names, ...values]: readonly Element[]): MatRow[] {
  const length = width ? numbers(width)[0]! : 0;
  if (!names || !(length > 0)) throw new Error('a structure without fields');
  const fields: string[] = [];
  for (let at = 0; at < names.data.length; at += length) {
    fields.push(names.data.toString('latin1', at, at + length).replace(/\0.*$/s, ''));
  }
  if (values.length < count * fields.length) throw new Error('a structure is cut short');
  return Array.from({ length: count }, (_, row) =>
    Object.fromEntries(
      fields.map((field, i) => [field, matrix(values[row * fields.length + i]!.data).value] as const),
    ),
  );
}

function numbers({ type, data }: Element): number[] {
  const size = NUMBER_SIZES[type];
  if (!size) throw new Error(`numbers of an unknown type ${type}`);
  return Array.from({ length: Math.floor(data.length / size) }, (_, i) => {
    const at = i * size;
    if (type === 1) return data.readInt8(at);
    if (type === 3) return data.readInt16LE(at);
    if (type === 5) return data.readInt32LE(at);
    if (type === 7) return data.readFloatLE(at);
    if (type === 9) return data.readDoubleLE(at);
    if (type === 12) return Number(data.readBigInt64LE(at));
    if (type === 13) return Number(data.readBigUInt64LE(at));
    return data.readUIntLE(at, size);
  });
}
