import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../../common/json.ts';
import { writeImages } from '../../../tables/images.ts';
import { writePlaces } from '../../../tables/places.ts';
import { openShard, shardName, shardOf } from '../../../vision/images/shard.ts';
import { temporaryFolder } from '../../support/fake-task.ts';

describe('the shard of an image', () => {
  test('is fixed for all time by path and count', () => {
    // First 32 bits of the SHA-256 of "abc" are ba7816bf (FIPS 180-2): 3128432319 mod 8 = 7, mod 100 = 19.
    expect(shardOf('abc', 8)).toBe('07');
    expect(shardOf('abc', 100)).toBe('19');
    expect(shardOf('abc', 1)).toBe('00');
  });

  test('has a name of at least two digits, as long as the longest', () => {
    expect([shardName(3, 8), shardName(3, 100), shardName(3, 101)]).toEqual(['03', '03', '003']);
  });

  test('does not depend on the other images, and is always one of them', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.integer({ min: 1, max: 5000 }), (path, count) => {
        const shard = shardOf(path, count);
        expect(shardOf(path, count)).toBe(shard);
        expect(Number(shard)).toBeLessThan(count);
        expect(shard).toMatch(/^\d{2,}$/);
      }),
    );
  });

  test('images spread evenly', () => {
    const counts = new Map<string, number>();
    for (let i = 0; i < 8000; i++) {
      const shard = shardOf(`class/${i}.jpg`, 8);
      counts.set(shard, (counts.get(shard) ?? 0) + 1);
    }
    expect(counts.size).toBe(8);
    for (const count of counts.values()) expect(Math.abs(count - 1000)).toBeLessThan(150);
  });
});

async function shard() {
  const folder = temporaryFolder();
  const contents = ['first', 'second image', ''];
  const file = join(folder, 'set.tar');
  const alone = join(folder, 'alone.jpg');
  await writeFile(file, `....${contents[0]}..${contents[1]}..`);
  await writeFile(alone, contents[2]!);
  const [images, places] = [join(folder, 'images'), join(folder, 'places')];
  const bytes = Float64Array.from(contents, (content) => content.length);
  writeImages(images, {
    paths: ['a', 'b', 'c'],
    bytes,
    digests: contents.map(sha256),
    labels: ['x', null, 'y'],
    widths: Int32Array.from([1, 2, 3]),
    heights: Int32Array.from([4, 5, 6]),
  });
  writePlaces(places, {
    files: [file, file, alone],
    offsets: Float64Array.from([4, 11, 0]),
    bytes,
    values: Int32Array.from([-1, -1, -1]),
  });
  return { file, alone, contents, opened: await openShard(images, places) };
}

describe('reading a shard', () => {
  test('gives the bytes of each image, also several at once', async () => {
    const { opened, contents } = await shard();
    expect(opened.rows).toBe(3);
    expect([[...opened.paths], [...opened.labels]]).toEqual([
      ['a', 'b', 'c'],
      ['x', null, 'y'],
    ]);
    const read = await Promise.all([2, 1, 0, 1].map((row) => opened.read(row)));
    expect(read.map(String)).toEqual([contents[2], contents[1], contents[0], contents[1]]);
    await opened.close();
  });

  test('refuses bytes that changed, are cut off or gone, by name', async () => {
    const { opened, file, alone } = await shard();
    await writeFile(file, '....FIRST..seco');
    await expect(opened.read(0)).rejects.toThrow(
      /image a changed since it was indexed .*set\.tar.* Run again/,
    );
    await expect(opened.read(1)).rejects.toThrow(/image b changed since/);
    await rm(alone);
    await expect(opened.read(2)).rejects.toThrow(/image c is gone/);
  });

  test('bytes added behind an image in a tar do no harm', async () => {
    const { opened, file, contents } = await shard();
    await appendFile(file, 'more');
    expect(String(await opened.read(1))).toBe(contents[1]);
  });
});
