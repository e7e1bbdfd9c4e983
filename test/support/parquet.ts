import { readFileSync } from 'node:fs';
import { DuckDBInstance } from '@duckdb/node-api';
import { parquetReadObjects } from 'hyparquet';

/** Rows of a Parquet file, at most `rows` of them, as hyparquet reads them; 64-bit integers as numbers. */
export async function readWithHyparquet<Row>(path: string, rows?: number): Promise<Row[]> {
  const bytes = readFileSync(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length);
  const end = rows === undefined ? {} : { rowEnd: rows };
  return (await parquetReadObjects({ file: file as ArrayBuffer, ...end })).map((row) => plain(row) as Row);
}

/** What DuckDB answers; 64-bit integers as numbers. */
export async function askDuckDb<Row>(sql: string): Promise<Row[]> {
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  try {
    const reader = await connection.runAndReadAll(sql);
    return reader.getRowObjectsJS().map((row) => plain(row) as Row);
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value) || ArrayBuffer.isView(value))
    return Array.from(value as ArrayLike<unknown>, plain);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, plain(each)]));
  return value;
}
