import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { directionFiles, readDirections } from '../../../stages/cache-activations/directions.ts';
import stage, { type Params } from '../../../stages/cache-activations/index.ts';
import selection from '../../../stages/select-explanations/index.ts';
import { openActivations } from '../../../tables/activations.ts';
import { floats, writeTable } from '../../../tables/arrow.ts';
import { readUnitStats } from '../../../tables/unit-stats.ts';
import { runStage, temporaryFolder } from '../../support/fake-task.ts';
import { node, weight, write } from '../../vision/onnx/make.ts';
import { makeImages, makeShard, SIDE, type TestImage } from './images.ts';

const where = temporaryFolder();
let images: TestImage[];
let model: string;
beforeAll(async () => {
  images = await makeImages(path.join(where, 'images'), 8);
  model = write(where, 'model.onnx', {
    nodes: [
      node('Conv', ['input', 'conv.weight'], 'a'),
      node('GlobalAveragePool', ['a'], 'g'),
      node('Flatten', ['g'], 'f', { axis: 1 }),
      node('Gemm', ['f', 'hidden.weight'], 'h', { transB: 1 }),
      node('Gemm', ['h', 'head.weight'], 'logits', { transB: 1 }),
    ],
    weights: [
      weight('conv.weight', [4, 3, 1, 1], 1),
      weight('hidden.weight', [6, 4], 3),
      weight('head.weight', [3, 6], 3),
    ],
    input: ['N', 3, SIDE, SIDE],
    output: 'logits',
    outputShape: ['N', 3],
  });
  // The axes, twice: every direction is a unit of the layer that it reads.
  const axes = Array.from({ length: 8 }, (_, row) => [0, 1, 2, 3].map((c) => (c === row % 4 ? 1 : 0))).flat();
  writeTable(
    path.join(where, 'axes.arrow'),
    { direction: floats(4) },
    { direction: Float32Array.from(axes) },
  );
});

function list(text: string): string {
  const file = path.join(temporaryFolder(), 'directions.yaml');
  writeFileSync(file, text);
  return file;
}

const entry = () => `- { name: axes, layer: conv, file: ${path.join(where, 'axes.arrow')} }\n`;

describe('directions of a model', () => {
  it('are a layer of type direction, that shifts neither depth nor width of the others', async () => {
    const inputs = makeShard(where, 'all', images);
    const vars = { shard: '00' };
    const run = async (directions?: string) => {
      const files = { model, ...(directions && { directions }) };
      const cached = await runStage<Params>(stage, { params: {}, files, inputs });
      const stats = await runStage(selection, {
        params: { n: 1, k: 2, difficulty: 'easy', seed: 0 },
        inputs: {
          images: [{ ...inputs.images, vars }],
          activations: [{ path: cached.output('activations'), vars }],
        },
      });
      return { cached, units: await readUnitStats(stats.output('unit-stats')) };
    };
    const [plain, more] = [await run(), await run(list(entry()))];
    const file = await openActivations(more.cached.output('activations'));
    expect(file.layers.map(({ name, type, depth }) => [name, type, depth])).toEqual([
      ['conv', 'conv', 0],
      ['axes', 'direction', 0],
      ['hidden', 'linear', 1],
      ['head', 'linear', 2],
    ]);
    const batch = await file.batch(0);
    await file.close();
    const [conv, axes] = [batch.layer(0), batch.layer(1)];
    axes.forEach((value, i) => {
      expect(value).toBeCloseTo(conv[Math.floor(i / 8) * 4 + (i % 4)]!, 5);
    });
    const place = ({ layer, depth, relative_depth, width, relative_width, unit }: typeof more.units) =>
      layer.map((name, i) => ({
        name,
        depth: depth[i],
        relative_depth: relative_depth[i],
        width: width[i],
        relative_width: relative_width[i],
        unit: unit[i],
      }));
    const placed = place(more.units);
    expect(placed.filter(({ name }) => name !== 'axes')).toEqual(place(plain.units));
    expect(placed.filter(({ name }) => name === 'axes')).toEqual(
      Array.from({ length: 8 }, (_, unit) => ({
        name: 'axes',
        depth: 0,
        relative_depth: 0,
        width: 8,
        relative_width: 8 / 6,
        unit,
      })),
    );
    expect(placed.at(-1)).toMatchObject({ depth: 2, relative_depth: 1, relative_width: 0.5 });
  });

  it('are read with defaults and paths beside the list, whose files count', async () => {
    const file = list(
      '- { name: a, layer: conv, file: b.onnx }\n- { name: c, layer: x, per: pooled, file: a.arrow }',
    );
    const folder = path.dirname(file);
    expect(await readDirections(file)).toEqual([
      { name: 'a', layer: 'conv', per: 'position', file: path.join(folder, 'b.onnx') },
      { name: 'c', layer: 'x', per: 'pooled', file: path.join(folder, 'a.arrow') },
    ]);
    expect(await directionFiles(file)).toEqual([path.join(folder, 'a.arrow'), path.join(folder, 'b.onnx')]);
    expect(stage.files!.directions).toMatchObject({ by: 'content', optional: true });
    expect(await stage.files!.directions!.also!(file)).toEqual(await directionFiles(file));
  });

  it('say where the list is wrong', async () => {
    const failing = (text: string, message: RegExp) =>
      expect(readDirections(list(text))).rejects.toMatchObject({
        name: 'UserError',
        message: expect.stringMatching(message),
      });
    await failing(
      '- { name: a, layer: b }',
      /directions\.yaml:1:3: entry 1 has no key "file"\. A list of directions has entries with `name`/,
    );
    await failing(
      '- { name: a, layer: b, file: c }\n- { name: a, layer: b, file: c, pre: x }',
      /directions\.yaml:2:38: unknown key "pre"\./,
    );
    await failing(
      '- name: a\n  layer: b\n  file: c\n  per: pixel',
      /directions\.yaml:4:8: this can't be "per"\./,
    );
    await failing('name: a', /directions\.yaml:1:1: this is no list\./);
    await failing('- a', /directions\.yaml:1:3: this entry is no mapping\./);
    await failing('', /directions\.yaml:1:1: /);
    await failing('- { name: a', /directions\.yaml:\d:\d+: this is no YAML/);
  });
});
