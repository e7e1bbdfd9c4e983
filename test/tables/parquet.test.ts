import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import { type Cell, type Column, openParquet, writeParquet } from '../../tables/parquet.ts';
import { temporaryFolder } from '../support/fake-task.ts';

const folder = temporaryFolder();
let files = 0;
const newFile = () => join(folder, `${files++}.parquet`);

const COLUMNS: Column[] = [
  { name: 'text', type: 'utf8', nullable: true },
  { name: 'flag', type: 'bool', nullable: true },
  { name: 'small', type: 'int32', nullable: true },
  { name: 'large', type: 'int64' },
  { name: 'number', type: 'float64', nullable: true },
  { name: 'list', type: 'int32-list' },
  { name: 'sure', type: 'bool' },
];

type Row = Record<string, Cell>;

async function readHyparquet(file: string): Promise<Record<string, unknown>[]> {
  const rows = await parquetReadObjects({ file: await asyncBufferFromFile(file) });
  return rows.map((row) => ({ ...row, large: Number(row.large) }));
}

/** Text as a list of UTF-16 units, so that no driver's rendering stands between. */
async function readDuckdb(file: string): Promise<Record<string, unknown>[]> {
  const connection = await (await DuckDBInstance.create()).connect();
  const reader = await connection.runAndReadAll(`SELECT * FROM read_parquet('${file}')`);
  const rows = reader.getRowObjects() as Record<string, unknown>[];
  connection.closeSync();
  return rows.map((row) => ({
    ...row,
    large: Number(row.large),
    list: Array.from((row.list as { items: readonly number[] }).items),
  }));
}

/** hyparquet's text decoder drops a byte order mark that a text starts with. */
const withoutMark = (row: Row): Row => ({
  ...row,
  text: typeof row.text === 'string' ? row.text.replace(/^\ufeff/, '') : (row.text ?? null),
});

const plain = (row: Row): Row => ({ ...row, list: Array.from(row.list as ArrayLike<number>) });

const row = fc.record({
  text: fc.option(fc.string({ unit: 'binary' })),
  flag: fc.option(fc.boolean()),
  small: fc.option(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
  large: fc.maxSafeInteger().map((value) => value + 0),
  number: fc.option(fc.double({ noNaN: true })),
  list: fc.array(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), { maxLength: 12 }),
  sure: fc.boolean(),
});
const rowsOf = fc.array(row, { maxLength: 70 });

function write(rows: readonly Row[], rowGroupRows = 16): string {
  const file = newFile();
  writeParquet(file, COLUMNS, rows, { rowGroupRows });
  return file;
}

describe('parquet', () => {
  it('reads back the same with hyparquet, whatever the values and the size of row groups', async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf, fc.integer({ min: 1, max: 30 }), async (rows, group) => {
        expect(await readHyparquet(write(rows, group))).toEqual(rows.map(plain).map(withoutMark));
      }),
      { numRuns: 60 },
    );
  });

  it('reads back the same with DuckDB', async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf, fc.integer({ min: 1, max: 30 }), async (rows, group) => {
        const same = rows
          .map(plain)
          .map((one) => ({ ...one, number: one.number === null ? null : Number(one.number) }));
        expect(await readDuckdb(write(rows, group))).toEqual(same);
      }),
      { numRuns: 25 },
    );
  });

  it('has the same bytes however rows arrive', () => {
    const rows = fc.sample(row, { numRuns: 100, seed: 2 });
    const byRow = readFileSync(write(rows));
    const byColumn = newFile();
    const file = openParquet(byColumn, COLUMNS, { rowGroupRows: 16 });
    for (const [from, to] of [
      [0, 3],
      [3, 3],
      [3, 60],
      [60, 100],
    ] as const) {
      const part = rows.slice(from, to);
      file.append(
        part.length,
        Object.fromEntries(
          COLUMNS.map(({ name }) => [name, part.map((one) => one[name as keyof typeof one])]),
        ),
      );
    }
    file.close();
    expect(readFileSync(byColumn).equals(byRow)).toBe(true);
  });

  it('writes a table without rows that both read', async () => {
    const file = write([]);
    expect(await readHyparquet(file)).toEqual([]);
    expect(await readDuckdb(file)).toEqual([]);
  });

  it('tells its types, sizes and metadata', async () => {
    const file = newFile();
    const rows = fc.sample(row, { numRuns: 40, seed: 3 });
    writeParquet(file, COLUMNS, rows, { metadata: { note: 'ünï' }, rowGroupRows: 25 });
    const metadata = await parquetMetadataAsync(await asyncBufferFromFile(file));
    expect(metadata.num_rows).toBe(40n);
    expect(metadata.row_groups.map((group) => Number(group.num_rows))).toEqual([25, 15]);
    expect(metadata.key_value_metadata).toEqual([{ key: 'note', value: 'ünï' }]);
    for (const column of metadata.row_groups[0]!.columns) {
      expect(column.meta_data!.total_compressed_size).toBeGreaterThan(0n);
      expect(column.meta_data!.total_uncompressed_size).toBeGreaterThan(0n);
    }
    const connection = await (await DuckDBInstance.create()).connect();
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM '${file}'`);
    const types = Object.fromEntries(described.getRows().map((one) => [one[0], one[1]]));
    expect(types).toEqual({
      text: 'VARCHAR',
      flag: 'BOOLEAN',
      small: 'INTEGER',
      large: 'BIGINT',
      number: 'DOUBLE',
      list: 'INTEGER[]',
      sure: 'BOOLEAN',
    });
  });

  it('refuses a null where none may be, a missing column and a short one', () => {
    const column: Column[] = [{ name: 'a', type: 'int32' }];
    expect(() => writeParquet(newFile(), column, [{ a: null }])).toThrow(/null in the column a/);
    expect(() => openParquet(newFile(), column).append(1, {})).toThrow(/a is missing/);
    expect(() => openParquet(newFile(), column).append(2, { a: [1] })).toThrow(/1 of 2/);
    expect(() => openParquet(newFile(), [{ name: 'a', type: 'int32-list', nullable: true }])).toThrow(
      /nullable/,
    );
  });
});
