import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp, { type Sharp } from 'sharp';
import { beforeAll, describe, expect, test } from 'vitest';
import { temporaryFolder } from '../support/fake-task.ts';
import { readWithHyparquet } from '../support/parquet.ts';
import { pythonWith, runPython } from '../support/python.ts';
import { type SmallProject, smallProject } from '../support/small.ts';
import { storedRows } from '../support/stored.ts';

/** Kinds of files that a folder of photographs may hold: how one is made, and whether it lies on its side. */
const KINDS: Record<string, { ending: string; turned?: boolean; make(image: Sharp): Sharp }> = {
  jpeg: { ending: 'jpg', make: (image) => image.jpeg({ quality: 95 }) },
  progressive: { ending: 'JPEG', make: (image) => image.jpeg({ progressive: true, quality: 90 }) },
  exif: {
    ending: 'jpg',
    turned: true,
    make: (image) => image.jpeg({ quality: 95 }).withMetadata({ orientation: 6 }),
  },
  cmyk: { ending: 'jpg', make: (image) => image.toColourspace('cmyk').jpeg({ quality: 95 }) },
  grey: { ending: 'png', make: (image) => image.greyscale().toColourspace('b-w').png() },
  deep: { ending: 'png', make: (image) => image.toColourspace('rgb16').png() },
  palette: { ending: 'png', make: (image) => image.png({ palette: true, colours: 64 }) },
  webp: { ending: 'webp', make: (image) => image.webp({ quality: 95 }) },
  lossless: { ending: 'webp', make: (image) => image.webp({ lossless: true }) },
};
/** What Pillow turns into RGB in another way than colour management and 16 bits ask for. */
const NOT_COMPARED = /cmyk|deep/;
const PREPROCESS =
  'resize: 36, crop: 32, interpolation: bicubic, mean: [0.49, 0.48, 0.45], std: [0.25, 0.25, 0.26]';

let project: SmallProject;
const sizes = new Map<string, readonly [width: number, height: number]>();

beforeAll(async () => {
  project = await smallProject({ perClass: 8 });
  await writeMixed(project.path('small/images'), project.path('small/mixed'));
  const network = (name: string, rest: string) =>
    `[{ name: ${name}, ${rest}, preprocess: { ${PREPROCESS} } }]`;
  project.write(
    'small/mixed.yaml',
    `extends: config.yaml
dataset: { path: mixed, format: auto }
models: ${network('resnet', 'model: ../demo/models/resnet.onnx, classes: [cat, dog, a, b, c, d, e, f, g, h]')}
encoders: ${network('encoder', 'model: ../demo/encoders/encoder.onnx, similarity: squared-euclidean')}
task: { n: 3, k: 2 }
`,
  );
  expect((await project.run('-c', 'small/mixed.yaml')).end).toMatchObject({ failed: 0, blocked: 0 });
}, 120_000);

/** Demo images, enlarged to odd sizes, in every kind of file, in two classes. */
async function writeMixed(from: string, to: string) {
  const sources = readdirSync(from, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  const kinds = Object.entries(KINDS);
  for (const [i, source] of sources.entries()) {
    const [kind, { ending, turned, make }] = kinds[i % kinds.length]!;
    const [width, height] = [33 + ((i * 37) % 90), 33 + ((i * 53) % 70)];
    const path = `${i % 2 ? 'cat' : 'dog'}/${String(i).padStart(3, '0')} ${kind}.${ending}`;
    const image = sharp(source).resize(width, height, { fit: 'fill', kernel: 'cubic' });
    mkdirSync(join(to, path, '..'), { recursive: true });
    writeFileSync(join(to, path), await make(image).toBuffer());
    sizes.set(path, turned ? [height, width] : [width, height]);
  }
}

describe('a folder of images of many kinds and sizes', { timeout: 60_000 }, () => {
  test('is indexed upright, with its labels', async () => {
    const rows = await readWithHyparquet<{ path: string; label: string; width: number; height: number }>(
      project.path('report/tables/images.parquet'),
    );
    expect(rows.map(({ path }) => path)).toEqual([...sizes.keys()].sort());
    for (const { path, label, width, height } of rows) {
      expect([width, height], path).toEqual(sizes.get(path));
      expect(path.startsWith(`${label}/`)).toBe(true);
    }
  });

  test('is scored, and shown as pictures', async () => {
    const units = await readWithHyparquet<{ mis: number | null; constant: boolean }>(
      project.path('report/tables/units.parquet'),
    );
    expect(units.length).toBeGreaterThan(1000);
    for (const { mis, constant } of units)
      expect(constant ? mis === null : mis! >= 0 && mis! <= 1).toBe(true);
    expect(readdirSync(project.path('report/images')).length).toBeGreaterThan(10);
  });

  const python = pythonWith('torch', 'torchvision', 'numpy', 'PIL', 'onnx');
  test.skipIf(!python)('is embedded as by torchvision and PyTorch', async () => {
    const stored = await storedRows(project, ['-c', 'small/mixed.yaml'], ['embed-images', 'embeddings']);
    const { width, values } = stored.vectors.get('embedding')!;
    const compared = [...stored.paths.keys()].filter((i) => !NOT_COMPARED.test(stored.paths[i]!));
    const file = join(temporaryFolder(), 'embeddings.f32');
    const rows = compared.map((i) => Buffer.from(values.slice(i * width, (i + 1) * width).buffer));
    writeFileSync(file, Buffer.concat(rows));
    const answer = runPython<Record<string, { embedding: number }>>(
      python!,
      readFileSync(new URL('pytorch.py', import.meta.url), 'utf8'),
      {
        demo: project.path('demo'),
        images: compared.map((i) => project.path('small/mixed', stored.paths[i]!)),
        resize: 36,
        crop: 32,
        networks: [
          {
            name: 'encoder',
            onnx: project.path('demo/encoders/encoder.onnx'),
            mean: [0.49, 0.48, 0.45],
            std: [0.25, 0.25, 0.26],
            embedding: file,
            layers: {},
          },
        ],
      },
    );
    expect(compared.length).toBeGreaterThan(50);
    expect(answer.encoder!.embedding).toBeLessThan(0.02);
  });
});
