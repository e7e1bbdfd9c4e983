import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Field,
  FixedSizeList,
  Float32,
  Table,
  tableFromArrays,
  tableToIPC,
  vectorFromArray,
} from 'apache-arrow';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore, type Store } from '../../cache/store.ts';
import { csvRows } from '../../engine/run/csv.ts';
import { checkExpected } from '../../engine/run/expected.ts';
import { firstDifference } from '../../engine/run/first-difference.ts';
import type { Expectation } from '../../engine/spec/expect.ts';
import { csvText } from '../../tables/csv.ts';

let dir: string;
let store: Store;
beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'mis-check-test-'));
  store = await openStore(join(dir, 'store'));
});
afterAll(async () => {
  await store.close();
  rmSync(dir, { recursive: true, force: true });
});

describe('CSV', () => {
  it('reads what the tables write', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '1', ' ', '"', ',', '\r', '\n', 'é'), minLength: 1 });
    const cell = fc.option(text, { nil: null });
    fc.assert(
      fc.property(fc.array(fc.record({ a: cell, 'b,"c': cell }), { maxLength: 5 }), (rows) => {
        expect(csvRows(csvText(['a', 'b,"c'], rows), 'x.csv')).toEqual(rows);
      }),
      { numRuns: 300 },
    );
  });
  it.each([
    ['a,b\n1\n', 'x.csv: row 1 has 1 fields, the first line has 2.'],
    ['a\n"1\n', 'x.csv: row 1 is not CSV: a quote is open'],
    ['a\n1"2"\n', 'x.csv: row 1 is not CSV'],
  ])('%j', (text, message) => {
    expect(() => csvRows(text, 'x.csv')).toThrow(message);
  });
  it('empty fields, no last line end, line ends of either kind', () => {
    expect(csvRows('a,b\n1,\r\n"",2', 'x')).toEqual([
      { a: '1', b: null },
      { a: '', b: '2' },
    ]);
    expect(csvRows('', 'x')).toEqual([]);
  });
});

describe('expected values', () => {
  const check = (files: Record<string, string>, expectation: Partial<Expectation>) => {
    const paths = Object.fromEntries(
      Object.entries(files).map(([name, text], i) => {
        const path = join(dir, `file-${i}`);
        writeFileSync(path, text);
        return [name, path];
      }),
    );
    const whole = { file: 'm.csv', value: 0, tolerance: 0, place: 'c:1:1', ...expectation };
    return checkExpected([whole], [{ stage: 'report', files: paths }])[0]!;
  };
  const CSV = { 'm.csv': 'model,mis,top1\r\na,0.747,\r\nb,0.5,1\r\n' };

  it.each([
    [0.747, 0, true],
    [0.742, 0.005, true],
    [0.7519, 0.005, true],
    [0.753, 0.005, false],
    [0.741, 0.005, false],
    ['0.747', 0, true],
    ['0.74', 0, false],
    [null, 0, false],
  ])('%j ± %d', (value, tolerance, ok) => {
    expect(check(CSV, { row: { model: 'a' }, column: 'mis', value, tolerance }).ok).toBe(ok);
  });
  it('an empty field is no number, and is null', () => {
    expect(check(CSV, { row: { model: 'a' }, column: 'top1', value: 0, tolerance: 9 }).ok).toBe(false);
    expect(check(CSV, { row: { model: 'a' }, column: 'top1', value: null }).ok).toBe(true);
  });
  it('JSON: keys, rows inside, values of every kind', () => {
    const json = {
      'm.json': JSON.stringify({
        sum: { n: 3, ok: true },
        rows: [
          { id: 1, v: 2 },
          { id: 2, v: null },
        ],
      }),
    };
    const of = (rest: Partial<Expectation>) => check(json, { file: 'm.json', ...rest }).ok;
    expect(of({ at: 'sum', column: 'n', value: 3 })).toBe(true);
    expect(of({ at: 'sum.ok', value: true })).toBe(true);
    expect(of({ at: 'rows', row: { id: 2 }, column: 'v', value: null })).toBe(true);
    expect(of({ at: 'rows', row: { id: 1 }, column: 'v', value: 2.5, tolerance: 0.4 })).toBe(false);
    expect(of({ at: 'rows.0.v', value: 2 })).toBe(true);
  });
  it.each([
    [{ row: { model: 'c' }, column: 'mis' }, 'no row of m.csv has model=c'],
    [{ row: {}, column: 'mis' }, '2 rows, not one, of m.csv have'],
    [{ row: { model: 'a' }, column: 'miss' }, 'there is no "miss" in m.csv: there is model, mis, top1'],
    [{ file: 'n.csv' }, 'there is no file n.csv in what report publishes'],
    [{ file: 'x.txt' }, 'values are looked up in CSV and JSON files only'],
    [{ file: 'bad.json' }, 'bad.json is not JSON'],
    [{ stage: 'other' }, 'other publishes nothing'],
    [{ at: '__proto__' }, 'there is no "__proto__"'],
  ])('%j', (expectation, problem) => {
    const found = check({ ...CSV, 'x.txt': '', 'bad.json': '{' }, expectation);
    expect(found.ok).toBe(false);
    expect(found.problem).toContain(problem);
  });
  it('off by', () => {
    expect(check(CSV, { row: { model: 'b' }, column: 'mis', value: 0.25 }).off).toBe(0.25);
  });
});

describe('the first difference', () => {
  const put = async (bytes: string | Uint8Array) => {
    const path = join(dir, 'out');
    writeFileSync(path, bytes);
    return { artifact: await store.put(path, 'file'), store };
  };
  it('of bytes, also beyond the first piece, and of lengths', async () => {
    const [a, b] = [await put('hallo'), await put('hello')];
    expect(await firstDifference(a, b)).toBe('byte 1 (of 5 and 5): 0x61 and 0x65');
    expect(await firstDifference(a, await put('hal'))).toBe('byte 3 (of 5 and 3): 0x6c and the end');
    expect(await firstDifference(a, a)).toBeUndefined();
    const long = Buffer.alloc((1 << 20) + 10);
    const other = Buffer.from(long);
    other[(1 << 20) + 3] = 1;
    expect(await firstDifference(await put(long), await put(other))).toBe(
      'byte 1048579 (of 1048586 and 1048586): 0x00 and 0x01',
    );
  });
  it('of Arrow files: column and row', async () => {
    const file = (values: object) =>
      put(tableToIPC(tableFromArrays(values as Record<string, number[]>), 'file'));
    const a = await file({ x: Int32Array.of(1, 2, 3), y: Float64Array.of(1, Number.NaN, 3) });
    const b = await file({ x: Int32Array.of(1, 2, 3), y: Float64Array.of(1, Number.NaN, 3.5) });
    expect(await firstDifference(a, b)).toBe('column "y", row 2: 3 and 3.5');
    expect(await firstDifference(a, await file({ x: Int32Array.of(1, 2, 3) }))).toBe(
      'column 2: "y" (Float64) and none',
    );
    expect(await firstDifference(a, await file({ x: Int32Array.of(1), y: Float64Array.of(1) }))).toBe(
      '3 and 1 rows',
    );
    const lists = (last: number) => {
      const type = new FixedSizeList(2, new Field('item', new Float32()));
      return put(
        tableToIPC(
          new Table({
            v: vectorFromArray(
              [
                [1, 2],
                [3, last],
              ],
              type,
            ),
          }),
          'file',
        ),
      );
    };
    expect(await firstDifference(await lists(4), await lists(5))).toBe(
      'column "v", row 1, element 1: 4 and 5',
    );
    expect(await firstDifference(a, await put('ARROW1 but cut'))).toMatch(/^byte 6 /);
  });
});
