import type { FileHandle } from 'node:fs/promises';
import { type DataType, FixedSizeList, Float, List, Precision, type Schema, Utf8 } from 'apache-arrow';
import { type Block, batchHeader } from './arrow-footer.ts';
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

/** Some columns of a record batch. */
export interface Part {
  /** Fixed-width lists of float32: all values row after row. A view of the slab: it holds until the slab is used again. */
  floats(name: string): Float32Array;
  /** Text column without nulls. */
  strings(name: string): string[];
}

/**
 * Reads some adjoining columns of a record batch, and nothing else of it: their bytes, from the first of them to the
 * last, in one piece. Columns are texts or fixed-width lists of float32. Throws a Damage where the file isn't what it
 * says.
 */
export async function readPart(
  handle: FileHandle,
  schema: Schema,
  block: Block,
  names: readonly string[],
  slab: Slab,
): Promise<Part> {
  const { rows, nodes, buffers } = batchHeader(handle, block);
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
  const floatsIn = (name: string, { node, buffer }: Place, width: number): Float32Array => {
    checkLength(node + 1, rows * width, name);
    if (rows * width === 0) return new Float32Array(0);
    const { at } = bytesOf(buffer + 2, 4 * rows * width, name);
    if ((bytes.byteOffset + at) % 4 !== 0) throw damaged(name, 'stands askew');
    return new Float32Array(bytes.buffer, bytes.byteOffset + at, rows * width);
  };
  const textsIn = (name: string, { buffer }: Place): string[] => {
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
  const columns = new Map<string, Float32Array | string[]>();
  for (const [name, place] of places) {
    const { type } = place;
    checkLength(place.node, rows, name);
    if (type instanceof Utf8) columns.set(name, textsIn(name, place));
    else if (type instanceof FixedSizeList && isFloat32(type.valueType))
      columns.set(name, floatsIn(name, place, type.listSize));
    else throw new Error(`column "${name}" holds ${type}`);
  }
  return {
    floats: (name) => columns.get(name) as Float32Array,
    strings: (name) => columns.get(name) as string[],
  };
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

const isFloat32 = (type: DataType): boolean => type instanceof Float && type.precision === Precision.SINGLE;
