import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nullable, readAll, utf8, writeArrow, writeTable } from '../../tables/arrow.ts';
import { interned, TextList, type Texts, textsBy } from '../../tables/texts.ts';
import { temporaryFolder } from '../support/fake-task.ts';

const unicode = fc.array(fc.string({ unit: 'grapheme', maxLength: 12 }), { maxLength: 80 });

/** Whether texts say the same as an array in all that they can be asked. */
function expectSame<T extends string | null>(texts: Texts<T>, all: readonly T[]): void {
  expect(texts.length).toBe(all.length);
  expect([...texts]).toEqual(all);
  expect(all.map((_, i) => texts.at(i))).toEqual(all);
  expect(texts.at(all.length)).toBeUndefined();
  for (const [from, to] of [
    [0, 2],
    [1, all.length + 3],
    [3, 2],
  ] as const)
    expect(texts.slice(from, to)).toEqual(all.slice(from, to));
}

test('a list of texts says what was put into it, also after it grew', () => {
  fc.assert(
    fc.property(unicode, (all) => {
      const list = new TextList();
      for (const [i, text] of all.entries()) expect(list.push(text)).toBe(i);
      expectSame(list, all);
    }),
  );
  const long = Array.from({ length: 3000 }, (_, i) => `${'ü'.repeat(i % 90)}${i}`);
  const list = new TextList();
  for (const text of long) list.push(text);
  expectSame(list, long);
});

test('texts by a function are those that it makes', () => {
  expectSame(
    textsBy(3, (i) => `${i}`),
    ['0', '1', '2'],
  );
});

test('texts of a column are its strings, nulls too, written as texts or as strings, of one batch or several', async () => {
  const folder = temporaryFolder();
  const values = fc.array(fc.option(fc.string({ unit: 'grapheme', maxLength: 5 })), {
    minLength: 1,
    maxLength: 30,
  });
  await fc.assert(
    fc.asyncProperty(values, fc.nat(29), async (all, cut) => {
      const [whole, parts] = [join(folder, 'whole'), join(folder, 'parts')];
      writeTable(whole, { text: nullable(utf8()) }, { text: textsBy(all.length, (i) => all[i]!) });
      const writer = writeArrow(parts, { text: nullable(utf8()) });
      for (const part of [all.slice(0, cut), all.slice(cut)])
        if (part.length > 0) writer.write({ text: part });
      writer.close();
      for (const file of [whole, parts]) {
        const table = await readAll(file);
        expect(table.nullableStrings('text')).toEqual(all);
        expectSame(table.nullableTexts('text'), all);
        if (all.includes(null)) expect(() => table.texts('text')).toThrow(/holds nulls/);
        else expectSame(table.texts('text'), all);
      }
    }),
    { numRuns: 30 },
  );
});

test('interned texts are equal to the texts', () => {
  const all = ['a', null, 'b', 'a', null];
  expect(interned(all)).toEqual(all);
});
