import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvText, parseCsv, type TableRow, writeCsv } from '../../tables/csv.ts';
import { temporaryFolder } from '../support/fake-task.ts';

const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom('', ' ', '"', ',', '\r\n', 'a\nb', '"",', '=1+1', ' x', 'x\t', 'ü‮'),
);
const rows = fc.array(fc.record({ a: fc.option(text), b: text }), { maxLength: 20 });

describe('csv', () => {
  it('reads back what it wrote, null and empty text apart', () => {
    fc.assert(
      fc.property(rows, (table) => {
        expect(parseCsv(csvText(['a', 'b'], table)).rows).toEqual(table);
      }),
    );
  });

  it('is read the same by DuckDB', async () => {
    const table = [
      { a: 'plain', b: 'with, comma' },
      { a: 'with "quotes"', b: 'two\r\nlines' },
      { a: ' blank ends ', b: 'ünïcode 🙂' },
      { a: null, b: 'null before' },
    ];
    const file = join(temporaryFolder(), 'table.csv');
    writeFileSync(file, csvText(['a', 'b'], table));
    const connection = await (await DuckDBInstance.create()).connect();
    const found = await connection.runAndReadAll(
      `SELECT * FROM read_csv('${file}', header = true, all_varchar = true, quote = '"', escape = '"', delim = ',')`,
    );
    expect(found.getRowObjects()).toEqual(table);
  });

  it('writes numbers in full, truth values as words, lists with blanks', () => {
    const row: TableRow = { n: 0.1 + 0.2, t: true, l: Int32Array.of(1, 2, 3), u: undefined };
    expect(csvText(['n', 't', 'l', 'u'], [row])).toBe('n,t,l,u\r\n0.30000000000000004,true,1 2 3,\r\n');
  });

  it('writes files of any length as one text', () => {
    const file = join(temporaryFolder(), 'long.csv');
    const table = Array.from({ length: 20_000 }, (_, i) => ({ a: `row ${i}, "${i}"` }));
    writeCsv(file, ['a'], table);
    expect(readFileSync(file, 'utf8')).toBe(csvText(['a'], table));
  });

  it('refuses what is no CSV', () => {
    expect(() => parseCsv('a\r\n"b')).toThrow(/not a CSV/);
    expect(() => parseCsv('a\r\n"b"c')).toThrow(/not a CSV/);
    expect(() => parseCsv('a,b\r\n1\r\n')).toThrow(/1 fields, not 2/);
  });
});
