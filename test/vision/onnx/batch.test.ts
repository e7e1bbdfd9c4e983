import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchProbe, batchSize, batchSizes } from '../../../vision/onnx/batch.ts';

/** Runs batches that take `ms(size)` an image; gives the sizes in order. `ahead` batches are asked for before one has run. */
function run(
  probe: BatchProbe,
  batches: number,
  ms: (size: number, index: number) => number,
  ahead = 2,
): number[] {
  const asked = Array.from({ length: ahead }, () => probe.next());
  for (let i = 0; i < batches; i++) {
    asked.push(probe.next());
    probe.ran(asked[i]!, asked[i]! * ms(asked[i]!, i));
  }
  return asked;
}

describe('Sizes of batches', () => {
  it('hold the pixels of up to 8 images of 224 × 224, and 2 to 128 images', () => {
    expect(batchSizes([224, 224])).toEqual([2, 4, 8]);
    expect(batchSizes([224, 224], false)).toEqual([32, 64, 128]);
    expect(batchSizes([32, 32])).toEqual([32, 64, 128]);
    expect(batchSizes([2048, 2048])).toEqual([2]);
    expect(batchSize([224, 224])).toBe(4);
    expect(batchSize([32, 32])).toBe(64);
  });
});

describe('A probe of batch sizes', () => {
  it('times five batches of each size in turns, then takes the fastest', () => {
    const sizes = run(new BatchProbe([2, 4, 8]), 20, (size) => ({ 2: 3, 4: 1, 8: 2 })[size]!);
    expect(sizes.slice(0, 15)).toEqual([2, 4, 8, 2, 4, 8, 2, 4, 8, 2, 4, 8, 2, 4, 8]);
    expect(sizes.slice(17)).toEqual(sizes.slice(17).map(() => 4));
  });

  it('takes a larger size only where that pays', () => {
    const little = run(new BatchProbe([2, 4, 8]), 20, (size) => 1 - size / 2000);
    expect(little.at(-1)).toBe(2);
    const much = run(new BatchProbe([2, 4, 8]), 20, (size) => 1 - size / 10);
    expect(much.at(-1)).toBe(8);
  });

  it('is not misled by the first batch of a size, nor by others that were disturbed', () => {
    const disturbed = [1, 3, 5, 7];
    const sizes = run(new BatchProbe([2, 8]), 20, (size, i) => (disturbed.includes(i) ? 50 : 1 / size));
    expect(sizes.at(-1)).toBe(8);
  });

  it('waits for the sizes that it asked for, whatever the last batch of a shard holds', () => {
    const probe = new BatchProbe([2, 4]);
    for (const count of [1, 3, 7]) probe.ran(count, 1);
    expect(run(probe, 12, (size) => 1 / size).at(-1)).toBe(4);
  });

  it('has nothing to choose where there is one size', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), (size) => {
        expect(new Set(run(new BatchProbe([size]), 5, () => 1))).toEqual(new Set([size]));
      }),
    );
  });
});
