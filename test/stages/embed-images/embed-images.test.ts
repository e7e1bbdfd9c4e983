import { readFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import stage, { type Params } from '../../../stages/embed-images/index.ts';
import { openEmbeddings } from '../../../tables/embeddings.ts';
import { runStage, temporaryFolder } from '../../support/fake-task.ts';
import { type Made, node, write } from '../../vision/onnx/make.ts';
import { makeImages, makeShard, SIDE, type TestImage } from '../cache-activations/images.ts';

const where = temporaryFolder();
let images: TestImage[];
beforeAll(async () => {
  images = await makeImages(path.join(where, 'images'), 7);
});

/** The embedding of an image is its mean colour; a second output holds the whole image. */
const encoder: Made = {
  nodes: [node('GlobalAveragePool', ['input'], 'g'), node('Flatten', ['g'], 'mean', { axis: 1 })],
  input: ['N', 3, SIDE, SIDE],
  output: 'mean',
  outputShape: ['N', 3],
};

const run = (file: string, params: object) =>
  runStage<Params>(stage, { params, files: { model: file }, inputs: makeShard(where, 'all', images) });

describe('embed-images', () => {
  it.each([1, 3, 100])('writes the whole embedding of every image, in batches of %i', async (batch) => {
    const done = await run(write(where, 'encoder.onnx', encoder), { batch, preprocess: { range: [0, 255] } });
    const read = await openEmbeddings(done.output('embeddings'));
    expect([read.rows, read.dimensions]).toEqual([7, 3]);
    for await (const { start, paths, embeddings } of read.batches()) {
      expect(paths).toEqual(images.slice(start, start + paths.length).map((image) => image.path));
      embeddings.forEach((value, i) => {
        const { pixels } = images[start + Math.floor(i / 3)]!;
        const channel = pixels.filter((_, j) => j % 3 === i % 3);
        const expected = channel.reduce((sum, pixel) => sum + pixel, 0) / channel.length;
        expect(value).toBeCloseTo(expected, 4);
      });
    }
    await read.close();
  });

  it('writes the same bytes whatever decodes', async () => {
    const file = write(where, 'encoder.onnx', encoder);
    const bytes = await Promise.all(
      [0, 2].map(async (decoders) => readFileSync((await run(file, { decoders })).output('embeddings'))),
    );
    expect(bytes[0]!.equals(bytes[1]!)).toBe(true);
  });

  it('says so when the model has no embedding', async () => {
    const maps = {
      ...encoder,
      nodes: [node('Relu', ['input'], 'maps')],
      output: 'maps',
      outputShape: ['N', 3, 8, 8],
    };
    const file = write(where, 'maps.onnx', maps);
    await expect(run(file, {})).rejects.toThrow(/which output of the encoder .*maps\.onnx is the embedding/);
    await expect(run(file, { output: 'x' })).rejects.toThrow(/no output "x"; it has "maps"/);
  });
});
