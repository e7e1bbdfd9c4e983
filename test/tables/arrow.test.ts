import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import {
  bool,
  type Columns,
  dictionary,
  float32,
  float64,
  floats,
  int32,
  intLists,
  ints,
  noted,
  nullable,
  openArrow,
  readAll,
  uint32,
  utf8,
  writeArrow,
  writeTable,
} from '../../tables/arrow.ts';

const where = mkdtempSync(path.join(tmpdir(), 'mis-arrow-'));
afterAll(() => rmSync(where, { recursive: true, force: true }));
const file = (name: string) => path.join(where, name);

const COLUMNS: Columns = {
  text: nullable(utf8()),
  word: dictionary(),
  whole: int32(),
  count: uint32(),
  half: float32(),
  double: nullable(float64()),
  flag: bool(),
  vector: noted(floats(3), { units: '3' }),
  pair: ints(2),
  list: intLists(),
};

const row = fc.record({
  text: fc.option(fc.string({ unit: 'grapheme' })),
  word: fc.constantFrom('conv', 'linear', 'ä', ''),
  whole: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  count: fc.nat(2 ** 32 - 1),
  half: fc.float({ noNaN: true }),
  double: fc.option(fc.double({ noNaN: true })),
  flag: fc.boolean(),
  vector: fc.array(fc.float({ noNaN: true }), { minLength: 3, maxLength: 3 }),
  pair: fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 2, maxLength: 2 }),
  list: fc.array(fc.integer({ min: 0, max: 99 }), { maxLength: 4 }),
});
type Row = typeof row extends fc.Arbitrary<infer T> ? T : never;

const columnsOf = (rows: readonly Row[]) =>
  Object.fromEntries(
    Object.keys(COLUMNS).map((name) => [name, rows.map((r) => r[name as keyof Row])]),
  ) as never;

function writeBatches(path: string, batches: readonly (readonly Row[])[]): void {
  const writer = writeArrow(path, COLUMNS, { made: 'by test' });
  for (const rows of batches) writer.write(columnsOf(rows));
  writer.close();
}

describe('an Arrow file', () => {
  it('gives back what was written, in any number of batches', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(row, { maxLength: 5 }), { maxLength: 4 }), async (batches) => {
        writeBatches(file('p.arrow'), batches);
        const rows = batches.flat();
        const read = await readAll(file('p.arrow'));
        expect(read.rows).toBe(rows.length);
        expect(read.nullableStrings('text')).toEqual(rows.map((r) => r.text));
        expect(read.strings('word')).toEqual(rows.map((r) => r.word));
        expect([...read.int32('whole')]).toEqual(rows.map((r) => r.whole));
        expect([...read.uint32('count')]).toEqual(rows.map((r) => r.count));
        expect([...read.float32('half')]).toEqual(rows.map((r) => r.half));
        expect(read.nullableNumbers('double')).toEqual(rows.map((r) => r.double));
        expect(read.booleans('flag')).toEqual(rows.map((r) => r.flag));
        expect(read.floats('vector')).toEqual({
          values: Float32Array.from(rows.flatMap((r) => r.vector)),
          width: 3,
        });
        expect([...read.ints('pair').values]).toEqual(rows.flatMap((r) => r.pair));
        expect(read.lists('list').map((values) => [...values])).toEqual(rows.map((r) => r.list));
      }),
      { numRuns: 60 },
    );
  });

  it('has the same bytes for the same batches', () => {
    const batches = fc.sample(fc.array(row, { minLength: 1, maxLength: 5 }), { numRuns: 4, seed: 7 });
    writeBatches(file('a.arrow'), batches);
    writeBatches(file('b.arrow'), batches);
    expect(readFileSync(file('b.arrow')).equals(readFileSync(file('a.arrow')))).toBe(true);
  });

  it('is read batch by batch, with rows counted from the headers', async () => {
    const batches = fc.sample(fc.array(row, { minLength: 1, maxLength: 5 }), { numRuns: 3, seed: 8 });
    writeBatches(file('c.arrow'), batches);
    const open = await openArrow(file('c.arrow'));
    expect(open.starts).toEqual([0, ...batches.map((_, i) => batches.slice(0, i + 1).flat().length)]);
    expect(open.metadata).toEqual({ made: 'by test' });
    expect(open.columnMetadata('vector')).toEqual({ units: '3' });
    const last = await open.readBatch(2);
    expect([...last.int32('whole')]).toEqual(batches[2]!.map((r) => r.whole));
    const seen: number[] = [];
    for await (const rows of open.batches()) seen.push(...rows.int32('whole'));
    expect(seen).toEqual(batches.flat().map((r) => r.whole));
    await open.close();
  });

  it('is read in parts: adjoining columns of one batch after the other', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(row, { maxLength: 5 }), { maxLength: 4 }), async (batches) => {
        writeBatches(file('parts.arrow'), batches);
        const open = await openArrow(file('parts.arrow'));
        const [rows, seen] = [batches.flat(), { word: [], whole: [], vector: [], pair: [] }];
        const add = (name: keyof typeof seen, values: ArrayLike<unknown>) =>
          (seen[name] as unknown[]).push(...Array.from(values));
        for await (const part of open.parts(['word', 'whole'])) {
          add('word', part.strings('word'));
          add('whole', part.int32('whole'));
        }
        for await (const part of open.parts(['vector', 'pair'])) {
          add('vector', part.floats('vector').values);
          add('pair', part.ints('pair').values);
        }
        await open.close();
        expect(seen).toEqual({
          word: rows.map((r) => r.word),
          whole: rows.map((r) => r.whole),
          vector: rows.flatMap((r) => r.vector),
          pair: rows.flatMap((r) => r.pair),
        });
      }),
      { numRuns: 30 },
    );
  });

  it('writes words by their numbers as it writes them one by one, and gives them back so', async () => {
    const [one, other] = [file('one.arrow'), file('other.arrow')];
    const words = ['a', 'never', 'b', 'c'];
    const codes = [Int32Array.of(2, 2, 0), Int32Array.of(0, 3), Int32Array.of(3, 2, 0, 0)];
    const writers = [one, other].map((path) => writeArrow(path, { word: dictionary() }));
    for (const some of codes) {
      writers[0]!.write({ word: { words, codes: some } });
      writers[1]!.write({ word: Array.from(some, (code) => words[code]!) });
    }
    for (const writer of writers) writer.close();
    expect(readFileSync(one)).toEqual(readFileSync(other));
    const open = await openArrow(one);
    let i = 0;
    for await (const part of open.parts(['word'])) {
      const found = part.coded('word');
      const expected = Array.from(codes[i++]!, (code) => words[code]!);
      expect(Array.from(found.codes, (code) => found.words[code]!)).toEqual(expected);
      expect(part.strings('word')).toEqual(expected);
    }
    expect(i).toBe(3);
    await open.close();
  });

  it('is damaged where a part names a word that is not there', async () => {
    const words = Array.from({ length: 50 }, (_, i) => `word ${i}`);
    const path = file('words.arrow');
    writeTable(path, { word: dictionary(), x: float64() }, { word: words, x: words.map((_, i) => i / 7) });
    const bytes = readFileSync(path);
    const codes = Buffer.from(Int32Array.from(words.keys()).buffer);
    bytes.writeInt32LE(50, bytes.indexOf(codes) + codes.length - 4);
    writeFileSync(path, bytes);
    const open = await openArrow(path);
    for await (const part of open.parts(['x'])) expect(part.float64('x')[49]).toBe(7);
    await expect(open.parts(['word', 'x']).next()).rejects.toThrow(
      /"word" has a word that is not in its list/,
    );
    await open.close();
  });

  it("is a file that Arrow's own reader understands", () => {
    const batches = fc.sample(fc.array(row, { minLength: 2, maxLength: 3 }), { numRuns: 2, seed: 9 });
    writeBatches(file('d.arrow'), batches);
    const table = tableFromIPC(readFileSync(file('d.arrow')));
    expect(table.schema.fields.map(({ name }) => name)).toEqual(Object.keys(COLUMNS));
    expect([...table.getChild('word')!]).toEqual(batches.flat().map((r) => r.word));
    expect([...table.getChild('text')!]).toEqual(batches.flat().map((r) => r.text));
  });

  it('takes flat typed arrays for lists', async () => {
    writeTable(
      file('e.arrow'),
      { v: floats(2), w: ints(1) },
      { v: Float32Array.of(1, 2, 3, 4), w: Int32Array.of(5, 6) },
    );
    const read = await readAll(file('e.arrow'));
    expect(read.floats('v')).toEqual({ values: Float32Array.of(1, 2, 3, 4), width: 2 });
    expect([...read.ints('w').values]).toEqual([5, 6]);
  });

  it('refuses values that do not fit the columns', () => {
    const write = (values: Record<string, never>) => () =>
      writeTable(file('f.arrow'), { a: int32(), b: utf8() }, values);
    expect(write({ a: [1], b: ['x', 'y'] } as never)).toThrow(/column "b" has 2 rows, the first has 1/);
    expect(write({ a: [1] } as never)).toThrow(/column "b" has no values/);
    expect(write({ a: [1], b: ['x'], c: [] } as never)).toThrow(/no column "c"/);
    expect(write({ a: [1], b: [null] } as never)).toThrow(/column "b" holds null/);
    const list = () => writeTable(file('f.arrow'), { v: floats(3) }, { v: Float32Array.of(1, 2) });
    expect(list).toThrow(/2 values don't make rows of 3/);
  });
});

describe('a damaged file', () => {
  it('is named in a UserError, wherever it is cut', async () => {
    writeBatches(
      file('whole.arrow'),
      fc.sample(fc.array(row, { minLength: 3, maxLength: 3 }), { numRuns: 3, seed: 1 }),
    );
    const whole = readFileSync(file('whole.arrow'));
    const cut = file('cut.arrow');
    await fc.assert(
      fc.asyncProperty(fc.nat(whole.length - 1), async (length) => {
        writeFileSync(cut, whole.subarray(0, length));
        await expect(readAll(cut)).rejects.toMatchObject({
          name: 'UserError',
          message: expect.stringContaining(cut),
        });
      }),
    );
  });

  it('is named when it is something else, or missing', async () => {
    writeFileSync(file('text.arrow'), 'ARROW1 is how it starts, but no more than that');
    await expect(openArrow(file('text.arrow'))).rejects.toThrow(/text\.arrow is cut short or damaged/);
    writeFileSync(file('json.arrow'), JSON.stringify({ a: 'x'.repeat(50) }));
    await expect(openArrow(file('json.arrow'))).rejects.toThrow(/json\.arrow is not an Arrow table/);
    await expect(openArrow(file('none.arrow'))).rejects.toThrow(/none\.arrow can't be read: ENOENT/);
    await expect(openArrow(where)).rejects.toMatchObject({ name: 'UserError' });
  });
});
