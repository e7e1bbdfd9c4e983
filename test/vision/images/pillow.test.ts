import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../../common/json.ts';
import { decode, decodePlain } from '../../../vision/images/decode.ts';
import { fitPixels } from '../../../vision/images/preprocess.ts';
import { type Preprocess, resolvePreprocess } from '../../../vision/images/preprocess-spec.ts';
import { INSTALL, pythonWith, runPython } from '../../support/python.ts';

interface Case {
  readonly file: string;
  readonly mode: string;
  readonly height: number;
  readonly width: number;
  readonly plain: string;
  readonly upright: string;
  readonly prepared: readonly string[];
}

/** Our declaration of a preprocessing, beside the torchvision transforms that it stands for. */
const SPECS: {
  ours: Preprocess;
  torchvision: { size: number[]; resize: number | number[] | null; fill?: number[] };
}[] = [
  { ours: { size: 224, resize: 256 }, torchvision: { size: [224, 224], resize: 256 } },
  {
    ours: { size: 64, resize: 73, interpolation: 'bicubic' },
    torchvision: { size: [64, 64], resize: 73 },
  },
  {
    ours: { size: 48, 'crop-pct': 0.875, interpolation: 'bicubic' },
    torchvision: { size: [48, 48], resize: 54 },
  },
  {
    ours: { size: [40, 61], 'crop-pct': 0.9, 'crop-mode': 'squash' },
    torchvision: { size: [40, 61], resize: [44, 67] },
  },
  {
    ours: {
      size: [64, 48],
      'crop-pct': 0.95,
      'crop-mode': 'border',
      interpolation: 'bicubic',
      mean: [0.485, 0.456, 0.406],
    },
    torchvision: { size: [64, 48], resize: [67, 50], fill: [124, 116, 104] },
  },
  {
    ours: { size: 45, 'crop-mode': 'border', mean: 0.5, 'crop-pct': 0.7 },
    torchvision: { size: [45, 45], resize: [64, 64], fill: [128, 128, 128] },
  },
  { ours: { size: [50, 51], resize: 'none' }, torchvision: { size: [50, 51], resize: null } },
  {
    ours: { resize: [33, 37], interpolation: 'lanczos' },
    torchvision: { size: [33, 37], resize: [33, 37] },
  },
  { ours: { size: 45, interpolation: 'nearest' }, torchvision: { size: [45, 45], resize: 45 } },
  { ours: { size: 31, interpolation: 'box' }, torchvision: { size: [31, 31], resize: 31 } },
];

/** Names of the damaged files that were cut, not changed: every fourth. */
const CUT = /^damaged-\d*([02468][048]|[13579][26])-|^damaged-[048]-/;

const python = pythonWith('PIL', 'torchvision', 'numpy');

describe.skipIf(!python)(`against Pillow and torchvision (${INSTALL})`, () => {
  const folder = mkdtempSync(join(tmpdir(), 'mis-pillow-'));
  const bytes = (name: string) => readFileSync(join(folder, name));
  let cases: Case[] = [];

  beforeAll(() => {
    const specs = SPECS.map(({ ours, torchvision }) => ({
      ...torchvision,
      interpolation: ours.interpolation ?? 'bilinear',
    }));
    const program = readFileSync(new URL('./pillow.py', import.meta.url), 'utf8');
    cases = runPython<Case[]>(python!, program, { folder, count: 252, specs });
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  test('decoding gives the same values', async () => {
    for (const { file, height, width, upright, mode } of cases) {
      const image = await decode(bytes(file), file, 'apply');
      expect([image.height, image.width], file).toEqual([height, width]);
      expect(largestDifference(image.data, bytes(upright)), `${file} (${mode})`).toBeLessThanOrEqual(0);
    }
  });

  test('decoding files of the plain kind at once gives the same values', () => {
    const found = new Set<string>();
    for (const { file, upright, mode, height } of cases) {
      const image = decodePlain(bytes(file), 'apply');
      if (!image) continue;
      found.add(`${file.replace(/.*\./, '')} ${mode}`);
      expect(image.height, file).toBe(height);
      expect(largestDifference(image.data, bytes(upright)), `${file} (${mode})`).toBe(0);
    }
    expect([...found].sort()).toEqual(
      ['JPEG RGB', 'jpeg L', 'jpg RGB', 'png L', 'png LA', 'png RGB', 'png RGBA'].sort(),
    );
  });

  test('the images are of many kinds and sizes', () => {
    expect(new Set(cases.map(({ mode }) => mode)).size).toBeGreaterThanOrEqual(7);
    expect(new Set(cases.map(({ height, width }) => `${height}×${width}`)).size).toBeGreaterThan(200);
  });

  test('`orientation: ignore` leaves images as stored', async () => {
    for (const { file, plain } of cases) {
      const image = await decode(bytes(file), file, 'ignore');
      expect(largestDifference(image.data, bytes(plain)), file).toBeLessThanOrEqual(0);
    }
  });

  test('damaged files fail where Pillow fails, and have the same pixels where it gets through', async () => {
    const files = ['jpg', 'JPEG', 'jpeg', 'png', 'webp'].flatMap(
      (ending) => cases.find(({ file, height }) => file.endsWith(`.${ending}`) && height > 30)?.file ?? [],
    );
    const program = readFileSync(new URL('./damaged.py', import.meta.url), 'utf8');
    const damaged = runPython<{ file: string; pixels: string | null }[]>(python!, program, {
      folder,
      files,
      each: 60,
    });
    expect(damaged).toHaveLength(300);
    const disagree: string[] = [];
    for (const { file, pixels } of damaged) {
      const plain = decodePlain(bytes(file), 'ignore');
      const ours = plain
        ? sha256(plain.data)
        : await decode(bytes(file), file, 'ignore').then(
            ({ data }) => sha256(data),
            () => null,
          );
      if (ours === null || pixels === null) {
        if (ours !== pixels) disagree.push(`${file}: ${ours ? 'only we' : 'only Pillow'}`);
      } else expect(ours, file).toBe(pixels);
    }
    // A byte of a JPEG's header that only one of the two libraries looks at.
    expect(disagree.length, disagree.join(', ')).toBeLessThanOrEqual(3);
    expect(disagree.filter((text) => CUT.test(text))).toEqual([]);
  });

  test.each(SPECS.map((spec, index) => [JSON.stringify(spec.ours), index] as const))(
    'resizing and cropping: %s',
    async (_, index) => {
      const spec = resolvePreprocess(SPECS[index]!.ours);
      for (const { file, height, width, upright, prepared } of cases) {
        const ours = fitPixels({ data: bytes(upright), height, width }, file, spec);
        expect(
          largestDifference(ours, bytes(prepared[index]!)),
          `${file} ${height}×${width}`,
        ).toBeLessThanOrEqual(0);
      }
    },
  );
});

/** Largest difference between two byte arrays; infinite when their lengths differ. */
function largestDifference(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  for (let i = 0; i < a.length; i++) largest = Math.max(largest, Math.abs(a[i]! - b[i]!));
  return largest;
}
