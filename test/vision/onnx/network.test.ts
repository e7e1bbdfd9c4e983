import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { describe, expect, it } from 'vitest';
import type { Preprocess } from '../../../vision/images/preprocess-spec.ts';
import { floatTensor, int64Tensor, makeConstant } from '../../../vision/onnx/build.ts';
import {
  type Network,
  type NetworkOptions,
  openNetwork,
  type Results,
} from '../../../vision/onnx/network.ts';
import { ModelProtoSchema, StringStringEntryProtoSchema } from '../../../vision/onnx/onnx_pb.ts';
import { folder, type Made, makeProto, node, numbers, pixels, weight, write } from './make.ts';

const where = folder();
const SIDE = 6;
const COUNT = 5;
const images = pixels(COUNT, SIDE, SIDE);

const options = (given: Partial<NetworkOptions> = {}): NetworkOptions => ({
  layers: ['all'],
  tokens: 'mean',
  output: 'none',
  preprocess: {},
  ...given,
});

/** Runs all images in batches of `batch`. */
async function runAll(
  network: Network,
  batch = COUNT,
): Promise<{ activations: number[][]; output: number[] }> {
  const size = SIDE * SIDE * 3;
  const parts: Results[] = [];
  for (let first = 0; first < COUNT; first += batch) {
    const count = Math.min(batch, COUNT - first);
    parts.push(
      structuredClone(await network.run(images.subarray(first * size, (first + count) * size), count)),
    );
  }
  await network.close();
  const activations = network.layers.map((_, i) => parts.flatMap((part) => [...part.activations[i]!]));
  return { activations, output: parts.flatMap((part) => [...(part.output ?? [])]) };
}

/** Values of one image's channel after normalisation, in double precision. */
function channel(
  image: number,
  index: number,
  { mean = 0, std = 1, range = [0, 1] }: Preprocess = {},
): number[] {
  const at = (list: unknown) => (Array.isArray(list) ? (list as number[])[index]! : (list as number));
  return Array.from({ length: SIDE * SIDE }, (_, i) => {
    const pixel = images[(image * SIDE * SIDE + i) * 3 + index]!;
    return (range[0]! + (pixel / 255) * (range[1]! - range[0]!) - at(mean)) / at(std);
  });
}

const average = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length;

/** Mean over the pixels of a 1 × 1 convolution, image by image: W · mean(x) + b. */
function pooledConv(
  w: readonly number[],
  b: readonly number[],
  preprocess?: Preprocess,
  order = [0, 1, 2],
): number[] {
  return Array.from({ length: COUNT }, (_, image) => {
    const means = order.map((index) => average(channel(image, index, preprocess)));
    return b.map((bias, unit) => bias + means.reduce((sum, mean, c) => sum + mean * w[unit * 3 + c]!, 0));
  }).flat();
}

function expectClose(actual: readonly number[], expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  actual.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(2e-6 * largest);
  });
}

const W = numbers([4, 3], 1);
const B = numbers([4], 2);
const convolution = [floatTensor([4, 3, 1, 1], W, 'conv.weight'), floatTensor([4], B, 'conv.bias')];

/** Convolution, ReLU, channels last, linear layer with bias, mean, head. */
function network(opset: number, given: Partial<Made> = {}): Made {
  return {
    nodes: [
      node('Conv', ['input', 'conv.weight', 'conv.bias'], 'a'),
      node('Relu', ['a'], 'r'),
      node('Transpose', ['r'], 't', { perm: [0, 2, 3, 1] }),
      node('MatMul', ['t', 'onnx::MatMul_1'], 'p'),
      node('Add', ['p', 'fc.bias'], 'q'),
      node('Transpose', ['q'], 'u', { perm: [0, 3, 1, 2] }),
      node('GlobalAveragePool', ['u'], 'g'),
      node('Flatten', ['g'], 'f', { axis: 1 }),
      node('Gemm', ['f', 'head.weight', 'head.bias'], 'logits', { transB: 1 }),
    ],
    weights: [
      ...convolution,
      weight('onnx::MatMul_1', [4, 5], 3),
      weight('fc.bias', [5], 4),
      weight('head.weight', [2, 5], 5),
      weight('head.bias', [2], 6),
    ],
    input: ['N', 3, SIDE, SIDE],
    output: 'logits',
    outputShape: ['N', 2],
    opset,
    ...given,
  };
}

/** The same, computed here. */
function byHand(preprocess: Preprocess) {
  const [conv, linear, head] = [[], [], []] as [number[], number[], number[]];
  const [w2, b2] = [numbers([4, 5], 3), numbers([5], 4)];
  const [w3, b3] = [numbers([2, 5], 5), numbers([2], 6)];
  for (let image = 0; image < COUNT; image++) {
    const x = [0, 1, 2].map((c) => channel(image, c, preprocess));
    const relu: number[] = [0, 0, 0, 0];
    const before: number[] = [0, 0, 0, 0];
    for (let i = 0; i < SIDE * SIDE; i++) {
      for (let u = 0; u < 4; u++) {
        const value = B[u]! + x.reduce((sum, values, c) => sum + values[i]! * W[u * 3 + c]!, 0);
        before[u]! += value / (SIDE * SIDE);
        relu[u]! += Math.max(0, value) / (SIDE * SIDE);
      }
    }
    const q = b2.map((b, u) => b + relu.reduce((sum, value, c) => sum + value * w2[c * 5 + u]!, 0));
    conv.push(...before);
    linear.push(...q);
    head.push(...b3.map((b, u) => b + q.reduce((sum, value, c) => sum + value * w3[u * 5 + c]!, 0)));
  }
  return { conv, linear, head };
}

const IMAGENET: Preprocess = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

describe('pooled activations', () => {
  for (let opset = 7; opset <= 22; opset++) {
    it(`of opset ${opset} are the means over the pixels; logits come from the same pass`, async () => {
      const file = write(where, `opset${opset}.onnx`, network(opset));
      const opened = await openNetwork(file, options({ output: 'auto', preprocess: IMAGENET }));
      expect(opened.layers.map(({ name, type, units, depth }) => [name, type, units, depth])).toEqual([
        ['conv', 'conv', 4, 0],
        ['fc', 'linear', 5, 1],
        ['head', 'linear', 2, 2],
      ]);
      const { activations, output } = await runAll(opened);
      const { conv, linear, head } = byHand(IMAGENET);
      expectClose(activations[0]!, conv);
      expectClose(activations[1]!, linear);
      expectClose(activations[2]!, head);
      expect(output).toEqual(activations[2]);
    });
  }

  it('are the same, bit for bit, whatever shares a batch', async () => {
    const file = write(where, 'batches.onnx', network(17));
    const all = await runAll(await openNetwork(file, options({ output: 'auto' })), COUNT);
    for (const batch of [1, 2, 3]) {
      expect(await runAll(await openNetwork(file, options({ output: 'auto' })), batch)).toEqual(all);
    }
  });
});

describe('the input', () => {
  it('may have its channels last', async () => {
    const made = network(13, { input: ['N', SIDE, SIDE, 3] });
    const nodes = [node('Transpose', ['input'], 'x', { perm: [0, 3, 1, 2] }), ...made.nodes];
    nodes[1] = node('Conv', ['x', 'conv.weight', 'conv.bias'], 'a');
    const file = write(where, 'nhwc.onnx', { ...made, nodes });
    const opened = await openNetwork(file, options({ preprocess: IMAGENET }));
    expect(opened.preprocess).toMatchObject({ layout: 'nhwc', size: [SIDE, SIDE] });
    const { activations } = await runAll(opened);
    expectClose(activations[0]!, byHand(IMAGENET).conv);
  });

  it('is in the channel order and range that the config says; mean and std follow that order', async () => {
    const preprocess: Preprocess = {
      range: [0, 255],
      mean: [103.939, 116.779, 123.68],
      'channel-order': 'bgr',
    };
    const inRgb = { ...preprocess, mean: [123.68, 116.779, 103.939] as [number, number, number] };
    const expected = pooledConv(W, B, inRgb, [2, 1, 0]);
    for (const [name, made] of [
      ['bgr.onnx', network(13)],
      ['bgr-nhwc.onnx', nhwc()],
    ] as const) {
      const opened = await openNetwork(write(where, name, made), options({ preprocess, layers: ['conv'] }));
      expectClose((await runAll(opened)).activations[0]!, expected);
    }
  });

  it('may have a free size that the config fixes', async () => {
    const file = write(where, 'free.onnx', network(17, { input: ['N', 3, 'H', 'W'] }));
    const opened = await openNetwork(file, options({ preprocess: { size: SIDE } }));
    expectClose((await runAll(opened)).activations[0]!, pooledConv(W, B));
    await expect(openNetwork(file, options())).rejects.toThrow(
      /size of the model's input images is known neither/,
    );
  });

  it('may be float16; results are float32', async () => {
    const halves = [
      node('Cast', ['input'], 'x', { to: 1 }),
      node('Conv', ['x', 'conv.weight', 'conv.bias'], 'a'),
      node('Cast', ['a'], 'half', { to: 10 }),
      node('GlobalAveragePool', ['half'], 'out'),
    ];
    const made = {
      nodes: halves,
      weights: convolution,
      input: ['N', 3, SIDE, SIDE],
      elemType: 10,
      output: 'out',
    };
    const file = write(where, 'half.onnx', { ...made, outputShape: ['N', 4, 1, 1] });
    const { activations } = await runAll(
      await openNetwork(file, options({ layers: ['conv', 'tensor:half@1'] })),
    );
    const expected = pooledConv(W, B);
    for (const found of activations) {
      found.forEach((value, i) => {
        expect(value).toBeCloseTo(expected[i]!, 2);
      });
    }
  });

  it('must be one image', async () => {
    const two = makeProto(network(17));
    two.graph!.input.push(two.graph!.input[0]!);
    const file = path.join(where, 'two.onnx');
    writeFileSync(file, toBinary(ModelProtoSchema, two));
    await expect(openNetwork(file, options())).rejects.toThrow(/has 2 inputs/);
    const flat = write(where, 'flat.onnx', network(17, { input: ['N', 108] }));
    await expect(openNetwork(flat, options())).rejects.toThrow(/can't take images: its shape is \[N, 108\]/);
  });
});

function nhwc(): Made {
  const nodes = [
    node('Transpose', ['input'], 'x', { perm: [0, 3, 1, 2] }),
    node('Conv', ['x', 'conv.weight', 'conv.bias'], 'a'),
  ];
  return {
    nodes,
    weights: convolution,
    input: ['N', SIDE, SIDE, 3],
    output: 'a',
    outputShape: ['N', 4, SIDE, SIDE],
  };
}

describe('a fixed batch size', () => {
  const flatten = (shape: number[], batch: number): Made => {
    const nodes = [
      node('Conv', ['input', 'conv.weight', 'conv.bias'], 'a'),
      node('GlobalAveragePool', ['a'], 'p'),
      makeConstant('shape', int64Tensor([2], shape)),
      node('Reshape', ['p', 'shape'], 'r'),
      node('MatMul', ['r', 'w2'], 'out'),
    ];
    const weights = [...convolution, weight('w2', [4, 2], 8)];
    return { nodes, weights, input: [batch, 3, SIDE, SIDE], output: 'out', outputShape: [batch, 2] };
  };

  it.each([
    { shape: [1, -1], batch: 1 },
    { shape: [1, 4], batch: 1 },
    { shape: [3, 4], batch: 3 },
    { shape: [-1, 4], batch: 2 },
  ])('is freed where it stands in reshapes: $shape', async ({ shape, batch }) => {
    const file = write(where, `fixed${shape}${batch}.onnx`, flatten(shape, batch));
    const opened = await openNetwork(file, options({ output: 'auto' }));
    expect(opened.batch).toBeUndefined();
    const { activations, output } = await runAll(opened);
    expectClose(activations[0]!, pooledConv(W, B));
    expect(output).toHaveLength(2 * COUNT);
  });

  it('does not touch reshapes of weights', async () => {
    const shift = numbers([4], 7);
    const nodes = [
      node('Conv', ['input', 'conv.weight', 'conv.bias'], 'a'),
      makeConstant('shape', int64Tensor([4], [1, -1, 1, 1])),
      node('Reshape', ['shift', 'shape'], 's'),
      node('Add', ['a', 's'], 'out'),
    ];
    const weights = [...convolution, floatTensor([4], shift, 'shift')];
    const made = {
      nodes,
      weights,
      input: [1, 3, SIDE, SIDE],
      output: 'out',
      outputShape: [1, 4, SIDE, SIDE],
    };
    const opened = await openNetwork(write(where, 'shift.onnx', made), options({ layers: ['tensor:out'] }));
    expect(opened.batch).toBeUndefined();
    const { activations } = await runAll(opened);
    expectClose(
      activations[0]!,
      pooledConv(
        W,
        B.map((bias, u) => bias + shift[u]!),
      ),
    );
  });

  it('is kept where the model needs it: the last batch is filled up', async () => {
    const token = floatTensor([2, 1, 4], [1, 2, 3, 4, 1, 2, 3, 4], 'token');
    const nodes = [
      node('Conv', ['input', 'conv.weight', 'conv.bias'], 'a'),
      makeConstant('shape', int64Tensor([3], [2, 4, SIDE * SIDE])),
      node('Reshape', ['a', 'shape'], 'r'),
      node('Transpose', ['r'], 't', { perm: [0, 2, 1] }),
      node('Concat', ['token', 't'], 'c', { axis: 1 }),
      node('MatMul', ['c', 'w2'], 'out'),
    ];
    const weights = [...convolution, token, weight('w2', [4, 2], 8)];
    const made = { nodes, weights, input: [2, 3, SIDE, SIDE], output: 'out', outputShape: [2, 37, 2] };
    const opened = await openNetwork(
      write(where, 'bound.onnx', made),
      options({ layers: ['conv', 'linear'] }),
    );
    expect(opened.batch).toBe(2);
    const { activations } = await runAll(opened, 2);
    expectClose(activations[0]!, pooledConv(W, B));
    expect(activations[1]).toHaveLength(2 * COUNT);
  });

  it('of one image, hidden in a model that claims to be free, is found out', async () => {
    const made = { ...flatten([1, 4], 1), input: ['N', 3, SIDE, SIDE], outputShape: ['N', 2] };
    const opened = await openNetwork(write(where, 'one.onnx', made), options({ output: 'auto' }));
    expect(opened.batch).toBe(1);
    const { activations, output } = await runAll(opened, 1);
    expectClose(activations[0]!, pooledConv(W, B));
    expect(output).toHaveLength(2 * COUNT);
  });

  it('of several, hidden in a model that claims to be free, is told', async () => {
    const made = { ...flatten([2, 4], 2), input: ['N', 3, SIDE, SIDE], outputShape: ['N', 2] };
    const opened = openNetwork(write(where, 'hidden.onnx', made), options({ output: 'auto' }));
    await expect(opened).rejects.toThrow(/hidden\.onnx failed on a batch of 3 images/);
  });
});

describe('a model in training mode', () => {
  it('is refused: its activations would depend on the batch', async () => {
    const stats = ['s', 'b', 'm', 'v'].map((name) => floatTensor([3], [1, 1, 1], name));
    const norm = node('BatchNormalization', ['input', 's', 'b', 'm', 'v'], 'out', { training_mode: 1 });
    const made = { nodes: [norm], weights: stats, input: ['N', 3, SIDE, SIDE], output: 'out' };
    const file = write(where, 'training.onnx', made);
    await expect(openNetwork(file, options())).rejects.toThrow(
      /training\.onnx was exported in training mode/,
    );
  });
});

describe('tokens', () => {
  const T = SIDE * SIDE;
  const flat = makeConstant('flat', int64Tensor([3], [0, 4, T]));
  const before = [
    node('Conv', ['input', 'conv.weight', 'conv.bias'], 'a'),
    flat,
    node('Reshape', ['a', 'flat'], 'r'),
  ];
  /** [B, C, T] in some order of axes, then a linear layer that is the identity. */
  const tokens = (perm: number[], join?: number[]): Made => {
    const eye = floatTensor([4, 4], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1], 'eye');
    const joined = join
      ? [makeConstant('join', int64Tensor([join.length], join)), node('Reshape', ['t', 'join'], 'j')]
      : [];
    const nodes = [
      ...before,
      node('Transpose', ['r'], 't', { perm }),
      ...joined,
      node('MatMul', [join ? 'j' : 't', 'eye'], 'out'),
    ];
    return {
      nodes,
      weights: [...convolution, eye],
      input: ['N', 3, SIDE, SIDE],
      output: 'out',
      outputShape: ['X', 4],
    };
  };
  const first = Array.from({ length: COUNT }, (_, image) => {
    const x = [0, 1, 2].map((c) => channel(image, c)[0]!);
    return B.map((bias, u) => bias + x.reduce((sum, value, c) => sum + value * W[u * 3 + c]!, 0));
  }).flat();

  it.each([
    { name: '[B, T, C]', made: tokens([0, 2, 1]) },
    { name: '[T, B, C]', made: tokens([2, 0, 1]) },
    { name: '[B·T, C]', made: tokens([0, 2, 1], [-1, 4]) },
    { name: '[T·B, C]', made: tokens([2, 0, 1], [-1, 4]) },
  ])('$name become their mean, or the first', async ({ name, made }) => {
    const file = write(where, `${name.replace(/\W/g, '_')}${name.length}${name[1]}.onnx`, made);
    const mean = await runAll(await openNetwork(file, options({ layers: ['linear'] })));
    expectClose(mean.activations[0]!, pooledConv(W, B));
    const cls = await runAll(await openNetwork(file, options({ layers: ['linear', 'conv'], tokens: 'cls' })));
    expectClose(cls.activations[1]!, first);
    expectClose(cls.activations[0]!, pooledConv(W, B));
  });

  it('of opset 18 and later are averaged too (axes are an input then)', async () => {
    const file = write(where, 'tokens18.onnx', { ...tokens([0, 2, 1]), opset: 18 });
    const { activations } = await runAll(await openNetwork(file, options({ layers: ['linear'] })));
    expectClose(activations[0]!, pooledConv(W, B));
  });
});

describe('a layer norm that is written out', () => {
  it('gives what LayerNormalization gives', async () => {
    const transposed = [
      node('Conv', ['input', 'conv.weight', 'conv.bias'], 'a'),
      node('Transpose', ['a'], 'x', { perm: [0, 2, 3, 1] }),
    ];
    const scale = [weight('norm.weight', [4], 5), weight('norm.bias', [4], 6)];
    const made = (nodes: Made['nodes'], more: Made['weights'] = []): Made => ({
      nodes: [...transposed, ...nodes],
      weights: [...convolution, ...scale, ...more],
      input: ['N', 3, SIDE, SIDE],
      output: 'out',
      outputShape: ['N', SIDE, SIDE, 4],
    });
    const written = [
      node('ReduceMean', ['x'], 'mu', { axes: [-1] }),
      node('Sub', ['x', 'mu'], 'd'),
      node('Pow', ['d', 'two'], 'square'),
      node('ReduceMean', ['square'], 'variance', { axes: [-1] }),
      node('Add', ['variance', 'eps'], 'sum'),
      node('Sqrt', ['sum'], 'root'),
      node('Div', ['d', 'root'], 'q'),
      node('Mul', ['q', 'norm.weight'], 'scaled'),
      node('Add', ['scaled', 'norm.bias'], 'out'),
    ];
    const constants = [floatTensor([], [2], 'two'), floatTensor([], [1e-5], 'eps')];
    const one = [
      node('LayerNormalization', ['x', 'norm.weight', 'norm.bias'], 'out', { axis: -1 }, { epsilon: 1e-5 }),
    ];
    const select = options({ layers: ['layer-norm'] });
    const a = await runAll(await openNetwork(write(where, 'written.onnx', made(written, constants)), select));
    const b = await runAll(await openNetwork(write(where, 'one.onnx', made(one)), select));
    expect(a.activations[0]).toHaveLength(4 * COUNT);
    expectClose(a.activations[0]!, b.activations[0]!);
  });
});

describe('weights in another file', () => {
  it('are found beside the model', async () => {
    const proto = makeProto(network(17));
    const tensor = proto.graph!.initializer[0]!;
    writeFileSync(path.join(where, 'conv.bin'), Buffer.concat([Buffer.alloc(16), tensor.rawData]));
    tensor.rawData = new Uint8Array();
    tensor.dataLocation = 1;
    tensor.externalData = Object.entries({ location: 'conv.bin', offset: '16', length: '48' }).map(
      ([key, value]) => create(StringStringEntryProtoSchema, { key, value }),
    );
    const file = path.join(where, 'external.onnx');
    writeFileSync(file, toBinary(ModelProtoSchema, proto));
    const { activations } = await runAll(await openNetwork(file, options({ preprocess: IMAGENET })));
    expectClose(activations[0]!, byHand(IMAGENET).conv);
  });
});

describe('outputs', () => {
  const twoOutputs = () => {
    const proto = makeProto(network(17));
    proto.graph!.output.push(
      makeProto(network(17, { output: 'f', outputShape: ['N', 5] })).graph!.output[0]!,
    );
    const file = path.join(where, 'outputs.onnx');
    writeFileSync(file, toBinary(ModelProtoSchema, proto));
    return file;
  };

  it('are chosen by name, or automatically where one alone will do', async () => {
    const file = twoOutputs();
    expect((await openNetwork(file, options({ output: 'auto' }))).output).toBeUndefined();
    expect((await openNetwork(file, options({ output: 'f' }))).output).toEqual({ name: 'f', length: 5 });
    await expect(openNetwork(file, options({ output: 'logit' }))).rejects.toThrow(
      /no output "logit"; it has "logits", "f"/,
    );
    const encoder = options({ layers: [], output: 'auto', outputNeeded: true });
    await expect(openNetwork(file, encoder)).rejects.toThrow(/which output of the encoder/);
  });
});
