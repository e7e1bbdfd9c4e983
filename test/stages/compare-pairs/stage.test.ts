import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { beforeAll, describe, expect, it } from 'vitest';
import stage from '../../../stages/compare-pairs/index.ts';
import similarity from '../../../stages/compute-similarity/index.ts';
import { writeEmbeddings } from '../../../tables/embeddings.ts';
import { openMargins } from '../../../tables/margins.ts';
import { floatTensor } from '../../../vision/onnx/build.ts';
import { runStage, temporaryFolder } from '../../support/fake-task.ts';
import { writeShards } from '../../support/shards.ts';
import { node } from '../../vision/onnx/make.ts';
import { makeImages, SIDE, type TestImage } from '../cache-activations/images.ts';
import { K, LOPSIDED, MSE, N, shardsOf, writePairModel, writeStudy } from './study.ts';

const IMAGES = 12;
const D = 3 * SIDE * SIDE;
let images: TestImage[];
beforeAll(async () => {
  images = await makeImages(path.join(temporaryFolder(), 'images'), IMAGES);
});

const SUMS = ['s_plus_plus', 's_plus_minus', 's_minus_plus', 's_minus_minus', 'margin'] as const;

async function compare(file: string, params: object = {}, shards = 1) {
  const study = writeStudy(IMAGES);
  const run = await runStage(stage, {
    params: { seed: 1, ...params },
    files: { model: file },
    inputs: {
      ...shardsOf(images, shards),
      explanations: { path: study.explanations },
      'unit-stats': { path: study.stats },
    },
  });
  return { margins: run.output('margins'), bytes: readFileSync(run.output('margins')), study };
}

const rowsOf = (bytes: Uint8Array) => tableFromIPC(bytes).toArray();
const keyOf = (row: { layer: string; unit: number; task: number }) => `${row.layer} ${row.unit} ${row.task}`;

describe('compare-pairs', () => {
  it('gives with f = −mean squared difference what compute-similarity gives on the pixels, over their number', async () => {
    const { bytes, study } = await compare(writePairModel(MSE), { distance: true }, 2);
    const { images: index, files } = writeShards(
      temporaryFolder(),
      { paths: images.map((image) => image.path), shardOf: (i) => i % 3, shards: 3 },
      (file, names, positions) => {
        const writer = writeEmbeddings(file, D);
        const pixels = positions.flatMap((i) => [...images[i]!.pixels].map((value) => value / 255));
        writer.write(names, Float32Array.from(pixels));
        writer.close();
      },
      { encoder: 'pixels' },
    );
    const embedded = await runStage(similarity, {
      params: { similarity: 'squared-euclidean' },
      inputs: { images: index, embeddings: files, explanations: { path: study.explanations } },
    });
    const expected = rowsOf(readFileSync(embedded.output('margins')));
    const found = rowsOf(bytes);
    expect(found.map(keyOf)).toEqual(expected.map(keyOf));
    expect(found.length).toBe(9 * N);
    for (const [i, row] of found.entries()) {
      for (const name of SUMS) expect(row[name]).toBeCloseTo(expected[i]![name] / D, 6);
    }
    expect(Math.max(...found.map((row) => Math.abs(row.margin)))).toBeGreaterThan(0.01);
  });

  it('takes the query as the first image: an f that is not symmetric, by hand', async () => {
    const { bytes, study } = await compare(writePairModel(LOPSIDED));
    const tasks = rowsOf(readFileSync(study.explanations));
    const means = images.map(({ pixels }) => pixels.reduce((sum, value) => sum + value / 255, 0) / D);
    const mean = (values: Iterable<number>) => [...values].reduce((sum, i) => sum + means[i]!, 0) / K;
    rowsOf(bytes).forEach((row, i) => {
      const task = tasks[i]!;
      const [plus, minus] = [mean(task.references_plus), mean(task.references_minus)];
      expect(row.s_plus_plus).toBeCloseTo(means[task.query_plus]! - 2 * plus, 6);
      expect(row.s_plus_minus).toBeCloseTo(means[task.query_plus]! - 2 * minus, 6);
      expect(row.s_minus_plus).toBeCloseTo(means[task.query_minus]! - 2 * plus, 6);
      expect(row.s_minus_minus).toBeCloseTo(means[task.query_minus]! - 2 * minus, 6);
      expect(row.margin).toBe(row.s_plus_plus - row.s_plus_minus - (row.s_minus_plus - row.s_minus_minus));
    });
  });

  it('puts out the same bytes for any number of shards and any batch size', async () => {
    const file = writePairModel(MSE);
    const { bytes } = await compare(file);
    for (const [shards, batch] of [
      [2, 1],
      [5, 7],
      [13, 4096],
    ] as const) {
      expect((await compare(file, { batch }, shards)).bytes.equals(bytes)).toBe(true);
    }
  });

  it('compares a sample of the units as it compares all, and says so', async () => {
    const file = writePairModel(MSE);
    const all = await compare(file);
    const some = await compare(file, { sample: 4 });
    const [whole, part] = [await openMargins(all.margins), await openMargins(some.margins)];
    expect([whole.sample, part.sample, part.rows]).toEqual([undefined, 4, 4 * N]);
    await whole.close();
    await part.close();
    const rows = rowsOf(some.bytes);
    const keys = new Set(rows.map(keyOf));
    const expected = rowsOf(all.bytes).filter((row) => keys.has(keyOf(row)));
    expect(rows.map(String)).toEqual(expected.map(String));
    expect((await compare(file, { sample: 9 })).bytes.equals(all.bytes)).toBe(true);
    expect((await compare(file, { sample: 4 }, 3)).bytes.equals(some.bytes)).toBe(true);
    const others = await Promise.all([2, 3, 4].map((seed) => compare(file, { sample: 4, seed })));
    expect(others.some(({ bytes }) => !bytes.equals(some.bytes))).toBe(true);
  });

  it('takes inputs by name, channels-last images, a normalisation, and a fixed batch', async () => {
    const { bytes } = await compare(writePairModel(LOPSIDED));
    const swapped = writePairModel(LOPSIDED, { inputs: ['second', 'input'] });
    const close = async (file: string, params: object = {}, scale = 1, shift = 0) => {
      const found = rowsOf((await compare(file, params)).bytes);
      rowsOf(bytes).forEach((row, i) => {
        expect(found[i]!.s_plus_minus).toBeCloseTo(row.s_plus_minus * scale + shift, 4);
      });
    };
    await close(swapped, { inputs: ['input', 'second'] });
    await expect(close(swapped)).rejects.toThrow();
    await close(writePairModel(LOPSIDED, { shape: ['N', SIDE, SIDE, 3] }));
    await close(writePairModel(LOPSIDED, { shape: [4, 3, SIDE, SIDE], outputShape: [4, 1, 1, 1] }));
    await close(writePairModel(LOPSIDED), { preprocess: { range: [0, 255], mean: 7, std: 2 } }, 255 / 2, 3.5);
  });

  it('names model, unit and images when f is not a finite number', async () => {
    const nodes = [...MSE, node('Sub', ['mse', 'mse'], 'zero'), node('Div', ['mse', 'zero'], 'f')];
    await expect(compare(writePairModel(nodes))).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(
        /pairs\.onnx puts out Infinity for the images 000\.png and 002\.png, a query and an explanation of unit 0 of layer layer0 \(task 0\)/,
      ),
    });
  });

  it('tells in one paragraph why a model can not be used', async () => {
    const failing = (file: string, message: RegExp, params: object = {}) =>
      expect(compare(file, params)).rejects.toMatchObject({
        name: 'UserError',
        message: expect.stringMatching(message),
      });
    const one = [node('ReduceMean', ['input'], 'f', { axes: [1, 2, 3], keepdims: 0 })];
    await failing(
      writePairModel(one, { inputs: ['input'] }),
      /needs a model of two image inputs, and it has 1/,
    );
    await failing(writePairModel(MSE), /no two inputs "a" and "second"; its inputs: "input", "second"/, {
      inputs: ['a', 'second'],
    });
    await failing(writePairModel(MSE), /no output "lpips"; it has "mse"/, { output: 'lpips' });
    await failing(writePairModel(MSE), /asks for images of 16 × 16/, { preprocess: { size: 16 } });
    await failing(writePairModel(MSE, { shape: ['N', D] }), /can't take images: its shape is \[N, 192\]/);
    const maps = [node('Sub', ['input', 'second'], 'maps')];
    await failing(writePairModel(maps), /values of the shape \[3,3,8,8\] for 3 pairs/);
    const wrong = writePairModel([...MSE, node('Add', ['mse', 'w'], 'f')], {
      weights: [floatTensor([5], [1, 2, 3, 4, 5], 'w')],
    });
    await failing(wrong, /failed on a batch of 3 pairs of images of 8 × 8|\[5\] for/);
  });

  it('notices an image that changed since it was indexed', async () => {
    const file = images[3]!.file;
    const before = readFileSync(file);
    writeFileSync(file, Buffer.from(before).fill(0, 20));
    await expect(compare(writePairModel(MSE))).rejects.toThrow(/003\.png changed since it was indexed/);
    writeFileSync(file, before);
  });
});
