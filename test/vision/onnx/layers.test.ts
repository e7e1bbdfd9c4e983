import { describe, expect, it } from 'vitest';
import { int64Tensor, makeConstant } from '../../../vision/onnx/build.ts';
import { wire } from '../../../vision/onnx/graph.ts';
import { findLayers, type Layer } from '../../../vision/onnx/layers.ts';
import { isGenerated, unique } from '../../../vision/onnx/names.ts';
import type { NodeProto, TensorProto } from '../../../vision/onnx/onnx_pb.ts';
import { makeProto, node, weight } from './make.ts';

function layersOf(nodes: readonly NodeProto[], weights: readonly TensorProto[] = []): Layer[] {
  const output = nodes.at(-1)!.output[0]!;
  return findLayers(wire(makeProto({ nodes, weights, input: ['N', 3, 8, 8], output }).graph!));
}

const named = (made: NodeProto, name: string) => Object.assign(made, { name });

describe('types, units and channel axes', () => {
  it('follow from the operator', () => {
    const layers = layersOf(
      [
        node('Conv', ['input', 'a.weight'], 'a'),
        node('ConvTranspose', ['a', 'b.weight'], 'b', { group: 2 }),
        node('BatchNormalization', ['b', 'c.weight', 'c.bias', 'm', 'v'], 'c'),
        node('InstanceNormalization', ['c', 'd.weight', 'd.bias'], 'd'),
        node('GroupNormalization', ['d', 'e.weight', 'e.bias'], 'e', { num_groups: 2 }),
        node('GlobalAveragePool', ['e'], 'p'),
        node('Flatten', ['p'], 'f'),
        node('Gemm', ['f', 'g.weight', 'g.bias'], 'g', { transB: 1 }),
        node('LayerNormalization', ['g', 'h.weight', 'h.bias'], 'h'),
        node('MatMul', ['h', 'i.weight'], 'i'),
      ],
      [
        weight('a.weight', [5, 3, 3, 3]),
        weight('b.weight', [5, 4, 2, 2]),
        ...['c', 'd', 'e'].flatMap((name) => [weight(`${name}.weight`, [8]), weight(`${name}.bias`, [8])]),
        weight('m', [8]),
        weight('v', [8]),
        weight('g.weight', [6, 8]),
        weight('g.bias', [6]),
        weight('h.weight', [6]),
        weight('h.bias', [6]),
        weight('i.weight', [6, 7]),
      ],
    );
    expect(
      layers.map(({ name, type, op, units, channelAxis }) => [name, type, op, units, channelAxis]),
    ).toEqual([
      ['a', 'conv', 'Conv', 5, 1],
      ['b', 'conv', 'ConvTranspose', 8, 1],
      ['c', 'batch-norm', 'BatchNormalization', 8, 1],
      ['d', 'instance-norm', 'InstanceNormalization', 8, 1],
      ['e', 'group-norm', 'GroupNormalization', 8, 1],
      ['g', 'linear', 'Gemm', 6, -1],
      ['h', 'layer-norm', 'LayerNormalization', 6, -1],
      ['i', 'linear', 'MatMul', 7, -1],
    ]);
  });

  it('leave the units open where a group norm of opset 18 has one scale a group', () => {
    const scales = [weight('e.weight', [2]), weight('e.bias', [2])];
    const group = node('GroupNormalization', ['input', 'e.weight', 'e.bias'], 'e', { num_groups: 2 });
    expect(layersOf([group], scales)[0]!.units).toBeUndefined();
  });
});

describe('a linear layer', () => {
  const product = () => node('MatMul', ['x', 'w'], 'y');
  const source = () => node('Relu', ['input'], 'x');

  it('is a MatMul with its bias: the Add puts out the layer', () => {
    for (const inputs of [
      ['y', 'fc.bias'],
      ['fc.bias', 'y'],
    ]) {
      const layers = layersOf(
        [source(), product(), node('Add', inputs, 'z')],
        [weight('w', [4, 6]), weight('fc.bias', [6])],
      );
      expect(layers).toMatchObject([{ name: 'fc', op: 'MatMul+Add', tensor: 'z', units: 6 }]);
    }
  });

  it('takes no other Add for its bias', () => {
    const w = weight('w', [4, 6]);
    const residual = layersOf([source(), product(), node('Add', ['y', 'input'], 'z')], [w]);
    expect(residual).toMatchObject([{ op: 'MatMul', tensor: 'y' }]);
    const positions = layersOf(
      [source(), product(), node('Add', ['y', 'p'], 'z')],
      [w, weight('p', [1, 9, 6])],
    );
    expect(positions).toMatchObject([{ op: 'MatMul', tensor: 'y' }]);
    const twice = [source(), product(), node('Add', ['y', 'b'], 'z'), node('Add', ['y', 'z'], 'out')];
    expect(layersOf(twice, [w, weight('b', [6])])).toMatchObject([{ op: 'MatMul', tensor: 'y' }]);
  });

  it('has a constant weight, also one behind a DequantizeLinear or from a Constant node; attention is none', () => {
    expect(layersOf([source(), node('MatMul', ['x', 'x'], 'y')])).toEqual([]);
    const behind = layersOf(
      [node('DequantizeLinear', ['q', 's'], 'w'), source(), product()],
      [weight('q', [4, 6]), weight('s', [])],
    );
    expect(behind).toMatchObject([{ type: 'linear', tensor: 'y' }]);
    const fixed = layersOf([makeConstant('w', weight('', [4, 6])), source(), product()]);
    expect(fixed).toMatchObject([{ type: 'linear', units: 6 }]);
  });
});

/** x → LayerNorm over `axes` in simple operators, as exporters write it before opset 17. */
function writtenNorm(axes: number[], opset18 = false, divide: 'Div' | 'Reciprocal' = 'Div'): NodeProto[] {
  const mean = (input: string, output: string) =>
    opset18 ? node('ReduceMean', [input, 'axes'], output) : node('ReduceMean', [input], output, { axes });
  const end =
    divide === 'Div'
      ? [node('Div', ['d', 'root'], 'q')]
      : [node('Reciprocal', ['root'], 'inverse'), node('Mul', ['d', 'inverse'], 'q')];
  return [
    ...(opset18 ? [makeConstant('axes', int64Tensor([axes.length], axes))] : []),
    mean('x', 'mu'),
    node('Sub', ['x', 'mu'], 'd'),
    node('Pow', ['d', 'two'], 'square'),
    mean('square', 'variance'),
    node('Add', ['variance', 'eps'], 'sum'),
    node('Sqrt', ['sum'], 'root'),
    ...end,
    node('Mul', ['q', 'norm.weight'], 'scaled'),
    node('Add', ['scaled', 'norm.bias'], 'out'),
  ];
}

describe('a layer norm that is written out', () => {
  const constants = [
    weight('two', []),
    weight('eps', []),
    weight('norm.weight', [6]),
    weight('norm.bias', [6]),
  ];
  const before = node('Relu', ['input'], 'x');

  it('is one layer, whatever its form', () => {
    for (const nodes of [
      writtenNorm([-1]),
      writtenNorm([-1], true),
      writtenNorm([-1], false, 'Reciprocal'),
    ]) {
      expect(layersOf([before, ...nodes], constants)).toEqual([
        expect.objectContaining({
          name: 'norm',
          type: 'layer-norm',
          tensor: 'out',
          channelAxis: -1,
          units: 6,
        }),
      ]);
    }
  });

  it('has its channels on the axis that is averaged over', () => {
    expect(layersOf([before, ...writtenNorm([1])], constants)[0]).toMatchObject({ channelAxis: 1 });
  });

  it('is not taken for one when the means are over different axes or of different tensors', () => {
    const [reduce, ...rest] = writtenNorm([-1]);
    expect(reduce!.opType).toBe('ReduceMean');
    expect(layersOf([before, node('ReduceMean', ['x'], 'mu', { axes: [1] }), ...rest], constants)).toEqual(
      [],
    );
    expect(
      layersOf([before, node('ReduceMean', ['input'], 'mu', { axes: [-1] }), ...rest], constants),
    ).toEqual([]);
  });
});

describe('a group norm that PyTorch wrote out', () => {
  const steps = [
    node('Reshape', ['input', 'shape'], 'r'),
    node('InstanceNormalization', ['r', 'ones', 'zeros'], 'i'),
    node('Reshape', ['i', 'shape2'], 's'),
  ];
  const weights = [
    int64Tensor([3], [0, 4, -1], 'shape'),
    int64Tensor([4], [0, 12, 8, 8], 'shape2'),
    weight('ones', [4]),
    weight('zeros', [4]),
    weight('onnx::Mul_1', [12, 1, 1]),
    weight('onnx::Add_2', [12, 1, 1]),
  ];

  it('is one layer of all channels', () => {
    const affine = [
      named(node('Mul', ['s', 'onnx::Mul_1'], 'm'), '/stem/norm/Mul'),
      node('Add', ['m', 'onnx::Add_2'], 'a'),
    ];
    named(steps[1]!, '/stem/norm/InstanceNormalization');
    expect(layersOf([...steps, ...affine], weights)).toMatchObject([
      { name: 'stem.norm', type: 'group-norm', tensor: 'a', units: 12, channelAxis: 1 },
    ]);
    expect(layersOf(steps, weights)).toMatchObject([{ type: 'group-norm', tensor: 's' }]);
  });

  it('by its newer exporter, which asks each result for its type', () => {
    const layers = layersOf(
      [
        node('Reshape', ['input', 'groups'], 'g'),
        node('InstanceNormalization', ['g', 'ones', 'zeros'], 'i'),
        node('Reshape', ['i', 'whole'], 'r'),
        node('Unsqueeze', ['norm.weight', 'axes'], 'w'),
        node('CastLike', ['w', 'r'], 'w like r'),
        node('Mul', ['r', 'w like r'], 'm'),
        node('Unsqueeze', ['norm.bias', 'axes'], 'b'),
        node('CastLike', ['b', 'm'], 'b like m'),
        node('Add', ['m', 'b like m'], 'y'),
      ],
      [weight('ones', [2]), weight('zeros', [2]), weight('norm.weight', [4]), weight('norm.bias', [4])],
    );
    expect(layers).toMatchObject([
      { name: 'norm', type: 'group-norm', tensor: 'y', channelAxis: 1, units: 4 },
    ]);
  });
});

describe('names', () => {
  const conv = (name: string, weightName: string) =>
    layersOf([named(node('Conv', ['input', weightName], 'y'), name)], [weight(weightName, [2, 3, 1, 1])])[0]!
      .name;

  it('are the module names, from parameters or from paths', () => {
    expect(conv('Conv_12', 'layer1.0.conv1.weight')).toBe('layer1.0.conv1');
    expect(conv('/layer1/layer1.0/conv1/Conv', 'onnx::Conv_193')).toBe('layer1.0.conv1');
    expect(conv('/features/features.1/conv/conv.0/conv.0.0/Conv', '193')).toBe('features.1.conv.0.0');
    expect(conv('/blocks.0/attn/qkv/Conv_1', 'val_7')).toBe('blocks.0.attn.qkv');
    expect(conv('/Conv', 'visual.proj')).toBe('visual.proj');
    expect(conv('model/conv1/Conv2D', 'ReadVariableOp:0')).toBe('model/conv1/Conv2D');
    expect(conv('', '17')).toBe('y');
  });

  it('are unique and stable, whatever they were', () => {
    expect(unique(['a', 'a', 'b', 'a'])).toEqual(['a', 'a#2', 'b', 'a#3']);
    expect(unique(['a', 'a', 'a#2', 'path'])).toEqual(['a', 'a#3', 'a#2', 'path#2']);
  });

  it('tell what an exporter made up', () => {
    for (const name of ['onnx::Conv_193', '193', 'val_3', '']) expect(isGenerated(name)).toBe(true);
    for (const name of ['conv1.weight', 'layer_1', 'conv2']) expect(isGenerated(name)).toBe(false);
  });
});

describe('a batch norm that was folded in', () => {
  const both = (first: string, second: string) => [weight(first, [2, 3, 1, 1]), weight(second, [2])];
  const head = (weights: TensorProto[]) =>
    layersOf(
      [
        node('Conv', ['input', weights[0]!.name, weights[1]!.name], 'y'),
        node('MatMul', ['y', 'fc.weight'], 'z'),
      ],
      [...weights, weight('fc.weight', [8, 2])],
    )[0]!;

  it('is noted where a file that keeps names numbers weight and bias of a convolution', () => {
    expect(head(both('onnx::Conv_193', 'onnx::Conv_194'))).toMatchObject({
      type: 'conv',
      note: 'batch norm folded in',
    });
    expect(head(both('onnx::Conv_193', 'conv.bias')).note).toBeUndefined();
    expect(head(both('conv.weight', 'conv.bias')).note).toBeUndefined();
  });

  it("is noted where the bias is called after the convolution's input, as onnxscript does it", () => {
    expect(head(both('conv.weight', 'input_bias'))).toMatchObject({
      name: 'conv',
      note: 'batch norm folded in',
    });
    expect(head(both('conv.weight', 'other_bias')).note).toBeUndefined();
  });

  it('is not guessed in a file without names', () => {
    const weights = both('193', '194');
    expect(layersOf([node('Conv', ['input', '193', '194'], 'y')], weights)[0]!.note).toBeUndefined();
  });
});

describe('execution order', () => {
  it('is that of the file where it is one, else the order of need', () => {
    const nodes = [
      node('Conv', ['b', 'w3'], 'c'),
      node('Conv', ['input', 'w1'], 'a'),
      node('Conv', ['a', 'w2'], 'b'),
    ];
    const weights = ['w1', 'w2', 'w3'].map((name) => weight(name, [3, 3, 1, 1]));
    expect(layersOf(nodes, weights).map(({ tensor }) => tensor)).toEqual(['a', 'b', 'c']);
    const branches = [
      node('Conv', ['input', 'w2'], 'second'),
      node('Conv', ['input', 'w1'], 'first'),
      node('Add', ['first', 'second'], 'sum'),
    ];
    expect(layersOf(branches, weights).map(({ tensor }) => tensor)).toEqual(['second', 'first']);
  });
});
