import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { toBinary } from '@bufbuild/protobuf';
import { beforeAll, describe, expect, it } from 'vitest';
import stage, { type Params } from '../../../stages/cache-activations/index.ts';
import { openKept } from '../../../tables/activation-extremes.ts';
import { openActivations } from '../../../tables/activations.ts';
import { readPredictions } from '../../../tables/predictions.ts';
import { ModelProtoSchema } from '../../../vision/onnx/onnx_pb.ts';
import { runStage, temporaryFolder } from '../../support/fake-task.ts';
import { type Made, makeProto, node, numbers, weight, write } from '../../vision/onnx/make.ts';
import { makeImages, makeShard, SIDE, type TestImage } from './images.ts';

const where = temporaryFolder();
const COUNT = 11;
let images: TestImage[];
beforeAll(async () => {
  images = await makeImages(path.join(where, 'images'), COUNT);
});

const model = (extra: Partial<Made> = {}): Made => ({
  nodes: [
    node('Conv', ['input', 'conv.weight', 'conv.bias'], 'a'),
    node('GlobalAveragePool', ['a'], 'g'),
    node('Flatten', ['g'], 'f', { axis: 1 }),
    node('Gemm', ['f', 'head.weight', 'head.bias'], 'logits', { transB: 1 }),
  ],
  weights: [
    weight('conv.weight', [4, 3, 1, 1], 1),
    weight('conv.bias', [4], 2),
    weight('head.weight', [7, 4], 3),
    weight('head.bias', [7], 4),
  ],
  input: ['N', 3, SIDE, SIDE],
  output: 'logits',
  outputShape: ['N', 7],
  ...extra,
});

const run = (file: string, params: object, shard: readonly TestImage[] = images, name = 'all') =>
  runStage<Params>(stage, { params, files: { model: file }, inputs: makeShard(where, name, shard) });

async function rowsOf(file: string): Promise<Map<string, number[]>> {
  const read = await openActivations(file);
  const rows = new Map<string, number[]>();
  for await (const batch of read.batches()) {
    for (const [i, name] of batch.paths.entries()) {
      const row = read.layers.flatMap(({ units }, l) => [
        ...batch.layer(l).subarray(i * units, (i + 1) * units),
      ]);
      rows.set(name, row);
    }
  }
  await read.close();
  return rows;
}

/** Mean over the pixels of the convolution, and the head applied to it, by hand. */
function byHand({ pixels }: TestImage): number[] {
  const means = [0, 1, 2].map((c) => {
    let sum = 0;
    for (let i = c; i < pixels.length; i += 3) sum += pixels[i]! / 255;
    return sum / (SIDE * SIDE);
  });
  const affine = (x: readonly number[], w: readonly number[], b: readonly number[]) =>
    b.map((bias, u) => bias + x.reduce((sum, value, c) => sum + value * w[u * x.length + c]!, 0));
  const conv = affine(means, numbers([4, 3], 1), numbers([4], 2));
  return [...conv, ...affine(conv, numbers([7, 4], 3), numbers([7], 4))];
}

describe('cache-activations', () => {
  it('keeps of extremes what the whole has at either end', async () => {
    const file = write(where, 'model.onnx', model());
    const whole = [...(await rowsOf((await run(file, {})).output('activations'))).values()];
    const params = { store: 'extremes', n: 1, k: 1, difficulty: 'easy', batch: 4 };
    const kept = await openKept((await run(file, params)).output('activations'));
    if (kept.form !== 'extremes') throw new Error('everything was kept');
    expect([kept.rows, kept.depth, kept.layers.map(({ units }) => units)]).toEqual([COUNT, 2, [4, 7]]);
    expect(kept.isOf(images.map((image) => image.path))).toBe(true);
    expect(kept.isOf(images.map((image) => image.path).reverse())).toBe(false);
    let units = 0;
    for await (const { unit, high, low, sums } of kept.units(0, 11)) {
      expect(unit).toBe(units++);
      const column = whole.map((row) => row[unit]!);
      const order = column.map((_, row) => row).sort((a, b) => column[b]! - column[a]! || a - b);
      expect([...high.images]).toEqual(order.slice(0, 2));
      expect([...low.images]).toEqual(order.toReversed().slice(0, 2));
      expect([...low.values]).toEqual([...low.images].map((row) => column[row]));
      expect(sums[0]! + sums[1]!).toBeCloseTo(
        column.reduce((sum, value) => sum + value, 0),
        12,
      );
      expect(sums[2]! + sums[3]!).toBeCloseTo(
        column.reduce((sum, value) => sum + value ** 2, 0),
        12,
      );
    }
    expect(units).toBe(11);
    await kept.close();
  });

  it('writes the mean activation of every unit and the best classes, image by image', async () => {
    const done = await run(write(where, 'model.onnx', model()), {});
    const read = await openActivations(done.output('activations'));
    expect(read.layers).toEqual([
      { name: 'conv', type: 'conv', op: 'Conv', tensor: 'a', units: 4, depth: 0 },
      { name: 'head', type: 'linear', op: 'Gemm', tensor: 'logits', units: 7, depth: 1 },
    ]);
    await read.close();
    const rows = await rowsOf(done.output('activations'));
    expect([...rows.keys()]).toEqual(images.map((image) => image.path));
    const predictions = await readPredictions(done.output('predictions'));
    expect(predictions).toMatchObject({ classes: 7, k: 5, paths: [...rows.keys()] });
    for (const [i, image] of images.entries()) {
      const expected = byHand(image);
      rows.get(image.path)!.forEach((value, u) => {
        expect(value).toBeCloseTo(expected[u]!, 5);
      });
      const logits = expected.slice(4);
      expect(predictions.top1[i]).toBe(logits.indexOf(Math.max(...logits)));
    }
  });

  it('writes the same bytes for any batch size, and the same rows for any shards', async () => {
    const file = write(where, 'model.onnx', model());
    const whole = await run(file, {});
    for (const batch of [1, 2, 7, COUNT]) {
      const other = await run(file, { batch });
      for (const name of ['activations', 'predictions']) {
        expect(readFileSync(other.output(name)).equals(readFileSync(whole.output(name)))).toBe(true);
      }
    }
    const rows = await rowsOf(whole.output('activations'));
    const odd = await run(
      file,
      { batch: 3 },
      images.filter((_, i) => i % 2 === 1),
      'odd',
    );
    for (const [name, row] of await rowsOf(odd.output('activations'))) expect(row).toEqual(rows.get(name));
  });

  it('leaves predictions out where there are no logits, or none are wanted', async () => {
    const maps = model({ nodes: model().nodes.slice(0, 1), output: 'a', outputShape: ['N', 4, SIDE, SIDE] });
    const without = await run(write(where, 'maps.onnx', maps), {});
    expect(existsSync(without.output('predictions'))).toBe(false);
    const unwanted = await run(write(where, 'model.onnx', model()), { logits: 'none' });
    expect(existsSync(unwanted.output('predictions'))).toBe(false);
  });

  it('warns where it can not tell which output holds the logits', async () => {
    const proto = makeProto(model());
    proto.graph!.output.push(makeProto(model({ output: 'f', outputShape: ['N', 4] })).graph!.output[0]!);
    const file = path.join(where, 'several.onnx');
    writeFileSync(file, toBinary(ModelProtoSchema, proto));
    const done = await run(file, {});
    expect(existsSync(done.output('predictions'))).toBe(false);
    expect(done.warnings).toEqual([
      expect.stringMatching(/several\.onnx has several outputs.*\(logits, f\)/),
    ]);
    expect((await run(file, { logits: 'logits' })).warnings).toEqual([]);
  });

  it('takes an empty shard', async () => {
    const done = await run(write(where, 'model.onnx', model()), {}, [], 'empty');
    expect((await rowsOf(done.output('activations'))).size).toBe(0);
    expect(await readPredictions(done.output('predictions'))).toMatchObject({ classes: 7, paths: [] });
  });

  it('names model, layer and image when an activation is NaN or infinite', async () => {
    const scale = weight('big', [1]);
    scale.rawData = new Uint8Array(Float32Array.of(3e38).buffer);
    const nodes = [node('Mul', ['input', 'big'], 'm'), node('Conv', ['m', 'conv.weight'], 'a')];
    const file = write(
      where,
      'overflow.onnx',
      model({ nodes, weights: [scale, weight('conv.weight', [4, 3, 1, 1])], output: 'a' }),
    );
    await expect(run(file, { preprocess: { range: [0, 255] } })).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(
        /overflow\.onnx puts out (NaN|-?Infinity) in its layer "conv" \(unit \d\) for the image 000\.png/,
      ),
    });
  });

  it('tells what else is wrong in one paragraph', async () => {
    const file = write(where, 'model.onnx', model());
    const failing = (params: object, message: RegExp) =>
      expect(run(file, params)).rejects.toMatchObject({
        name: 'UserError',
        message: expect.stringMatching(message),
      });
    await failing({ layers: ['layer4'] }, /No layer of the model .*model\.onnx matches "layer4"/);
    await failing({ logits: 'scores' }, /no output "scores"/);
    await failing({ preprocess: { size: 16 } }, /asks for images of 16 × 16.*the model takes 8 × 8/);
    writeFileSync(path.join(where, 'half.onnx'), readFileSync(file).subarray(0, 150));
    await expect(run(path.join(where, 'half.onnx'), {})).rejects.toThrow(
      /half\.onnx is damaged or cut short/,
    );
  });

  it('notices an image that changed since it was indexed', async () => {
    const [image] = await makeImages(path.join(where, 'changing'), 1);
    const inputs = makeShard(where, 'changed', [image!]);
    writeFileSync(image!.file, Buffer.from(image!.encoded).fill(0, 20));
    const file = write(where, 'model.onnx', model());
    await expect(runStage<Params>(stage, { params: {}, files: { model: file }, inputs })).rejects.toThrow(
      /000\.png changed since it was indexed/,
    );
  });

  it('stops between batches when the run is interrupted', async () => {
    const progress: number[] = [];
    const interrupted = {
      ...stage,
      run: (task: Parameters<typeof stage.run>[0]) =>
        stage.run({
          ...task,
          progress: (done) => progress.push(done),
          check() {
            if (progress.length === 2) throw new Error('interrupted');
          },
        }),
    };
    const file = write(where, 'model.onnx', model());
    const given = { params: { batch: 2 }, files: { model: file }, inputs: makeShard(where, 'stop', images) };
    await expect(runStage<Params>(interrupted, given)).rejects.toThrow('interrupted');
    expect(progress).toEqual([2, 4]);
  });
});
