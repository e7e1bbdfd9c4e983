import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { create } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import type { Preprocess } from '../../../vision/images/preprocess-spec.ts';
import { int64Tensor, makeConstant } from '../../../vision/onnx/build.ts';
import { inferenceOn } from '../../../vision/onnx/needs.ts';
import { openNetwork } from '../../../vision/onnx/network.ts';
import { AttributeProtoSchema, GraphProtoSchema } from '../../../vision/onnx/onnx_pb.ts';
import { openPairs } from '../../../vision/onnx/pairs.ts';
import { folder, type Made, node, pixels, weight, write } from './make.ts';

const DEMO = fileURLToPath(new URL('../../../demo', import.meta.url));
const where = folder();
const COUNT = 6;
const FLOAT = 1;
const FLOAT16 = 10;
const INT64 = 7;
const SOME: Preprocess = { mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26] };

/** Layers and results of a network in one precision. */
async function computed(file: string, precision: 'float32' | 'float16', side: number) {
  const options = { layers: ['all'], tokens: 'mean', output: 'auto', preprocess: SOME } as const;
  const network = await openNetwork(file, { ...options, inference: { precision } });
  const { activations, output } = await network.run(pixels(COUNT, side, side), COUNT);
  await network.close();
  return { layers: network.layers, values: output ? [...activations, output] : activations };
}

/** The largest difference of two arrays, over the largest value. */
function apart(a: Float32Array, b: Float32Array): number {
  expect(b.length).toBe(a.length);
  const largest = a.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / largest;
}

/** A network whose target of a Reshape is computed in floats: 3 · height · width = 2,187 is no float16. */
const reshaping: Made = {
  nodes: [
    node('Conv', ['input', 'conv.weight'], 'a'),
    node('Shape', ['a'], 'shape'),
    makeConstant('axes', int64Tensor([3], [1, 2, 3])),
    node('Gather', ['shape', 'axes'], 'lengths', { axis: 0 }),
    node('Cast', ['lengths'], 'floats', { to: FLOAT }),
    node('ReduceProd', ['floats'], 'product', { keepdims: 1 }),
    node('Cast', ['product'], 'length', { to: INT64 }),
    makeConstant('rest', int64Tensor([1], [-1])),
    node('Concat', ['rest', 'length'], 'target', { axis: 0 }),
    node('Reshape', ['a', 'target'], 'flat'),
    node('MatMul', ['flat', 'fc.weight'], 'y'),
  ],
  weights: [weight('conv.weight', [3, 3, 1, 1]), weight('fc.weight', [2187, 4], 2)],
  input: ['N', 3, 27, 27],
  output: 'y',
  outputShape: ['N', 4],
};

describe('float32 networks in float16', () => {
  it.each(['convnext', 'densenet', 'mobilenet', 'resnet', 'resnet-gn', 'vgg', 'vit'])(
    '%s has the same layers, and activations within 5e-3 of the largest of a layer',
    async (name) => {
      const file = path.join(DEMO, 'models', `${name}.onnx`);
      const single = await computed(file, 'float32', 32);
      const half = await computed(file, 'float16', 32);
      expect(half.layers).toEqual(single.layers);
      const all = single.values.map((values, i) => apart(values, half.values[i]!));
      expect(Math.max(...all)).toBeLessThan(5e-3);
      expect(Math.max(...all), 'computed in float32 all the same').toBeGreaterThan(1e-5);
    },
  );

  it('keep arithmetic with shapes in float32', async () => {
    const file = write(where, 'reshaping.onnx', reshaping);
    const [single, half] = [await computed(file, 'float32', 27), await computed(file, 'float16', 27)];
    // Sums of 2,187 products that nearly cancel.
    single.values.forEach((values, i) => {
      expect(apart(values, half.values[i]!)).toBeLessThan(2e-2);
    });
  });

  it('that compare pairs differ little, too', async () => {
    const [a, b] = [pixels(COUNT, 32, 32, 1), pixels(COUNT, 32, 32, 2)];
    const similarity = async (precision: 'float32' | 'float16') => {
      const options = { output: 'auto', preprocess: SOME, inference: { precision } };
      const pairs = await openPairs(path.join(DEMO, 'encoders', 'dists.onnx'), options);
      const values = await pairs.run(a, b, COUNT);
      await pairs.close();
      return values;
    };
    const [single, half] = [await similarity('float32'), await similarity('float16')];
    expect(apart(single, half)).toBeLessThan(1e-2);
    expect(half).not.toEqual(single);
  });

  it('can have no branches', async () => {
    const g = create(GraphProtoSchema, { name: 'inner', node: [node('Identity', ['a'], 'b')] });
    const branch = node('If', ['condition'], 'y');
    branch.attribute.push(create(AttributeProtoSchema, { name: 'then_branch', type: 5, g }));
    const file = write(where, 'branching.onnx', {
      ...reshaping,
      nodes: [node('Conv', ['input', 'conv.weight'], 'a'), branch],
    });
    const options = { layers: ['conv'], tokens: 'mean', output: 'none', preprocess: {} } as const;
    await expect(openNetwork(file, { ...options, inference: { precision: 'float16' } })).rejects.toThrow(
      /can't be converted to float16: its node "node_y" \(If\) has a graph of its own/,
    );
  });
});

it('a network that is float16 stays what it is', async () => {
  const nodes = [node('Cast', ['conv.weight'], 'w', { to: FLOAT16 }), node('Conv', ['input', 'w'], 'y')];
  const made = { nodes, weights: [weight('conv.weight', [4, 3, 3, 3])], input: ['N', 3, 8, 8], output: 'y' };
  const file = write(where, 'half.onnx', { ...made, elemType: FLOAT16, outputShape: ['N', 4, 6, 6] });
  expect(await computed(file, 'float16', 8)).toEqual(await computed(file, 'float32', 8));
});

it('who asks for float16 is told what it means', () => {
  const told: string[] = [];
  const warn = (message: string) => told.push(message);
  inferenceOn(undefined, { threads: 1, precision: 'float32' }, warn);
  expect(told).toEqual([]);
  inferenceOn('cuda:0', { threads: 1, precision: 'float16' }, warn);
  inferenceOn(undefined, { threads: 1, precision: 'float16' }, warn);
  expect(told[0]).toMatch(/^Computed in float16: .* ties change which images are selected/);
  expect(told[1]).toBe(`${told[0]} On the CPU it is no faster.`);
});
