import {
  Bool,
  type Data,
  type DataType,
  Dictionary,
  type Field,
  FixedSizeList,
  Float32,
  Float64,
  Int32,
  List,
  makeData,
  Uint32,
  Utf8,
  Vector,
} from 'apache-arrow';
import type { Texts } from './texts.ts';

/** Values of a dictionary column by the numbers of words, none null. Not all of the words need be among them. */
export interface Coded {
  readonly words: readonly string[];
  readonly codes: Int32Array;
}

type Numbers = Float32Array | Float64Array | Int32Array | Uint32Array;

/**
 * Values of one column in one batch, by type:
 * text: strings or `Texts`; dictionary: strings (null where the column allows it), or `Coded`; numbers: a typed array of the type, which is taken as
 * it is, or an array of numbers (or nulls); bool: booleans, or bytes 0 and 1; fixed-width lists: one flat typed array,
 * row after row, or an array of rows; lists of any length: an array of rows.
 */
export type ColumnValues =
  | Numbers
  | Uint8Array
  | Coded
  | Texts<string | null>
  | readonly (string | number | boolean | null)[]
  | readonly (readonly number[] | Numbers)[];

/** The distinct values of a dictionary column so far; new ones of a later batch are appended to the file as a delta. */
export class DictionaryState {
  readonly codes = new Map<string, number>();
  chunks: Data<Utf8>[] = [];

  encode(values: readonly (string | null)[] | Coded): Int32Array {
    const added: string[] = [];
    const codes = 'words' in values ? this.#recode(values, added) : this.#encode(values, added);
    if (added.length > 0 || this.chunks.length === 0) this.chunks = [...this.chunks, text(added)];
    return codes;
  }

  /** Words are numbered as their first rows come. */
  #recode({ words, codes }: Coded, added: string[]): Int32Array {
    const own = new Int32Array(words.length);
    const known = new Uint8Array(words.length);
    let isSame = true;
    for (let i = 0; i < codes.length; i++) {
      const code = codes[i]!;
      if (known[code]) continue;
      known[code] = 1;
      own[code] = this.#codeOf(words[code]!, added);
      isSame &&= own[code] === code;
    }
    return isSame ? codes : codes.map((code) => own[code]!);
  }

  #encode(values: readonly (string | null)[], added: string[]): Int32Array {
    const codes = new Int32Array(values.length);
    let [last, code]: [string | null, number] = [null, 0];
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!;
      if (value === null) continue;
      if (value !== last) code = this.#codeOf(value, added);
      last = value; // Equal words mostly adjoin.
      codes[i] = code;
    }
    return codes;
  }

  #codeOf(value: string, added: string[]): number {
    const known = this.codes.get(value);
    if (known !== undefined) return known;
    this.codes.set(value, this.codes.size);
    added.push(value);
    return this.codes.size - 1;
  }
}

/** Arrow data of one column in one batch. Throws when the values don't fit the column's type. */
export function buildColumn(field: Field, values: ColumnValues, state?: DictionaryState): Data {
  const { type } = field;
  if ('words' in values) return coded(type, values, state!);
  const nulls = nullsOf(field, values);
  if (type instanceof Utf8) return text(values as Texts<string | null>, nulls);
  if (type instanceof Dictionary) {
    return coded(type, values as readonly (string | null)[], state!, nulls);
  }
  if (type instanceof Bool) {
    return makeData({
      type,
      length: values.length,
      data: bits(values.length, (i) => Boolean(values.at(i))),
      ...nulls,
    });
  }
  if (type instanceof FixedSizeList) return fixedList(field.name, type, values);
  if (type instanceof List) return lists(type, values as readonly ArrayLike<number>[]);
  const data = typed(type, values as ArrayLike<unknown>);
  return makeData({ type, length: data.length, data, ...nulls } as Parameters<typeof makeData>[0]);
}

function coded(
  type: DataType,
  values: readonly (string | null)[] | Coded,
  state: DictionaryState,
  nulls: Nulls = { nullCount: 0 },
): Data {
  if (!(type instanceof Dictionary)) throw new Error(`a column of type ${type} has no words`);
  const data = state.encode(values);
  return makeData({ type, length: data.length, data, dictionary: new Vector(state.chunks), ...nulls });
}

interface Nulls {
  readonly nullCount: number;
  readonly nullBitmap?: Uint8Array;
}

function nullsOf(field: Field, values: Exclude<ColumnValues, Coded>): Nulls {
  if (ArrayBuffer.isView(values)) return { nullCount: 0 };
  let nullCount = 0;
  for (let i = 0; i < values.length; i++) if (values.at(i) === null) nullCount++;
  if (nullCount === 0) return { nullCount };
  if (!field.nullable) throw new Error(`column "${field.name}" holds null but isn't nullable`);
  return { nullCount, nullBitmap: bits(values.length, (i) => values.at(i) !== null) };
}

/** Bits in Arrow's order (lowest bit first). */
function bits(length: number, isSet: (index: number) => boolean): Uint8Array {
  const bytes = new Uint8Array(Math.ceil(length / 8));
  for (let i = 0; i < length; i++) {
    if (isSet(i)) bytes[i >> 3] = bytes[i >> 3]! | (1 << (i & 7));
  }
  return bytes;
}

function text(values: Texts<string | null>, nulls: Nulls = { nullCount: 0 }): Data<Utf8> {
  const { length } = values;
  const valueOffsets = new Int32Array(length + 1);
  for (let i = 0; i < length; i++)
    valueOffsets[i + 1] = valueOffsets[i]! + Buffer.byteLength(values.at(i) ?? '');
  // One piece of memory: an array of its own for each of a million texts would take more than the texts.
  const data = Buffer.allocUnsafeSlow(valueOffsets[length]!);
  for (let i = 0; i < length; i++) data.write(values.at(i) ?? '', valueOffsets[i]!);
  return makeData({ type: new Utf8(), length, valueOffsets, data, ...nulls });
}

/** The values as a typed array of the type: the same array when it is one already. */
function typed(type: DataType, values: ArrayLike<unknown>): Numbers {
  const Kind = arrayOf(type);
  if (values instanceof Kind) return values;
  const array = new Kind(values.length);
  for (let i = 0; i < values.length; i++) array[i] = (values[i] as number | null) ?? 0;
  return array;
}

function arrayOf(type: DataType) {
  if (type instanceof Float32) return Float32Array;
  if (type instanceof Float64) return Float64Array;
  if (type instanceof Int32) return Int32Array;
  if (type instanceof Uint32) return Uint32Array;
  throw new Error(`columns of type ${type} are not supported`);
}

function fixedList(name: string, type: FixedSizeList, values: Exclude<ColumnValues, Coded>): Data {
  const item = type.valueType as DataType;
  const flat = ArrayBuffer.isView(values)
    ? typed(item, values as Numbers)
    : typed(
        item,
        (values as readonly number[][]).flatMap((row) => Array.from(row)),
      );
  const length = ArrayBuffer.isView(values) ? flat.length / Math.max(1, type.listSize) : values.length;
  if (!Number.isInteger(length) || flat.length !== length * type.listSize) {
    throw new Error(`column "${name}": ${flat.length} values don't make rows of ${type.listSize}`);
  }
  const child = makeData({ type: item, length: flat.length, data: flat } as Parameters<typeof makeData>[0]);
  return makeData({ type, length, nullCount: 0, child });
}

function lists(type: List, values: readonly ArrayLike<number>[]): Data {
  const valueOffsets = new Int32Array(values.length + 1);
  for (const [i, row] of values.entries()) valueOffsets[i + 1] = valueOffsets[i]! + row.length;
  const data = new Int32Array(valueOffsets[values.length]!);
  for (const [i, row] of values.entries()) data.set(row, valueOffsets[i]!);
  const child = makeData({ type: new Int32(), length: data.length, data });
  return makeData({ type, length: values.length, nullCount: 0, valueOffsets, child });
}
