import { type FileHandle, open } from 'node:fs/promises';
import {
  type AsyncRecordBatchFileReader,
  Bool,
  type Data,
  Dictionary,
  FixedSizeList,
  List,
  type RecordBatch,
  RecordBatchReader,
  type Schema,
  Utf8,
  type Vector,
} from 'apache-arrow';
import { UserError } from '../common/errors.ts';
import { checkBatch, checkWords } from './arrow-check.ts';
import { type Batches, type BatchHeader, batchHeader, checkFooter } from './arrow-footer.ts';
import { type CodedPart, newSlab, readPart, type Slab } from './arrow-part.ts';
import { Damage } from './damage.ts';
import { type Texts, textsOfColumn } from './texts.ts';

type Numbers = Float32Array | Float64Array | Int32Array | Uint32Array;

/**
 * Rows of a table, column by column. Typed arrays are views of what was read where one batch holds the rows, copies
 * where several do; don't write to them.
 */
export interface Rows {
  readonly rows: number;
  /** Text or dictionary column. Throws when it holds nulls. */
  strings(name: string): string[];
  nullableStrings(name: string): (string | null)[];
  /** The same of a text column, made one by one when they are asked for. */
  texts(name: string): Texts;
  nullableTexts(name: string): Texts<string | null>;
  /** int32, uint32, float32 or float64 column, without regard to nulls (which read as 0). */
  int32(name: string): Int32Array;
  uint32(name: string): Uint32Array;
  float32(name: string): Float32Array;
  float64(name: string): Float64Array;
  /** Any numeric column, null where it is null. */
  nullableNumbers(name: string): (number | null)[];
  booleans(name: string): boolean[];
  /** Fixed-width lists: all values row after row, and the width. */
  floats(name: string): { readonly values: Float32Array; readonly width: number };
  ints(name: string): { readonly values: Int32Array; readonly width: number };
  /** Lists of any length, a row each. */
  lists(name: string): Int32Array[];
}

/** An Arrow IPC file that is open for reading. */
export interface ArrowFile {
  readonly path: string;
  readonly schema: Schema;
  /** Notes of the file, and those of a column. */
  readonly metadata: Readonly<Record<string, string>>;
  columnMetadata(name: string): Readonly<Record<string, string>>;
  readonly columns: readonly string[];
  /** Length of the lists in a column; undefined where it holds none of fixed length, or isn't there. */
  width(column: string): number | undefined;
  readonly rows: number;
  /** First row of each batch, then the number of rows: batch i holds rows `starts[i]` to `starts[i + 1]`. */
  readonly starts: readonly number[];
  /** Bytes of each batch, and of the largest one. */
  readonly bodyBytes: readonly number[];
  readonly batchBytes: number;
  readBatch(index: number): Promise<Rows>;
  /** Reads adjoining columns of a batch alone, into memory that is used again. */
  readPart(index: number, columns: readonly string[], slab: Slab): Promise<CodedPart>;
  /** Adjoining columns of one batch after the other; each part holds until the next one is asked for. */
  parts(columns: readonly string[]): AsyncGenerator<CodedPart, void, undefined>;
  batches(): AsyncGenerator<Rows, void, undefined>;
  close(): Promise<void>;
}

/**
 * Opens an Arrow IPC file for reading batch by batch; nothing but the footer and the batch headers is read until asked
 * for. Throws a UserError that names the file when it isn't one, or is cut or damaged.
 */
export async function openArrow(path: string): Promise<ArrowFile> {
  const handle = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The table ${path} can't be read: ${error.code ?? error.message}.`);
  });
  try {
    const { size } = await handle.stat();
    const batches = checkFooter(handle, size, await checkEnds(handle, path, size));
    const reader = (await RecordBatchReader.from(handle)) as unknown as AsyncRecordBatchFileReader;
    await reader.open();
    return arrowFile(path, handle, reader, batches);
  } catch (error) {
    await handle.close();
    throw damaged(path, error);
  }
}

/** Reads a small table whole. */
export async function readAll(
  path: string,
): Promise<Rows & { readonly metadata: ArrowFile['metadata']; readonly columns: readonly string[] }> {
  const file = await openArrow(path);
  try {
    const batches: RecordBatch[] = [];
    for (let i = 0; i < file.starts.length - 1; i++) batches.push(await (file as Internal).recordBatch(i));
    return { ...rowsOf(path, batches), metadata: file.metadata, columns: file.columns };
  } finally {
    await file.close();
  }
}

interface Internal extends ArrowFile {
  recordBatch(index: number): Promise<RecordBatch>;
}

function arrowFile(
  path: string,
  handle: FileHandle,
  reader: AsyncRecordBatchFileReader,
  { starts, blocks }: Batches,
): Internal {
  const { schema } = reader;
  const recordBatch = async (index: number) => {
    if (index >= starts.length - 1) throw new Error(`${path} has no batch ${index}`);
    try {
      const batch = await reader.readRecordBatch(index);
      if (batch?.numRows !== starts[index + 1]! - starts[index]!)
        throw new Damage(`its batch ${index} is missing`);
      checkBatch(batch);
      return batch;
    } catch (error) {
      throw damaged(path, error);
    }
  };
  const readBatch = async (index: number) => rowsOf(path, [await recordBatch(index)]);
  const wordsOf = (name: string): readonly string[] => {
    const { id } = schema.fields.find((field) => field.name === name)!.type as Dictionary;
    const vector = reader.dictionaries.get(id);
    if (!vector) throw new Damage(`its column ${JSON.stringify(name)} has no list of words`);
    checkWords(name, vector);
    return [...vector] as string[];
  };
  const words = new Map<string, readonly string[]>();
  const knownWords = (name: string) => {
    if (!words.has(name)) words.set(name, wordsOf(name));
    return words.get(name)!;
  };
  const headers: BatchHeader[] = [];
  /** Those of small files are read once. */
  const headerOf = (index: number): BatchHeader => {
    const header = headers[index] ?? batchHeader(handle, blocks[index]!);
    if (blocks.length * header.buffers.length <= KNOWN) headers[index] = header;
    return header;
  };
  const partOf = async (index: number, columns: readonly string[], slab: Slab) => {
    try {
      return await readPart(handle, schema, blocks[index]!, headerOf(index), columns, slab, knownWords);
    } catch (error) {
      throw damaged(path, error);
    }
  };
  return {
    path,
    schema,
    metadata: Object.fromEntries(schema.metadata),
    columns: schema.fields.map((field) => field.name),
    width: (name) =>
      (schema.fields.find((f) => f.name === name)?.type as FixedSizeList | undefined)?.listSize,
    columnMetadata: (name) => Object.fromEntries(schema.fields.find((f) => f.name === name)?.metadata ?? []),
    rows: starts.at(-1)!,
    starts,
    bodyBytes: blocks.map(({ bodyBytes }) => bodyBytes),
    batchBytes: blocks.reduce((most, { bodyBytes }) => Math.max(most, bodyBytes), 0),
    recordBatch,
    readBatch,
    readPart: partOf,
    async *parts(columns) {
      // The next one is read while this one is worked on.
      const slabs = [newSlab(), newSlab()] as const;
      const read = (i: number) => {
        const part = i < blocks.length ? partOf(i, columns, slabs[i % 2]!) : undefined;
        part?.catch(() => {}); // Told when its turn comes.
        return part;
      };
      let next = read(0);
      try {
        for (let i = 1; next; i++) {
          const part: CodedPart = await next;
          next = read(i);
          yield part;
        }
      } finally {
        await next?.catch(() => {});
      }
    },
    async *batches() {
      for (let i = 0; i < starts.length - 1; i++) yield await readBatch(i);
    },
    close: () => handle.close(),
  };
}

/** Buffers of all batches of a file whose places are remembered. */
const KNOWN = 10_000;

const MAGIC = 'ARROW1';

/** An Arrow file starts and ends with its magic word; before the last stands the footer's length, which is returned. */
async function checkEnds(handle: FileHandle, path: string, size: number): Promise<number> {
  const head = Buffer.alloc(8);
  const tail = Buffer.alloc(10);
  if (size >= 20) {
    await handle.read(head, 0, 8, 0);
    await handle.read(tail, 0, 10, size - 10);
  }
  if (head.toString('latin1', 0, 6) !== MAGIC) throw new UserError(`${path} is not an Arrow table.`);
  const footer = tail.readInt32LE(0);
  if (tail.toString('latin1', 4) !== MAGIC || footer <= 0 || footer > size - 20) {
    throw new UserError(`The Arrow table ${path} is cut short or damaged: its end is missing.`);
  }
  return footer;
}

/** Errors of our own say what is wrong; those of the library's innards wouldn't help a person. */
function damaged(path: string, error: unknown): Error {
  if (error instanceof UserError) return error;
  const why = error instanceof Damage ? `: ${error.message}` : '';
  return new UserError(`The Arrow table ${path} is damaged${why}.`);
}

function rowsOf(path: string, batches: readonly RecordBatch[]): Rows {
  const rows = batches.reduce((sum, batch) => sum + batch.numRows, 0);
  const vectors = (name: string): Vector[] =>
    batches.map((batch) => {
      const vector = batch.getChild(name);
      if (!vector) throw new Error(`${path} has no column "${name}"`);
      return vector;
    });
  const numbers = <T extends Numbers>(name: string, kind: ArrayKind<T>): T =>
    joined(
      kind,
      vectors(name).map((vector) => valuesOf(vector, kind, path, name)),
    );
  const fixed = <T extends Numbers>(name: string, kind: ArrayKind<T>) => {
    const all = vectors(name);
    const type = all[0]?.type as FixedSizeList | undefined;
    if (type && !(type instanceof FixedSizeList))
      throw new Error(`${path}: column "${name}" is no fixed-width list`);
    const parts = all.map((vector) => {
      const child = vector.getChildAt(0)!;
      const { offset, length } = vector.data[0]!;
      return valuesOf(child, kind, path, name).subarray(
        offset * type!.listSize,
        (offset + length) * type!.listSize,
      ) as T;
    });
    return { values: joined(kind, parts), width: type?.listSize ?? 0 };
  };
  const nullableStrings = (name: string) => {
    const parts = vectors(name).map(stringsOf);
    return parts.length === 1 ? parts[0]! : parts.flat();
  };
  const nullableTexts = (name: string): Texts<string | null> => {
    const [vector, ...others] = vectors(name);
    const isOne = vector?.type instanceof Utf8 && others.length === 0;
    return isOne ? textsOfColumn(vector.data[0]! as Data<Utf8>) : nullableStrings(name);
  };
  return {
    rows,
    nullableStrings,
    nullableTexts,
    texts(name) {
      if (vectors(name).some(({ nullCount }) => nullCount > 0))
        throw new Error(`${path}: column "${name}" holds nulls`);
      return nullableTexts(name) as Texts;
    },
    strings(name) {
      const values = nullableStrings(name);
      if (values.includes(null)) throw new Error(`${path}: column "${name}" holds nulls`);
      return values as string[];
    },
    int32: (name) => numbers(name, Int32Array),
    uint32: (name) => numbers(name, Uint32Array),
    float32: (name) => numbers(name, Float32Array),
    float64: (name) => numbers(name, Float64Array),
    nullableNumbers: (name) => vectors(name).flatMap((vector) => [...vector] as (number | null)[]),
    booleans: (name) => vectors(name).flatMap(booleansOf),
    floats: (name) => fixed(name, Float32Array),
    ints: (name) => fixed(name, Int32Array),
    lists: (name) => vectors(name).flatMap((vector) => listsOf(vector)),
  };
}

interface ArrayKind<T> {
  new (length: number): T;
  readonly BYTES_PER_ELEMENT: number;
}

function valuesOf<T extends Numbers>(vector: Vector, kind: ArrayKind<T>, path: string, name: string): T {
  const data = vector.data[0];
  if (!data) return new kind(0);
  const values = data.values as T;
  if (!(values instanceof kind)) {
    throw new Error(`${path}: column "${name}" holds ${vector.type}, not ${kind.name}`);
  }
  return values.subarray(0, data.length) as T;
}

function joined<T extends Numbers>(kind: ArrayKind<T>, parts: readonly T[]): T {
  if (parts.length === 1) return parts[0]!;
  const all = new kind(parts.reduce((sum, part) => sum + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part as never, offset);
    offset += part.length;
  }
  return all;
}

function stringsOf(vector: Vector): (string | null)[] {
  if (!(vector.type instanceof Dictionary)) return [...vector] as (string | null)[];
  const data = vector.data[0]!;
  const values = [...data.dictionary!] as string[];
  const codes = data.values as Int32Array;
  const found = new Array<string | null>(data.length);
  if (data.nullCount === 0) for (let i = 0; i < found.length; i++) found[i] = values[codes[i]!]!;
  else for (let i = 0; i < found.length; i++) found[i] = data.getValid(i) ? values[codes[i]!]! : null;
  return found;
}

/** Bits in Arrow's order (lowest bit first). */
function booleansOf(vector: Vector): boolean[] {
  if (!(vector.type instanceof Bool)) throw new Error('not a column of truth values');
  const { values, offset, length } = vector.data[0]!;
  return Array.from({ length }, (_, i) => ((values[(offset + i) >> 3] >> ((offset + i) & 7)) & 1) === 1);
}

function listsOf(vector: Vector): Int32Array[] {
  if (!(vector.type instanceof List)) throw new Error('not a list column');
  const data = vector.data[0]!;
  const values = data.children[0]!.values as Int32Array;
  const offsets = data.valueOffsets;
  return Array.from({ length: data.length }, (_, i) => values.subarray(offsets[i]!, offsets[i + 1]!));
}
