import { create, fromBinary } from '@bufbuild/protobuf';
import fc from 'fast-check';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { describe, expect, it } from 'vitest';
import { encode } from '../../../vision/onnx/build.ts';
import { type ConvAxis, innerMatrix, meetingMatrix } from '../../../vision/onnx/conv-shape.ts';
import { wire } from '../../../vision/onnx/graph.ts';
import { instrument } from '../../../vision/onnx/instrument.ts';
import { Means } from '../../../vision/onnx/means.ts';
import { readModel } from '../../../vision/onnx/model.ts';
import { openNetwork } from '../../../vision/onnx/network.ts';
import { ModelProtoSchema, type NodeProto, ValueInfoProtoSchema } from '../../../vision/onnx/onnx_pb.ts';
import { Needed } from '../../../vision/onnx/prune.ts';
import { folder, type Made, makeProto, node, numbers, pixels, weight, write } from './make.ts';

const where = folder();
const SIDE = 66;
const COUNT = 3;
const images = pixels(COUNT, SIDE, SIDE);

/** A chain from the image to `map`, a feature map of 12 channels after a ReLU, and what `more` makes of it. */
function made(more: readonly NodeProto[], weights: Made['weights'] = [], opset = 13): Made {
  return {
    nodes: [
      node('Conv', ['input', 'w0', 'b0'], 'a', { kernel_shape: [5, 5], strides: [1, 1], pads: [2, 2, 2, 2] }),
      node('Relu', ['a'], 'map'),
      ...more,
      node('GlobalAveragePool', [more.at(-1)?.output[0] ?? 'map'], 'g'),
      node('Flatten', ['g'], 'out', { axis: 1 }),
    ],
    weights: [weight('w0', [12, 3, 5, 5], 1), weight('b0', [12], 2), ...weights],
    input: ['N', 3, SIDE, SIDE],
    output: 'out',
    opset,
  };
}

/** Means of tensors [N, C, H, W] in float64, of the maps that the runtime puts out for the model as it is. */
async function reference(model: Made, tensors: readonly string[]): Promise<number[][]> {
  const proto = makeProto(model);
  proto.graph!.output = tensors.map((name) => create(ValueInfoProtoSchema, { name }));
  const session = await InferenceSession.create(encode(proto), { graphOptimizationLevel: 'disabled' });
  const input = new Float32Array(COUNT * 3 * SIDE * SIDE);
  for (let i = 0; i < COUNT * SIDE * SIDE; i++) {
    const [image, pixel] = [Math.floor(i / (SIDE * SIDE)), i % (SIDE * SIDE)];
    for (let c = 0; c < 3; c++) input[(image * 3 + c) * SIDE * SIDE + pixel] = images[3 * i + c]! / 255;
  }
  const results = await session.run({ input: new Tensor('float32', input, [COUNT, 3, SIDE, SIDE]) });
  await session.release();
  return tensors.map((name) => {
    const { data, dims } = results[name]!;
    const size = dims[2]! * dims[3]!;
    const sums = new Array<number>(dims[0]! * dims[1]!).fill(0);
    (data as Float32Array).forEach((value, i) => {
      sums[Math.floor(i / size)]! += value;
    });
    return sums.map((sum) => sum / size);
  });
}

/** The same means as the network's activations, by its own way. */
async function activations(
  model: Made,
  tensors: readonly string[],
  name: string,
): Promise<readonly (readonly number[])[]> {
  const network = await openNetwork(write(where, `${name}.onnx`, model), {
    layers: tensors.map((tensor) => `tensor:${tensor}@1`),
    tokens: 'mean',
    output: 'none',
    preprocess: {},
  });
  const results = await network.run(images, COUNT);
  const found = network.layers.map(({ tensor }, i) => [tensor, [...results.activations[i]!]] as const);
  await network.close();
  return tensors.map((tensor) => found.find(([of]) => of === tensor)![1]);
}

async function expectMeans(model: Made, tensors: readonly string[], name: string): Promise<void> {
  const [expected, actual] = [await reference(model, tensors), await activations(model, tensors, name)];
  expected.forEach((means, i) => {
    const largest = Math.max(...means.map(Math.abs));
    expect(actual[i]).toHaveLength(means.length);
    means.forEach((mean, j) => {
      expect(Math.abs(actual[i]![j]! - mean)).toBeLessThanOrEqual(1e-5 * largest);
    });
  });
}

/** Operators that find the means of tensors, and the maps among what is averaged. */
function found(model: Made, tensors: readonly string[]): { visited: string[]; operators: string[] } {
  const { graph } = makeProto(model);
  const shape = (name: string) => (['out', 'g', 'w0', 'b0'].includes(name) ? undefined : [12, SIDE, SIDE]);
  const wiring = wire(graph!);
  const needed = new Needed(wiring, ['out']);
  const means = new Means(wiring, (name) => (name === 'input' ? [3, SIDE, SIDE] : shape(name)), needed);
  for (const tensor of tensors) means.of(tensor);
  const visits = means.nodes.filter(({ opType }) => opType === 'GlobalAveragePool');
  return {
    visited: visits.map(({ input }) => input[0]!),
    operators: means.nodes.map(({ opType }) => opType),
  };
}

const norm = (input: string, output: string) =>
  node('BatchNormalization', [input, 'scale', 'shift', 'mean', 'variance'], output);
const parameters = (channels: number) => [
  weight('scale', [channels], 5),
  weight('shift', [channels], 6),
  weight('mean', [channels], 7),
  {
    ...weight('variance', [channels], 8),
    rawData: new Uint8Array(new Float32Array(channels).fill(0.7).buffer),
  },
];

describe('Means of convolutions', () => {
  const cases = {
    'of 1 × 1, from the mean of the input': { kernel: 1, attributes: {}, by: 'Gemm', bias: true },
    'of 1 × 1 without bias': { kernel: 1, attributes: {}, by: 'Gemm', bias: false },
    'of 1 × 1 at a stride': { kernel: 1, attributes: { strides: [2, 3] }, by: 'AveragePool', bias: true },
    'of 3 × 3, from the mean and the borders': {
      kernel: 3,
      attributes: { pads: [1, 1, 1, 1] },
      by: 'MatMul',
      bias: true,
    },
  };
  it.each(Object.entries(cases))('%s', async (name, { kernel, attributes, by, bias }) => {
    const inputs = ['map', 'w1', ...(bias ? ['b1'] : [])];
    const conv = node('Conv', inputs, 'b', { kernel_shape: [kernel, kernel], ...attributes });
    const weights = [weight('w1', [48, 12, kernel, kernel], 3), weight('b1', [48], 4), ...parameters(48)];
    const model = made([conv, norm('b', 'n'), node('Relu', ['n'], 'r')], weights, bias ? 13 : 9);
    const { operators, visited } = found(model, ['b', 'n']);
    expect(operators).toContain(by);
    expect(visited).not.toContain('b');
    expect(visited).not.toContain('n');
    await expectMeans(model, ['a', 'map', 'b', 'n', 'r'], name.replaceAll(/\W/g, ''));
  });

  it.each([
    ['padding on one side', { pads: [1, 0, 1, 2] }],
    ['a stride of 2', { strides: [2, 2], pads: [1, 1, 1, 1] }],
    ['dilation', { dilations: [2, 2], pads: [1, 1, 1, 1] }],
    ['groups', { group: 3, pads: [1, 1, 1, 1] }],
  ])('of 3 × 3 with %s are visited', async (name, attributes) => {
    const conv = node('Conv', ['map', 'w1'], 'b', { kernel_shape: [3, 3], ...attributes });
    const inner = name === 'groups' ? 4 : 12;
    const model = made([conv, node('Relu', ['b'], 'r')], [weight('w1', [12, inner, 3, 3], 3)]);
    expect(found(model, ['b']).visited).toEqual(['b']);
    await expectMeans(model, ['b', 'r'], name.replaceAll(' ', ''));
  });

  it.each([
    ['a stem of 7 × 7', { kernel_shape: [7, 7], strides: [2, 2], pads: [3, 3, 3, 3] }, 7],
    ['patches', { kernel_shape: [4, 4], strides: [4, 4] }, 4],
    ['dilation and odd padding', { kernel_shape: [3, 3], dilations: [3, 2], pads: [0, 1, 2, 3] }, 3],
  ])('of the image, %s, follow from the image', async (name, attributes, kernel) => {
    const model: Made = {
      ...made([]),
      nodes: [
        node('Conv', ['input', 'w0', 'b0'], 'a', attributes),
        node('Relu', ['a'], 'map'),
        node('GlobalAveragePool', ['map'], 'g'),
        node('Flatten', ['g'], 'out', { axis: 1 }),
      ],
      weights: [weight('w0', [64, 3, kernel, kernel], 1), weight('b0', [64], 2)],
    };
    await expectMeans(model, ['a', 'map'], name.replaceAll(' ', ''));
  });
});

describe('A convolution of which only the mean is asked for', () => {
  const attributes = {
    'of 1 × 1': { kernel_shape: [1, 1] },
    'of 3 × 3': { kernel_shape: [3, 3], pads: [1, 1, 1, 1] },
    'with padding on one side': { kernel_shape: [3, 3], pads: [1, 0, 1, 2] },
    'with a stride of 2': { kernel_shape: [3, 3], strides: [2, 2], pads: [1, 1, 1, 1] },
    'with dilation': { kernel_shape: [3, 3], dilations: [2, 3], pads: [1, 2, 3, 4] },
    'of 5 × 2': { kernel_shape: [5, 2], pads: [2, 1, 2, 1] },
  };
  type Each = { readonly kernel_shape: readonly number[] };
  const model = (attributes: Each) =>
    made(
      [node('Conv', ['map', 'w1', 'b1'], 'b', attributes), norm('b', 'n'), node('Relu', ['n'], 'r')],
      [weight('w1', [48, 12, ...attributes.kernel_shape], 3), weight('b1', [48], 4), ...parameters(48)],
    );
  /** Tensors that the edited model computes. */
  const computed = async (
    taps: readonly string[],
    outputs: readonly string[] = [],
    each: Each = attributes['of 3 × 3'],
  ) => {
    const wanted = {
      taps: taps.map((tensor) => ({ name: tensor, tensor, channelAxis: 1 })),
      outputs,
      tokens: 'mean',
    } as const;
    const file = write(where, 'edited.onnx', model(each));
    const size = {
      height: SIDE,
      width: SIDE,
      layout: 'nchw',
      channelOrder: 'rgb',
      scale: [1, 1, 1],
      bias: [0, 0, 0],
    } as const;
    const { bytes } = await instrument(await readModel(file), wanted, size);
    return fromBinary(ModelProtoSchema, bytes).graph!.node.flatMap(({ output }) => output);
  };

  it.each(Object.entries(attributes))('%s, is right without being computed', async (name, each) => {
    expect(await computed(['b', 'n'], [], each)).not.toContain('b');
    await expectMeans(model(each), ['a', 'map', 'b', 'n'], `last${name.replaceAll(/\W/g, '')}`);
  });

  it("isn't computed, whatever else is asked for", async () => {
    expect(await computed(['n', 'a', 'map'])).not.toContain('b');
  });

  it('is computed where something else needs it', async () => {
    expect(await computed(['b', 'r'])).toContain('b');
    expect(await computed(['b'], ['out'])).toContain('b');
    expect(await computed(['b', 'n'])).toContain('map');
  });

  it('of groups is computed', async () => {
    const groups = node('Conv', ['map', 'w1'], 'b', { kernel_shape: [3, 3], group: 3 });
    await expectMeans(made([groups], [weight('w1', [12, 4, 3, 3], 3)]), ['b'], 'groupsalone');
  });
});

describe('Means', () => {
  it('of sums and concatenations follow from those of their parts, through several layers', async () => {
    const conv = (from: string, to: string, name: string) =>
      node('Conv', [from, name], to, { kernel_shape: [3, 3], pads: [1, 1, 1, 1] });
    const model = made(
      [
        conv('map', 'b', 'w1'),
        node('Add', ['b', 'map'], 's'),
        node('Concat', ['s', 'b'], 'c', { axis: 1 }),
        norm('c', 'n'),
        node('Relu', ['n'], 'r'),
      ],
      [weight('w1', [12, 12, 3, 3], 3), ...parameters(24)],
    );
    const tensors = ['b', 's', 'c', 'n'];
    expect(found(model, tensors).visited).toEqual(['b', 'map']);
    await expectMeans(model, tensors, 'joined');
  });

  it('of a sum that stretches one of its terms are visited', async () => {
    const model = made([node('Add', ['map', 'x'], 's')], [weight('x', [12, 1, 1], 9)]);
    await expectMeans(model, ['s'], 'stretched');
  });
});

describe('What the positions of a kernel meet', () => {
  const averages = (axis: ConvAxis, values: readonly number[]) =>
    Array.from({ length: axis.kernel }, (_, k) => {
      let sum = 0;
      for (let o = 0; o < axis.out; o++)
        sum += values[o * axis.stride + k * axis.dilation - axis.before] ?? 0;
      return sum / axis.out;
    });

  it('is averaged by a matrix for every kernel, stride, dilation and padding', () => {
    const axes = fc
      .record({
        length: fc.integer({ min: 1, max: 30 }),
        kernel: fc.integer({ min: 1, max: 7 }),
        stride: fc.integer({ min: 1, max: 4 }),
        dilation: fc.integer({ min: 1, max: 3 }),
        before: fc.integer({ min: 0, max: 6 }),
        after: fc.integer({ min: 0, max: 6 }),
      })
      .map((axis) => {
        const free = axis.length + axis.before + axis.after - (axis.kernel - 1) * axis.dilation - 1;
        return { ...axis, out: Math.floor(free / axis.stride) + 1 };
      })
      .filter(({ out }) => out > 0);
    fc.assert(
      fc.property(axes, (axis) => {
        const values = numbers([axis.length], 7);
        const matrix = meetingMatrix(axis);
        const expected = averages(axis, values);
        expected.forEach((mean, k) => {
          const actual = values.reduce((sum, value, i) => sum + value * matrix[i * axis.kernel + k]!, 0);
          expect(actual).toBeCloseTo(mean, 5);
        });
      }),
    );
  });

  it('follows for 3 × 3 from the mean, the borders and the corners', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 2, max: 9 }), (height, width) => {
        const map = numbers([height, width], 11);
        const at = (y: number, x: number) =>
          y < 0 || x < 0 || y >= height || x >= width ? 0 : map[y * width + x]!;
        const mean = (ys: number[], xs: number[]) =>
          ys.flatMap((y) => xs.map((x) => at(y, x))).reduce((a, b) => a + b, 0) / (ys.length * xs.length);
        const [ys, xs] = [[...Array(height).keys()], [...Array(width).keys()]];
        const [last, right] = [height - 1, width - 1];
        const parts = [
          mean(ys, xs),
          ...[0, last].map((y) => mean([y], xs)),
          ...[0, right].map((x) => mean(ys, [x])),
          ...[0, last].flatMap((y) => [0, right].map((x) => at(y, x))),
        ];
        const matrix = innerMatrix(height, width);
        for (let position = 0; position < 9; position++) {
          const [dy, dx] = [Math.floor(position / 3) - 1, (position % 3) - 1];
          const expected = mean(
            ys.map((y) => y + dy),
            xs.map((x) => x + dx),
          );
          const actual = parts.reduce((sum, part, i) => sum + part * matrix[9 * i + position]!, 0);
          expect(actual).toBeCloseTo(expected, 5);
        }
      }),
    );
  });
});
