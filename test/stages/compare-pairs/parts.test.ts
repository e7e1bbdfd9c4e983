import { describe, expect, it } from 'vitest';
import { compareTasks } from '../../../stages/compare-pairs/compare.ts';
import { pixelCache } from '../../../stages/compare-pairs/images.ts';
import { openExplanations } from '../../../tables/explanations.ts';
import { drawUnits } from '../../../tables/unit-sample.ts';
import { resolvePreprocess } from '../../../vision/images/preprocess-spec.ts';
import { temporaryFolder } from '../../support/fake-task.ts';
import { makeImages, SIDE } from '../cache-activations/images.ts';
import { K, N, writeStudy } from './study.ts';

const units = (layers: Readonly<Record<string, string>>) => {
  const rows = Object.entries(layers).flatMap(([layer, text]) =>
    [...text].map((unit) => ({ layer, constant: unit === 'c' })),
  );
  return {
    count: rows.length,
    layer: rows.map(({ layer }) => layer),
    constant: rows.map(({ constant }) => constant),
  };
};

describe('drawUnits', () => {
  it('draws distinct units that are not constant, ascending, and the same ones for a seed', () => {
    const stats = units({ a: 'xxxcx', b: 'cxc', c: 'c', d: 'xxxxxxxx' });
    for (let seed = 0; seed < 50; seed++) {
      for (const sample of [1, 5, 12]) {
        const drawn = [...drawUnits(stats, sample, seed)!];
        expect(new Set(drawn).size).toBe(sample);
        expect(drawn).toEqual(drawn.toSorted((x, y) => x - y));
        expect(drawn.every((row) => !stats.constant[row])).toBe(true);
        expect(drawn).toEqual([...drawUnits(stats, sample, seed)!]);
      }
    }
    expect(drawUnits(stats, 13, 0)).toBeUndefined();
    expect(drawUnits(stats, undefined, 0)).toBeUndefined();
  });

  it('draws a layer first, whatever its width, then any unit of it', () => {
    const stats = units({ narrow: 'xx', wide: 'x'.repeat(50) });
    const draws = Array.from({ length: 4000 }, (_, seed) => drawUnits(stats, 1, seed)![0]!);
    const narrow = draws.filter((row) => row < 2);
    // Four standard deviations of a fair coin.
    expect(Math.abs(narrow.length - 2000)).toBeLessThan(4 * Math.sqrt(1000));
    expect(Math.abs(narrow.filter((row) => row === 0).length - narrow.length / 2)).toBeLessThan(
      4 * Math.sqrt(narrow.length / 4),
    );
    expect(new Set(draws).size).toBe(52);
  });
});

describe('pixelCache', () => {
  it('keeps no more images than fit, those used last', async () => {
    const images = await makeImages(temporaryFolder(), 4);
    const reads: number[] = [];
    const cache = pixelCache({
      read: async (image) => {
        reads.push(image);
        return images[image]!.encoded;
      },
      nameOf: (image) => images[image]!.path,
      preprocess: resolvePreprocess({ size: SIDE }),
      orientation: 'apply',
      memory: 2 * 3 * SIDE * SIDE,
    });
    for (const image of [0, 1, 0, 2, 0, 1]) {
      expect(new Uint8Array(await cache.take(image))).toEqual(images[image]!.pixels);
    }
    expect(reads).toEqual([0, 1, 2, 1]);
  });
});

describe('compareTasks', () => {
  it('evaluates every ordered pair once, in batches of the given size', async () => {
    const table = await openExplanations(writeStudy(12).explanations);
    const seen: string[] = [];
    const counts: number[] = [];
    const progress: number[] = [];
    await compareTasks({
      tasks: table.batches(),
      references: K,
      distance: false,
      file: 'f',
      nameOf: String,
      images: { take: async (image) => Uint8Array.of(image, image, image) },
      network: {
        preprocess: resolvePreprocess({ size: 1 }),
        async run(a, b, count) {
          counts.push(count);
          for (let i = 0; i < count; i++) seen.push(`${a[3 * i]} ${b[3 * i]}`);
          return new Float32Array(count);
        },
      },
      size: 5,
      put: () => {},
      pause: (done) => progress.push(done),
    });
    await table.close();
    expect(new Set(seen).size).toBe(seen.length);
    expect(counts.every((count) => count <= 5)).toBe(true);
    expect(progress).toEqual(progress.toSorted((x, y) => x - y));
    expect(progress.at(-1)).toBe(9 * N * 4 * K);
  });
});
