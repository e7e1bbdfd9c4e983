import { close, closeSync, fdatasync, open, openSync, writeSync } from 'node:fs';
import {
  AsyncByteQueue,
  Bool,
  type DataType,
  Dictionary,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int32,
  List,
  makeData,
  RecordBatch,
  RecordBatchFileWriter,
  Schema,
  Struct,
  Uint32,
  Utf8,
} from 'apache-arrow';
import { buildColumn, type ColumnValues, DictionaryState } from './arrow-columns.ts';

export type { Coded, ColumnValues } from './arrow-columns.ts';
export { type CodedPart, newSlab, type Part, type Slab } from './arrow-part.ts';
export { type ArrowFile, openArrow, type Rows, readAll } from './arrow-read.ts';

/** A column of a file: its type, whether it may hold nulls, and notes that travel with it (text to text). */
export interface Column {
  readonly type: DataType;
  readonly nullable?: boolean;
  readonly metadata?: Readonly<Record<string, string>>;
}

/** Columns by name, in the order of the file. */
export type Columns = Readonly<Record<string, Column>>;

export const utf8 = (): Column => ({ type: new Utf8() });
/** Text with few different values; stored once each. */
export const dictionary = (): Column => ({ type: new Dictionary(new Utf8(), new Int32(), 0) });
export const int32 = (): Column => ({ type: new Int32() });
export const uint32 = (): Column => ({ type: new Uint32() });
export const float32 = (): Column => ({ type: new Float32() });
/** Doubles; also whole numbers up to 2^53, such as byte counts and offsets. */
export const float64 = (): Column => ({ type: new Float64() });
export const bool = (): Column => ({ type: new Bool() });
/** `width` float32 values in each row. */
export const floats = (width: number): Column => ({
  type: new FixedSizeList(width, new Field('item', new Float32(), false)),
});
/** `width` int32 values in each row. */
export const ints = (width: number): Column => ({
  type: new FixedSizeList(width, new Field('item', new Int32(), false)),
});
/** Any number of int32 values in each row. */
export const intLists = (): Column => ({ type: new List(new Field('item', new Int32(), false)) });
/** The same column, with nulls allowed. */
export const nullable = (column: Column): Column => ({ ...column, nullable: true });
/** The same column, with notes. */
export const noted = (column: Column, metadata: Readonly<Record<string, string>>): Column => ({
  ...column,
  metadata,
});

/** The Arrow schema of the columns. Dictionaries are numbered by position, so that equal tables have equal bytes. */
export function schemaOf(columns: Columns, metadata: Readonly<Record<string, string>> = {}): Schema {
  const fields = Object.entries(columns).map(([name, column], index) => {
    const type =
      column.type instanceof Dictionary ? new Dictionary(new Utf8(), new Int32(), index) : column.type;
    return new Field(name, type, column.nullable ?? false, new Map(Object.entries(column.metadata ?? {})));
  });
  return new Schema(fields, new Map(Object.entries(metadata)));
}

/** An Arrow IPC file that is being written. */
export interface ArrowWriter {
  /** Appends one record batch: a value array a column (see `ColumnValues`), all of one length. Synchronous. */
  write(values: Readonly<Record<string, ColumnValues>>): void;
  /** Writes the footer. A file without it can't be read. */
  close(): void;
  /** Gives up: closes the file without a footer. Harmless after `close`. */
  abort(): void;
  readonly rows: number;
}

/**
 * Starts an Arrow IPC file. Batches go to disk as they are written, so memory holds one batch at most. The same batches
 * give the same bytes.
 */
export function writeArrow(
  path: string,
  columns: Columns,
  metadata: Readonly<Record<string, string>> = {},
): ArrowWriter {
  const schema = schemaOf(columns, metadata);
  const dictionaries = new Map<string, DictionaryState>();
  for (const field of schema.fields) {
    if (field.type instanceof Dictionary) dictionaries.set(field.name, new DictionaryState());
  }
  const sink = new FileSink(path);
  const writer = new RecordBatchFileWriter({ autoDestroy: false });
  writer.reset(sink, schema);
  let rows = 0;
  return {
    get rows() {
      return rows;
    },
    write(values) {
      const batch = batchOf(schema, values, dictionaries);
      writer.write(batch);
      rows += batch.numRows;
    },
    close() {
      if (sink.done) return;
      if (rows === 0) writer.write(batchOf(schema, emptyValues(schema), dictionaries));
      writer.close();
      sink.end();
    },
    abort: () => sink.end(),
  };
}

/** Writes a small table in one batch. */
export function writeTable(
  path: string,
  columns: Columns,
  values: Readonly<Record<string, ColumnValues>>,
  metadata: Readonly<Record<string, string>> = {},
): void {
  const writer = writeArrow(path, columns, metadata);
  try {
    writer.write(values);
    writer.close();
  } finally {
    writer.abort();
  }
}

function batchOf(
  schema: Schema,
  values: Readonly<Record<string, ColumnValues>>,
  dictionaries: ReadonlyMap<string, DictionaryState>,
): RecordBatch {
  for (const name of Object.keys(values)) {
    if (!schema.fields.some((field) => field.name === name)) throw new Error(`there is no column "${name}"`);
  }
  const children = schema.fields.map((field) => {
    const given = values[field.name];
    if (given === undefined) throw new Error(`column "${field.name}" has no values`);
    return buildColumn(field, given, dictionaries.get(field.name));
  });
  const rows = children[0]?.length ?? 0;
  for (const [index, child] of children.entries()) {
    if (child.length !== rows) {
      throw new Error(
        `column "${schema.fields[index]?.name}" has ${child.length} rows, the first has ${rows}`,
      );
    }
  }
  const type = new Struct(schema.fields);
  return new RecordBatch(schema, makeData({ type, length: rows, nullCount: 0, children }));
}

function emptyValues(schema: Schema): Record<string, ColumnValues> {
  return Object.fromEntries(schema.fields.map((field) => [field.name, []]));
}

/** Bytes after which a file is flushed while it goes on being written. */
const FLUSHED_AT = 8 * 2 ** 20;

/** Sends what the Arrow writer puts out straight to a file. */
class FileSink extends AsyncByteQueue<Uint8Array> {
  readonly #file: number;
  readonly #path: string;
  /** Bytes that only the system's memory may hold. */
  #behind = 0;
  #flushing = false;
  done = false;

  constructor(path: string) {
    super();
    this.#path = path;
    this.#file = openSync(path, 'w');
  }

  override write(chunk: Uint8Array): void {
    let offset = 0;
    while (offset < chunk.byteLength) {
      offset += writeSync(this.#file, chunk, offset, chunk.byteLength - offset);
    }
    this.#behind += chunk.byteLength;
    if (this.#behind >= FLUSHED_AT && !this.#flushing) this.#flush();
  }

  /**
   * Has the system write behind what this thread goes on with, so that who makes the whole file last has little to wait for. By a
   * descriptor of its own: the file may be closed meanwhile. Whether it works is of no matter here.
   */
  #flush(): void {
    this.#flushing = true;
    this.#behind = 0;
    open(this.#path, 'r', (error, file) => {
      const done = () => {
        this.#flushing = false;
      };
      if (error) done();
      else fdatasync(file, () => close(file, done));
    });
  }

  end(): void {
    if (this.done) return;
    this.done = true;
    closeSync(this.#file);
  }
}
