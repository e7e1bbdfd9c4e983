import { closeSync, openSync, writeSync } from 'node:fs';
import type { FieldDefinition } from 'parquetjs-lite';
import parquet from 'parquetjs-lite';
import type { Cell, Column } from './parquet-column.ts';
import { COMPRESSION, columnPage } from './parquet-column.ts';

export type { Cell, Column, ColumnType } from './parquet-column.ts';

/**
 * Rows that are held in memory before they are written as a row group: a table of tasks with 2 × 9 references takes
 * about 3 MB a group. Groups are cut by row count alone, so the bytes don't depend on how rows arrive.
 */
export const ROW_GROUP_ROWS = 16_384;

export interface ParquetOptions {
  readonly rowGroupRows?: number;
  /** Key–value metadata of the file. */
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface ParquetFile {
  /** Appends `count` rows given by column; every column of the schema must be there. */
  append(count: number, columns: Readonly<Record<string, ArrayLike<Cell>>>): void;
  /** Appends one row. */
  row(row: Readonly<Record<string, Cell>>): void;
  /** Writes what is left and the footer. Without it the file is no Parquet file. */
  close(): void;
}

/**
 * Opens a Parquet file for writing. Schema and footer are parquetjs-lite's; the pages are encoded here by column, since
 * that library's row shredder took seventy times as long (3,800 rows of tasks a second instead of 260,000). Equal tables
 * have equal bytes, however their rows arrive. Writes are synchronous: call it in a worker.
 */
export function openParquet(
  path: string,
  columns: readonly Column[],
  options: ParquetOptions = {},
): ParquetFile {
  const { rowGroupRows = ROW_GROUP_ROWS, metadata = {} } = options;
  const schema = new parquet.ParquetSchema(Object.fromEntries(columns.map((c) => [c.name, field(c)])));
  const leaves = schema.fieldList.filter((f) => !f.isNested).map((f) => f.path.join(','));
  const file = openSync(path, 'w');
  const write = (bytes: Buffer): void => writeAll(file, bytes);
  const envelope = new parquet.ParquetEnvelopeWriter(schema, write, () => undefined, 0, { pageIndex: false });
  const builders = columns.map((column) => columnPage(column));
  let held = 0;
  envelope.writeHeader();

  const flush = (): void => {
    if (held === 0) return;
    const pages = builders.map((builder) => builder.take());
    envelope.writeRowGroup({
      rowCount: held,
      pages: Object.fromEntries(
        pages.map((page, i) => [
          leaves[i]!,
          [
            {
              page: page.bytes,
              first_row_index: 0,
              num_values: page.values,
              distinct_values: new Set<never>(),
            },
          ],
        ]),
      ),
    });
    const group = envelope.rowGroups.at(-1)!;
    group.total_byte_size = pages.reduce((sum, page) => sum + page.rawBytes, 0);
    pages.forEach((page, i) => {
      group.columns[i]!.meta_data.total_uncompressed_size = page.rawBytes;
    });
    held = 0;
  };

  return {
    append(count, values) {
      const sources = columns.map((column) => source(values, column, count));
      for (let from = 0; from < count; ) {
        const to = Math.min(count, from + rowGroupRows - held);
        builders.forEach((builder, c) => {
          builder.append(sources[c]!, from, to);
        });
        held += to - from;
        from = to;
        if (held === rowGroupRows) flush();
      }
    },
    row(row) {
      builders.forEach((builder, c) => {
        builder.push(row[columns[c]!.name]);
      });
      if (++held === rowGroupRows) flush();
    },
    close() {
      try {
        flush();
        envelope.writeFooter({ ...metadata });
      } finally {
        closeSync(file);
      }
    },
  };
}

/** Writes a table whose rows are at hand. */
export function writeParquet(
  path: string,
  columns: readonly Column[],
  rows: Iterable<Readonly<Record<string, Cell>>>,
  options: ParquetOptions = {},
): void {
  const file = openParquet(path, columns, options);
  try {
    for (const row of rows) file.row(row);
  } finally {
    file.close();
  }
}

function source(
  values: Readonly<Record<string, ArrayLike<Cell>>>,
  column: Column,
  count: number,
): ArrayLike<Cell> {
  const cells = values[column.name];
  if (cells === undefined) throw new Error(`the column ${column.name} is missing`);
  if (cells.length < count) throw new Error(`the column ${column.name} has ${cells.length} of ${count} rows`);
  return cells;
}

const TYPES = { utf8: 'UTF8', bool: 'BOOLEAN', int32: 'INT32', int64: 'INT64', float64: 'DOUBLE' } as const;

function field(column: Column): FieldDefinition {
  if (column.type === 'int32-list') {
    const element = { type: 'INT32', compression: COMPRESSION, statistics: false };
    return { type: 'LIST', fields: { list: { repeated: true, fields: { element } } } };
  }
  const optional = column.nullable === true;
  return { type: TYPES[column.type], optional, compression: COMPRESSION, statistics: false };
}

function writeAll(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
