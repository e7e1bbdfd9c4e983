import { readSync } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { Damage } from './damage.ts';
import { Table } from './flatbuffer.ts';

// Numbers of fields in Arrow's FlatBuffers (format/File.fbs, Schema.fbs, Message.fbs), and of kinds of messages.
const FOOTER = { schema: 1, dictionaries: 2, batches: 3, metadata: 4 };
const SCHEMA = { fields: 1, metadata: 2 };
const FIELD = { name: 0, type: 3, dictionary: 4, children: 5, metadata: 6 };
const MESSAGE = { kind: 1, header: 2, bodyLength: 3, metadata: 4 };
const BATCH = { length: 0, nodes: 1, buffers: 2 };
const DICTIONARY = { data: 1 };
const KINDS = { dictionary: 2, batch: 3 };

const DEEPEST = 8;

/** Where a record batch stands in its file: its header begins at `offset`, its body behind that. */
export interface Block {
  readonly offset: number;
  readonly headBytes: number;
  readonly bodyBytes: number;
}

/** What the footer says of the record batches. */
export interface Batches {
  /** First row of each batch, then the number of rows. */
  readonly starts: number[];
  readonly blocks: readonly Block[];
}

/**
 * Checks the footer of an Arrow file and the headers of its batches: every block lies in the file and is what the footer
 * says, every buffer lies in its block. Throws a Damage.
 */
export function checkFooter(handle: FileHandle, size: number, footerBytes: number): Batches {
  const end = size - 10 - footerBytes;
  const footer = Table.root(partOf(handle, end, footerBytes));
  const schema = footer.table(FOOTER.schema);
  if (!schema) throw new Damage('it has no schema');
  for (const field of schema.tables(SCHEMA.fields)) checkField(field, 0);
  checkMetadata(schema, SCHEMA.metadata);
  checkMetadata(footer, FOOTER.metadata);
  for (const block of footer.structs(FOOTER.dictionaries, 24))
    checkBlock(handle, block, end, KINDS.dictionary);
  const starts = [0];
  const blocks: Block[] = [];
  for (const block of footer.structs(FOOTER.batches, 24)) {
    starts.push(starts.at(-1)! + checkBlock(handle, block, end, KINDS.batch));
    blocks.push({ offset: block.long(0), headBytes: block.int(8), bodyBytes: block.long(16) });
  }
  return { starts, blocks };
}

/** Rows of a batch, lengths of its columns, and where their buffers lie in its body, in the order of the schema. */
export interface BatchHeader {
  readonly rows: number;
  readonly nodes: readonly number[];
  readonly buffers: readonly { readonly from: number; readonly length: number }[];
}

/** Lengths of the columns of a batch, and where their buffers lie in its body, in the order of the schema. */
export function batchHeader(handle: FileHandle, { offset, headBytes }: Block): BatchHeader {
  const message = Table.root(partOf(handle, offset, headBytes).subarray(8));
  const header = message.table(MESSAGE.header);
  if (!header) throw new Damage('a batch has no header');
  checkHeader(header, message.long(MESSAGE.bodyLength));
  return {
    rows: header.long(BATCH.length),
    nodes: header.structs(BATCH.nodes, 16).map((node) => node.long(0)),
    buffers: header
      .structs(BATCH.buffers, 16)
      .map((buffer) => ({ from: buffer.long(0), length: buffer.long(8) })),
  };
}

function checkField(field: Table, depth: number): void {
  if (depth > DEEPEST) throw new Damage('its columns are nested too deeply');
  field.checkText(FIELD.name);
  field.table(FIELD.type);
  field.table(FIELD.dictionary);
  checkMetadata(field, FIELD.metadata);
  for (const child of field.tables(FIELD.children)) checkField(child, depth + 1);
}

function checkMetadata(table: Table, field: number): void {
  for (const pair of table.tables(field)) {
    pair.checkText(0);
    pair.checkText(1);
  }
}

/** Rows of the batch in a block. */
function checkBlock(
  handle: FileHandle,
  block: { long(offset: number): number; int(offset: number): number },
  end: number,
  kind: number,
): number {
  const [offset, headBytes, bodyBytes] = [block.long(0), block.int(8), block.long(16)];
  if (offset < 8 || headBytes <= 8 || bodyBytes < 0 || offset + headBytes + bodyBytes > end) {
    throw new Damage('a batch lies outside the file');
  }
  const head = partOf(handle, offset, headBytes);
  if (head.readInt32LE(0) !== -1 || head.readInt32LE(4) !== headBytes - 8)
    throw new Damage('a batch has no header');
  const message = Table.root(head.subarray(8));
  const header = message.table(MESSAGE.header);
  if (message.byte(MESSAGE.kind) !== kind || message.long(MESSAGE.bodyLength) !== bodyBytes || !header) {
    throw new Damage('the header of a batch is not the one that belongs there');
  }
  checkMetadata(message, MESSAGE.metadata);
  const batch = kind === KINDS.dictionary ? header.table(DICTIONARY.data) : header;
  if (!batch) throw new Damage('a list of words is empty');
  return checkHeader(batch, bodyBytes);
}

function checkHeader(batch: Table, bodyBytes: number): number {
  // A value takes a bit at least.
  const isCount = (count: number) => count >= 0 && count <= 8 * bodyBytes;
  for (const node of batch.structs(BATCH.nodes, 16)) {
    if (!isCount(node.long(0)) || !isCount(node.long(8)))
      throw new Damage('a batch has more rows than bytes');
  }
  for (const buffer of batch.structs(BATCH.buffers, 16)) {
    const [from, length] = [buffer.long(0), buffer.long(8)];
    if (from < 0 || length < 0 || from + length > bodyBytes)
      throw new Damage('a column lies outside its batch');
  }
  const rows = batch.long(BATCH.length);
  if (!isCount(rows)) throw new Damage('a batch has more rows than bytes');
  return rows;
}

/** Reads at once: these are few bytes, and so many parts that waiting for each would take longer. */
function partOf(handle: FileHandle, offset: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  if (readSync(handle.fd, buffer, 0, length, offset) < length) throw new Damage('it is cut short');
  return buffer;
}
