import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyFacts, digestAt, newFacts, setDigest, WORDS } from '../../../stages/index-dataset/facts.ts';
import { listing } from '../../../stages/index-dataset/listing.ts';
import { readMemo, rowsIn, writeMemo } from '../../../stages/index-dataset/memo.ts';
import type { ListedImage } from '../../../vision/images/sources/index.ts';
import { temporaryFolder } from '../../support/fake-task.ts';

const few = fc.constantFrom('a', 'b', '', 'c/d');
const images: fc.Arbitrary<ListedImage[]> = fc.uniqueArray(
  fc
    .record({
      path: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 4 }),
      label: fc.option(few),
      file: few,
      offset: fc.nat(2 ** 40),
      bytes: fc.option(fc.nat(), { nil: undefined }),
      value: fc.option(fc.nat(99), { nil: undefined }),
      group: fc.option(few, { nil: undefined }),
    })
    .map(({ value, group, ...image }) => ({
      ...image,
      ...(value !== undefined && { value }),
      ...(group !== undefined && { group }),
    })),
  { selector: ({ path }) => path, maxLength: 40 },
);

/** The order of JavaScript's own sort: UTF-16 code units. */
const byPath = (all: readonly ListedImage[]) =>
  [...all].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));

function listed(all: readonly ListedImage[]) {
  const maker = listing();
  for (const image of all) maker.add(image);
  expect(maker.length).toBe(all.length);
  return maker.sorted();
}

test('a listing gives every image back as it was, in the order of the paths', () => {
  fc.assert(
    fc.property(images, (all) => {
      const found = listed(all);
      const sorted = byPath(all);
      expect(sorted.map((_, position) => found.image(position))).toEqual(sorted);
      expect(sorted.map((_, position) => found.path(position))).toEqual(sorted.map(({ path }) => path));
      expect(sorted.map((_, position) => found.label(position))).toEqual(sorted.map(({ label }) => label));
    }),
  );
  // U+FF5E comes after the surrogates of U+1F600, though its UTF-8 bytes come before.
  const odd = ['～', '😀', 'z'].map((path) => ({ path, label: null, file: '', offset: 0, bytes: 1 }));
  expect([0, 1, 2].map(listed(odd).path)).toEqual(['z', '😀', '～']);
});

test('a memo comes back as it was written, and tells the images that it knows', async () => {
  const file = join(temporaryFolder(), 'memo');
  await fc.assert(
    fc.asyncProperty(images, fc.func(fc.boolean()), async (all, isKnown) => {
      const known = byPath(all).filter(({ path }) => isKnown(path));
      const facts = newFacts(known.length);
      for (const row of known.keys()) {
        setDigest(facts, row, Buffer.alloc(32, row + 1));
        facts.stamps.set(new Uint32Array(WORDS).fill(2 ** 32 - 1 - row), row * WORDS);
        facts.offsets[row] = 2 ** 40 + row;
        facts.widths[row] = row;
      }
      await writeMemo(file, { paths: known.map(({ path }) => path), ...facts });
      const memo = await readMemo(file);
      const copy = newFacts(known.length);
      for (const row of known.keys()) {
        copyFacts(memo, row, copy, row);
        expect(digestAt(memo, row)).toBe(Buffer.alloc(32, row + 1).toString('hex'));
      }
      expect(copy).toEqual(facts);
      const rows = byPath(all).map((image) => known.indexOf(image));
      expect([...rowsIn(memo, listed(all))]).toEqual(rows);
    }),
    { numRuns: 30 },
  );
});
