import type { FileHandle } from 'node:fs/promises';
import {
  type DataType,
  Dictionary,
  FixedSizeList,
  Float,
  Int,
  List,
  Precision,
  type Schema,
  Utf8,
} from 'apache-arrow';
import type { Coded } from './arrow-columns.ts';
import type { BatchHeader, Block } from './arrow-footer.ts';
import { Damage } from './damage.ts';

/** Gives memory for a read: `length` bytes, the same again and again. */
export type Slab = (length: number) => Uint8Array;

/** A slab that grows as needed. */
export function newSlab(): Slab {
  let memory = new Uint8Array(0);
  return (length) => {
    if (memory.length < length) memory = new Uint8Array(length);
    return memory.subarray(0, length);
  };
}

/** Some columns of a record batch. Typed arrays are views of the slab: they hold until the slab is used again. */
export interface Part {
  /** Text or dictionary column without nulls. */
  strings(name: string): string[];
  int32(name: string): Int32Array;
  float64(name: string): Float64Array;
  /** Fixed-width lists: all values row after row. */
  floats(name: string): { readonly values: Float32Array };
  ints(name: string): { readonly values: Int32Array };
}

/** The same, where words can be had by their numbers. */
export interface CodedPart extends Part {
  /** Dictionary column without nulls. */
  coded(name: string): Coded;
}

type Kind = typeof Float32Array | typeof Float64Array | typeof Int32Array;

/**
 * Reads some adjoining columns of a record batch, and nothing else of it: their bytes, from the first of them to the
 * last, in one piece. Throws a Damage where the file isn't what it says.
 *
 * @param words of a dictionary column, by its code
 */
export async function readPart(
  handle: FileHandle,
  schema: Schema,
  block: Block,
  { rows, nodes, buffers }: BatchHeader,
  names: readonly string[],
  slab: Slab,
  words: (name: string) => readonly string[],
): Promise<CodedPart> {
  const places = new Map(names.map((name) => [name, placeOf(schema, name)]));
  const used = [...places.values()].flatMap(({ buffer, type }) =>
    buffers.slice(buffer, buffer + extentOf(type).buffers).filter(({ length }) => length > 0),
  );
  const start = used.reduce((least, { from }) => Math.min(least, from), Number.POSITIVE_INFINITY);
  const end = used.reduce((most, { from, length }) => Math.max(most, from + length), 0);
  const bytes = slab(Math.max(0, end - start));
  await fill(handle, bytes, block.offset + block.headBytes + start);
  const damaged = (name: string, what: string) => new Damage(`its column ${JSON.stringify(name)} ${what}`);
  const bytesOf = (index: number, least: number, name: string): { at: number; length: number } => {
    const { from, length } = buffers[index] ?? { from: 0, length: 0 };
    if (length < least) throw damaged(name, 'is shorter than it should be');
    return { at: from - start, length };
  };
  const checkLength = (index: number, length: number, name: string) => {
    if (nodes[index] !== length) throw damaged(name, 'has another number of rows');
  };
  const numbersIn = (name: string, index: number, length: number, type: DataType) => {
    const Numbers = kindOf(type);
    if (!Numbers) throw new Error(`column "${name}" holds ${type}`);
    if (length === 0) return new Numbers(0);
    const { at } = bytesOf(index, Numbers.BYTES_PER_ELEMENT * length, name);
    if ((bytes.byteOffset + at) % Numbers.BYTES_PER_ELEMENT !== 0) throw damaged(name, 'stands askew');
    return new Numbers(bytes.buffer as ArrayBuffer, bytes.byteOffset + at, length);
  };
  const codedIn = (name: string, codes: Int32Array): Coded => {
    const known = words(name);
    for (let row = 0; row < rows; row++)
      if (codes[row]! >>> 0 >= known.length) throw damaged(name, 'has a word that is not in its list');
    return { words: known, codes };
  };
  const textsIn = (name: string, buffer: number): string[] => {
    if (rows === 0) return [];
    const offsets = bytesOf(buffer + 1, 4 * (rows + 1), name);
    const texts = bytesOf(buffer + 2, 0, name);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const chars = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    return Array.from({ length: rows }, (_, row) => {
      const from = view.getInt32(offsets.at + 4 * row, true);
      const to = view.getInt32(offsets.at + 4 * (row + 1), true);
      if (from < 0 || to < from || to > texts.length) throw damaged(name, 'has texts that overlap');
      return to > from ? chars.toString('utf8', texts.at + from, texts.at + to) : '';
    });
  };
  const column = (name: string, { node, buffer, type }: Place) => {
    checkLength(node, rows, name);
    if (type instanceof Utf8) return textsIn(name, buffer);
    if (type instanceof Dictionary)
      return codedIn(name, numbersIn(name, buffer + 1, rows, type.indices) as Int32Array);
    if (!(type instanceof FixedSizeList)) return numbersIn(name, buffer + 1, rows, type);
    checkLength(node + 1, rows * type.listSize, name);
    return { values: numbersIn(name, buffer + 2, rows * type.listSize, type.valueType) };
  };
  const columns = new Map([...places].map(([name, place]) => [name, column(name, place)]));
  const get = <T>(name: string) => columns.get(name) as T;
  const strings = (name: string): string[] => {
    const found = get<string[] | Coded>(name);
    return 'words' in found ? Array.from(found.codes, (code) => found.words[code]!) : found;
  };
  return { strings, coded: get, int32: get, float64: get, floats: get, ints: get };
}

interface Place {
  /** Where the column's field nodes and buffers begin among those of the batch. */
  readonly node: number;
  readonly buffer: number;
  readonly type: DataType;
}

function placeOf(schema: Schema, name: string): Place {
  let [node, buffer] = [0, 0];
  for (const field of schema.fields) {
    if (field.name === name) return { node, buffer, type: field.type };
    const extent = extentOf(field.type);
    node += extent.nodes;
    buffer += extent.buffers;
  }
  throw new Error(`there is no column "${name}"`);
}

/** How many field nodes and buffers a column of the type has in a batch (Arrow, "Recordbatch message"). */
function extentOf(type: DataType): { nodes: number; buffers: number } {
  if (type instanceof Utf8) return { nodes: 1, buffers: 3 };
  if (type instanceof FixedSizeList || type instanceof List) {
    const child = extentOf(type.valueType);
    return { nodes: 1 + child.nodes, buffers: (type instanceof List ? 2 : 1) + child.buffers };
  }
  return { nodes: 1, buffers: 2 };
}

async function fill(handle: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await handle.read(bytes, done, bytes.length - done, position + done);
    if (bytesRead === 0) throw new Damage('it is cut short');
    done += bytesRead;
  }
}

function kindOf(type: DataType): Kind | undefined {
  if (type instanceof Float && type.precision === Precision.SINGLE) return Float32Array;
  if (type instanceof Float && type.precision === Precision.DOUBLE) return Float64Array;
  return type instanceof Int && type.bitWidth === 32 && type.isSigned ? Int32Array : undefined;
}
