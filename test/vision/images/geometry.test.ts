import { expect, test } from 'vitest';
import { geometryOf } from '../../../vision/images/geometry.ts';
import { fitPixels } from '../../../vision/images/preprocess.ts';
import { type Preprocess, resolvePreprocess } from '../../../vision/images/preprocess-spec.ts';
import { roundHalfEven } from '../../../vision/images/rounding.ts';

const geometry = (height: number, width: number, spec: Preprocess) =>
  geometryOf(height, width, resolvePreprocess(spec));

test("rounds halves to even, as Python's round", () => {
  expect([-1.5, 0.5, 1.5, 2.5, 2.4, 2.6, 3].map(roundHalfEven)).toEqual([-2, 0, 2, 2, 2, 3, 3]);
});

test('shorter side: the longer one is rounded down, the crop starts at the half rounded to even', () => {
  // 256 · 500 / 375 = 341.33 → 341; (341 − 224) / 2 = 58.5 → 58; (256 − 224) / 2 = 16
  expect(geometry(375, 500, { size: 224, resize: 256 })).toEqual({ resized: [256, 341], top: 16, left: 58 });
  expect(geometry(500, 375, { size: 224, resize: 256 })).toEqual({ resized: [341, 256], top: 58, left: 16 });
  // (67 − 64) / 2 = 1.5 → 2
  expect(geometry(67, 64, { size: 64 })).toEqual({ resized: [67, 64], top: 2, left: 0 });
});

test('an image of the final size is neither resized nor cut', () => {
  expect(geometry(32, 32, { size: 32 })).toEqual({ resized: [32, 32], top: 0, left: 0 });
});

test('crop-pct of a size that is not square keeps the proportions and covers it', () => {
  // floor(96 / 0.9) = 106, floor(192 / 0.9) = 213; min(300 / 106, 400 / 213) = 1.878 → 160 × 213
  const spec = { size: [96, 192] as [number, number], 'crop-pct': 0.9 };
  expect(geometry(300, 400, spec)).toEqual({ resized: [160, 213], top: 32, left: 10 });
});

test('squash resizes each side by itself', () => {
  const spec = { size: 224, 'crop-pct': 0.875, 'crop-mode': 'squash' } as const;
  expect(geometry(100, 900, spec)).toEqual({ resized: [256, 256], top: 16, left: 16 });
});

test('border: the whole image inside the size, at least one pixel of it', () => {
  const spec = resolvePreprocess({ size: 100, 'crop-mode': 'border', 'crop-pct': 0.5 });
  expect(geometryOf(400, 200, spec)).toEqual({ resized: [200, 100], top: 50, left: 0 });
  expect(geometryOf(100, 50, { ...spec, size: [300, 300] })).toMatchObject({ top: -50, left: -100 });
  expect(geometryOf(2000, 2, spec)!.resized).toEqual([200, 1]);
});

test('an image smaller than the crop is set into zeros', () => {
  const white = { data: new Uint8Array(2 * 3 * 3).fill(255), height: 2, width: 3 };
  const out = fitPixels(white, 'x', resolvePreprocess({ size: [5, 4], resize: 'none' }));
  const red = Array.from({ length: 5 }, (_, y) => Array.from({ length: 4 }, (_, x) => out[(y * 4 + x) * 3]));
  // missing 3 rows: 1 above, 2 below; missing 1 column: 0 before, 1 after
  expect(red).toEqual([
    [0, 0, 0, 0],
    [255, 255, 255, 0],
    [255, 255, 255, 0],
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ]);
});

test('crop-mode none refuses images of another size by name', () => {
  const spec = resolvePreprocess({ size: 4, resize: 'none', 'crop-mode': 'none' });
  const image = { data: new Uint8Array(4 * 5 * 3), height: 4, width: 5 };
  expect(() => fitPixels(image, 'a/b.png', spec)).toThrow(/a\/b\.png is 4 × 5 .* 4 × 4/);
});

test('extreme proportions keep at least the crop', () => {
  expect(geometry(1, 5000, { size: 8 })).toEqual({ resized: [8, 40000], top: 0, left: 19996 });
});
