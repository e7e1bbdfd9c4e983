import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { numberImages, readImages, writeImages } from '../../tables/images.ts';
import { readPlaces, writePlaces } from '../../tables/places.ts';
import { shardOf } from '../../vision/images/shard.ts';
import { temporaryFolder } from '../support/fake-task.ts';

const INDEX = {
  paths: ['a/1.jpg', 'a/ü.png', 'b.jpg'],
  bytes: Float64Array.from([1, 5e9, 3]),
  digests: ['00', '11', '22'],
  labels: ['a', null, ''],
  widths: Int32Array.from([1, 2, 3]),
  heights: Int32Array.from([4, 5, 6]),
};

test('an image index comes back as it was written, also by Arrow itself', async () => {
  const file = join(temporaryFolder(), 'images.arrow');
  writeImages(file, INDEX);
  const read = await readImages(file);
  const texts = { paths: [...read.paths], digests: [...read.digests], labels: [...read.labels] };
  expect({ ...read, ...texts }).toEqual({ rows: 3, ...INDEX });
  expect(
    tableFromIPC(readFileSync(file))
      .toArray()
      .map((row) => row.toJSON())[1],
  ).toEqual({
    path: 'a/ü.png',
    bytes: 5e9,
    digest: '11',
    label: null,
    width: 2,
    height: 5,
  });
});

test('an image index out of order is refused', () => {
  const file = join(temporaryFolder(), 'images.arrow');
  expect(() => writeImages(file, { ...INDEX, paths: ['b', 'a', 'c'] })).toThrow(/out of order at row 1/);
});

test('places come back as they were written', async () => {
  const file = join(temporaryFolder(), 'places.arrow');
  const places = {
    files: ['/x', '/x'],
    offsets: Float64Array.from([0, 9e9]),
    bytes: Float64Array.from([2, 3]),
    values: Int32Array.from([-1, 7]),
  };
  writePlaces(file, places);
  const read = await readPlaces(file);
  expect({ ...read, files: [...read.files] }).toEqual({ rows: 2, ...places });
});

const paths = fc.uniqueArray(fc.string({ unit: 'binary', maxLength: 6 }), { maxLength: 60 });

test('image numbers are rows of the union sorted by path, however it is cut into shards', () => {
  fc.assert(
    fc.property(paths, fc.integer({ min: 1, max: 9 }), (all, count) => {
      const sorted = [...all].sort();
      const shards = Array.from({ length: count }, (_, i) => {
        const inShard = sorted.filter((path) => Number(shardOf(path, count)) === i);
        return { rows: inShard.length, paths: inShard };
      });
      const { numbers, rows, shards: shardOfImage, count: total } = numberImages(shards);
      expect(total).toBe(all.length);
      for (const [number, path] of sorted.entries()) {
        const shard = shardOfImage[number]!;
        expect(shards[shard]!.paths[rows[number]!]).toBe(path);
        expect(numbers[shard]![rows[number]!]).toBe(number);
      }
    }),
  );
});

test('a path in two shards is an error', () => {
  const shard = { rows: 1, paths: ['a'] };
  expect(() => numberImages([shard, shard])).toThrow(/a stands in the index twice/);
});
