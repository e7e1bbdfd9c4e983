import thrift from 'parquetjs-lite/gen-nodejs/parquet_types.js';
import compression from 'parquetjs-lite/lib/compression.js';
import util from 'parquetjs-lite/lib/util.js';

/** `int32-list` is a list of int32 in the three-level form (`list.element`) that all readers know. */
export type ColumnType = 'utf8' | 'bool' | 'int32' | 'int64' | 'float64' | 'int32-list';

export interface Column {
  readonly name: string;
  readonly type: ColumnType;
  /** Whether null may stand in it (default no: a null is then a bug and throws). */
  readonly nullable?: boolean;
}

/** One value of a column: a list column takes any array of integers. */
export type Cell = string | number | boolean | null | undefined | ArrayLike<number>;

/**
 * Snappy, as parquetjs-lite has it in JavaScript: the bytes are the same on every machine, which zlib doesn't promise, and
 * every reader knows it without an extension.
 */
export const COMPRESSION = 'SNAPPY';

/** A finished data page (header and body), how many values it counts and its size before compression. */
export interface Page {
  readonly bytes: Buffer;
  readonly values: number;
  readonly rawBytes: number;
}

/** Collects the values of one column and turns them into a Parquet data page: levels RLE, values PLAIN. */
export interface ColumnPage {
  push(value: Cell): void;
  /** Pushes the cells from `from` up to `to`; fast for typed arrays. */
  append(cells: ArrayLike<Cell>, from: number, to: number): void;
  /** The page of everything pushed since the last `take`. */
  take(): Page;
}

/** A buffer that grows by doubling and is used again for the next page. */
interface Bytes {
  buffer: Buffer;
  length: number;
}

function reserve(bytes: Bytes, more: number): number {
  const at = bytes.length;
  if (at + more > bytes.buffer.length) {
    const larger = Buffer.alloc(Math.max(2 * bytes.buffer.length, at + more));
    bytes.buffer.copy(larger, 0, 0, at);
    bytes.buffer = larger;
  }
  bytes.length = at + more;
  return at;
}

const TEXT_CACHE = 4096;

type PutValue = (value: Cell) => void;

/** Appends values of a type in PLAIN encoding. */
function plainEncoder(column: Column, bytes: Bytes, count: () => number): PutValue {
  switch (column.type) {
    case 'float64':
      return (value) => {
        const at = reserve(bytes, 8); // first: it may move the buffer
        bytes.buffer.writeDoubleLE(value as number, at);
      };
    case 'int32':
      return (value) => {
        const at = reserve(bytes, 4); // first: it may move the buffer
        bytes.buffer.writeInt32LE(value as number, at);
      };
    case 'int64':
      return (value) => {
        const at = reserve(bytes, 8); // first: it may move the buffer
        bytes.buffer.writeBigInt64LE(BigInt(value as number), at);
      };
    case 'bool':
      return (value) => {
        const bit = count() % 8;
        if (bit === 0) {
          const at = reserve(bytes, 1);
          bytes.buffer[at] = 0;
        }
        if (value) bytes.buffer[bytes.length - 1]! |= 1 << bit;
      };
    case 'utf8': {
      const seen = new Map<string, Buffer>();
      return (value) => {
        let text = seen.get(value as string);
        if (text === undefined) {
          text = Buffer.from(value as string, 'utf8');
          if (seen.size < TEXT_CACHE) seen.set(value as string, text);
        }
        const at = reserve(bytes, 4 + text.length);
        bytes.buffer.writeUInt32LE(text.length, at);
        text.copy(bytes.buffer, at + 4);
      };
    }
    case 'int32-list':
      return (value) => {
        const list = value as ArrayLike<number>;
        if (LITTLE && list instanceof Int32Array) return copyTyped(bytes, list);
        let at = reserve(bytes, 4 * list.length);
        for (let i = 0; i < list.length; i++) at = bytes.buffer.writeInt32LE(list[i]!, at);
      };
  }
}

/** Parquet's numbers are little-endian: where the machine's are too, typed arrays are copied as they are. */
const LITTLE = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

function copyTyped(bytes: Bytes, values: Int32Array | Float64Array): void {
  const at = reserve(bytes, values.byteLength);
  bytes.buffer.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), at);
}

/** Makes the page builder of a column. A list column gets one repetition and one definition bit an element. */
export function columnPage(column: Column): ColumnPage {
  const isList = column.type === 'int32-list';
  if (isList && column.nullable) throw new Error(`the list column ${column.name} can't be nullable`);
  const hasDefinitions = isList || column.nullable === true;
  const values: Bytes = { buffer: Buffer.alloc(4096), length: 0 };
  const definitions: Bytes = { buffer: Buffer.alloc(1024), length: 0 };
  const repetitions: Bytes = { buffer: Buffer.alloc(1024), length: 0 };
  let present = 0;
  let entries = 0;
  const put = plainEncoder(column, values, () => present);

  const level = (levels: Bytes, bit: 0 | 1): void => {
    const at = reserve(levels, 1);
    levels.buffer[at] = bit;
  };
  const pushList = (list: ArrayLike<number>): void => {
    const count = Math.max(1, list.length); // an empty list takes one entry with definition level 0
    const [r, d] = [reserve(repetitions, count), reserve(definitions, count)];
    repetitions.buffer.fill(1, r, r + count);
    repetitions.buffer[r] = 0;
    definitions.buffer.fill(list.length === 0 ? 0 : 1, d, d + count);
    entries += count;
    put(list);
  };

  const push = (value: Cell): void => {
    if (value === null || value === undefined) {
      if (!column.nullable) throw new Error(`null in the column ${column.name}, which has no nulls`);
      level(definitions, 0);
      entries++;
    } else if (isList) pushList(value as ArrayLike<number>);
    else {
      if (hasDefinitions) level(definitions, 1);
      put(value);
      present++;
      entries++;
    }
  };
  const isCopied = (cells: ArrayLike<Cell>): cells is Int32Array | Float64Array =>
    LITTLE &&
    !hasDefinitions &&
    (column.type === 'float64'
      ? cells instanceof Float64Array
      : column.type === 'int32' && cells instanceof Int32Array);

  return {
    push,
    append(cells, from, to) {
      if (isCopied(cells)) {
        copyTyped(values, cells.subarray(from, to));
        present += to - from;
        entries += to - from;
      } else for (let i = from; i < to; i++) push(cells[i]);
    },
    take() {
      const body = Buffer.concat([
        isList ? encodeLevels(repetitions) : Buffer.alloc(0),
        hasDefinitions ? encodeLevels(definitions) : Buffer.alloc(0),
        values.buffer.subarray(0, values.length),
      ]);
      const page = finishPage(body, entries);
      for (const bytes of [values, definitions, repetitions]) bytes.length = 0;
      present = 0;
      entries = 0;
      return page;
    },
  };
}

/**
 * Levels of one bit in Parquet's RLE/bit-packed hybrid with its four-byte length: one run when all are equal, else one
 * bit-packed run (groups of eight, lowest bit first).
 */
function encodeLevels(levels: Bytes): Buffer {
  const count = levels.length;
  const bits = levels.buffer.subarray(0, count);
  const first = bits[0] ?? 0;
  const groups = Math.ceil(count / 8);
  let run: Buffer;
  if (bits.every((bit) => bit === first)) run = Buffer.concat([varint(count * 2), Buffer.from([first])]);
  else {
    const packed = Buffer.alloc(groups);
    for (let i = 0; i < count; i++) packed[i >> 3]! |= bits[i]! << (i & 7);
    run = Buffer.concat([varint(groups * 2 + 1), packed]);
  }
  const length = Buffer.alloc(4);
  length.writeUInt32LE(run.length);
  return Buffer.concat([length, run]);
}

/** Unsigned LEB128. */
function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.from([...bytes, rest]);
}

function finishPage(body: Buffer, entries: number): Page {
  const packed = compression.deflate(COMPRESSION, body);
  const header = new thrift.PageHeader();
  header.type = thrift.PageType.DATA_PAGE;
  header.uncompressed_page_size = body.length;
  header.compressed_page_size = packed.length;
  header.data_page_header = new thrift.DataPageHeader();
  header.data_page_header.num_values = entries;
  header.data_page_header.encoding = thrift.Encoding.PLAIN;
  header.data_page_header.definition_level_encoding = thrift.Encoding.RLE;
  header.data_page_header.repetition_level_encoding = thrift.Encoding.RLE;
  const head = util.serializeThrift(header);
  return { bytes: Buffer.concat([head, packed]), values: entries, rawBytes: head.length + body.length };
}
