import { describe, expect, it } from 'vitest';
import { int64Tensor } from '../../../vision/onnx/build.ts';
import { inspectModel } from '../../../vision/onnx/inspect.ts';
import {
  activationsOf,
  expectClose,
  INT8,
  INT32,
  integers,
  means,
  microsoft,
  quantisedWeight,
  SCALES,
  UINT8,
  writeModel,
} from './integers.ts';
import { folder, node, weight } from './make.ts';

const where = folder();
describe('operators on integers', () => {
  const model = writeModel(
    where,
    'operators',
    [
      node('QuantizeLinear', ['input', 'in_scale', 'in_zero'], 'q'),
      node(
        'QLinearConv',
        [
          'q',
          'in_scale',
          'in_zero',
          'stem.weight_quantized',
          'each_scale',
          'each_zero',
          'a_scale',
          'a_zero',
          'stem.bias_quantized',
        ],
        'stem_quantized',
      ),
      node(
        'QLinearConv',
        [
          'stem_quantized',
          'a_scale',
          'a_zero',
          'next.weight_quantized',
          'w_scale',
          'w_zero',
          'b_scale',
          'b_zero',
        ],
        'next_quantized',
        { strides: [2, 2] },
      ),
      node('DequantizeLinear', ['next_quantized', 'b_scale', 'b_zero'], 'next'),
      node('GlobalAveragePool', ['next'], 'p'),
      node('Flatten', ['p'], 'f'),
      node('QuantizeLinear', ['f', 'b_scale', 'b_zero'], 'f_quantized'),
      node(
        'QLinearMatMul',
        [
          'f_quantized',
          'b_scale',
          'b_zero',
          'fc1.weight_quantized',
          'w_scale',
          'w_zero',
          'a_scale',
          'a_zero',
        ],
        'product',
      ),
      microsoft(
        node(
          'QLinearAdd',
          ['product', 'a_scale', 'a_zero', 'fc1.bias_quantized', 'w_scale', 'a_zero', 'b_scale', 'a_zero'],
          'sum',
        ),
      ),
      microsoft(
        node(
          'QGemm',
          [
            'sum',
            'b_scale',
            'a_zero',
            'fc2.weight_quantized',
            'w_scale',
            'w_zero',
            'fc2.bias_quantized',
            'a_scale',
            'a_zero',
          ],
          'head',
          { transB: 1 },
          { alpha: 1 },
        ),
      ),
    ],
    [
      ...SCALES,
      quantisedWeight('stem.weight_quantized', [6, 3, 3, 3], 1),
      integers('stem.bias_quantized', INT32, [6], [900, -500, 2000, 10, -1500, 300]),
      quantisedWeight('next.weight_quantized', [5, 6, 1, 1], 2),
      quantisedWeight('fc1.weight_quantized', [5, 7], 3),
      integers('fc1.bias_quantized', UINT8, [7], [148, 28, 178, 128, 131, 218, 121]),
      quantisedWeight('fc2.weight_quantized', [4, 7], 4),
      integers('fc2.bias_quantized', INT32, [4], [100, -200, 50, 7]),
    ],
  );

  it('are the layers of the float network, and say where a ReLU was folded in', async () => {
    const { layers } = await inspectModel(model.file);
    expect(layers.map(({ name, type, op, units, note }) => [name, type, op, units, note])).toEqual([
      ['stem', 'conv', 'QLinearConv', 6, undefined],
      ['next', 'conv', 'QLinearConv', 5, 'quantised; values below 0 are cut off'],
      ['fc1', 'linear', 'QLinearMatMul+QLinearAdd', 7, undefined],
      ['fc2', 'linear', 'QGemm', 4, undefined],
    ]);
  });

  it('put out what their integers stand for', async () => {
    const { found } = await activationsOf(model.file);
    expectClose(found.get('stem'), means(await model.raw('stem_quantized'), 0.04, 128));
    expectClose(found.get('next'), means(await model.raw('next_quantized'), 0.06, 0));
    expectClose(found.get('fc1'), means(await model.raw('sum'), 0.06, 128));
    expectClose(found.get('fc2'), means(await model.raw('head'), 0.04, 128));
  });

  it('or any other tensor of integers', async () => {
    const { found } = await activationsOf(model.file, ['tensor:product', 'tensor:q@1']);
    expectClose(found.get('product'), means(await model.raw('product'), 0.04, 128));
    expectClose(found.get('q'), means(await model.raw('q'), 1 / 255, 0));
  });

  it('also where they are the output that is kept', async () => {
    const { output } = await activationsOf(model.file, ['fc2'], 'head');
    expectClose(output, means(await model.raw('head'), 0.04, 128));
  });
});

describe('float operators between QuantizeLinear and DequantizeLinear', () => {
  const pair = (name: string, scale: string, zeroPoint: string) => [
    node('QuantizeLinear', [name, scale, zeroPoint], `${name}_QuantizeLinear_Output`),
    node(
      'DequantizeLinear',
      [`${name}_QuantizeLinear_Output`, scale, zeroPoint],
      `${name}_DequantizeLinear_Output`,
    ),
  ];
  const stored = (name: string, scale: string, zeroPoint: string, axis = 1) =>
    node('DequantizeLinear', [`${name}_quantized`, scale, zeroPoint], `${name}_DequantizeLinear_Output`, {
      axis,
    });
  const model = writeModel(
    where,
    'pairs',
    [
      ...pair('input', 'in_scale', 'in_zero'),
      stored('stem.weight', 'each_scale', 'each_zero', 0),
      node('Conv', ['input_DequantizeLinear_Output', 'stem.weight_DequantizeLinear_Output'], 'stem'),
      node('Relu', ['stem'], 'relu'),
      ...pair('relu', 'b_scale', 'b_zero'),
      node('GlobalAveragePool', ['relu_DequantizeLinear_Output'], 'p'),
      node('Flatten', ['p'], 'f'),
      ...pair('f', 'b_scale', 'b_zero'),
      // As training with simulated quantisation leaves it: float weights, quantised in the graph.
      ...pair('fc.weight', 'w_scale', 'w_zero'),
      node('MatMul', ['f_DequantizeLinear_Output', 'fc.weight_DequantizeLinear_Output'], 'product'),
      ...pair('product', 'a_scale', 'a_zero'),
      stored('fc.bias', 'w_scale', 'w_zero'),
      node('Add', ['product_DequantizeLinear_Output', 'fc.bias_DequantizeLinear_Output'], 'fc'),
      ...pair('fc', 'a_scale', 'a_zero'),
      node('Relu', ['fc_DequantizeLinear_Output'], 'logits'),
    ],
    [
      ...SCALES,
      quantisedWeight('stem.weight_quantized', [6, 3, 3, 3], 5),
      weight('fc.weight', [6, 4], 6),
      integers('fc.bias_quantized', INT8, [4], [20, -100, 50, 3]),
    ],
  );

  it('are layers whose floats are read, before the next pair', async () => {
    const { found, layers } = await activationsOf(model.file);
    expect(layers.map(({ name, type, op, units }) => [name, type, op, units])).toEqual([
      ['stem', 'conv', 'Conv', 6],
      ['fc', 'linear', 'MatMul+Add', 4],
    ]);
    expectClose(found.get('stem'), means(await model.raw('stem')));
    expectClose(found.get('fc'), means(await model.raw('fc')));
  });

  it("don't depend on which other layers are read", async () => {
    const { found } = await activationsOf(model.file);
    for (const name of ['stem', 'fc']) {
      expect((await activationsOf(model.file, [name])).found.get(name)).toEqual(found.get(name));
    }
  });
});

describe('scales that are taken from the values', () => {
  const integer = (opType: string, input: string, name: string, output: string) => [
    node('DynamicQuantizeLinear', [input], `${input}_quantized`),
    node(
      opType,
      [`${input}_quantized`, `${name}.weight_quantized`, `${input}_zero_point`, 'w_zero'],
      `${output}_output_quantized`,
    ),
    node('Cast', [`${output}_output_quantized`], `${output}_cast`, { to: 1 }),
    node('Mul', [`${input}_scale`, 'w_scale'], `${output}_scales`),
    node('Mul', [`${output}_cast`, `${output}_scales`], `${output}_scaled`),
  ];
  const nodes = [
    ...integer('ConvInteger', 'input', 'stem', 'stem'),
    node('Add', ['stem_scaled', 'stem.bias'], 'stem'),
    node('GlobalAveragePool', ['stem'], 'p'),
    node('Flatten', ['p'], 'f'),
    ...integer('MatMulInteger', 'f', 'fc', 'fc'),
    node('Add', ['fc.bias', 'fc_scaled'], 'fc'),
  ];
  for (const made of nodes) {
    if (made.opType !== 'DynamicQuantizeLinear') continue;
    made.output.push(`${made.input[0]}_scale`, `${made.input[0]}_zero_point`);
  }
  const model = writeModel(where, 'dynamic', nodes, [
    ...SCALES,
    quantisedWeight('stem.weight_quantized', [6, 3, 3, 3], 7),
    weight('stem.bias', [1, 6, 1, 1], 8),
    quantisedWeight('fc.weight_quantized', [6, 4], 9),
    weight('fc.bias', [4], 10),
  ]);

  it('are those of one image, whatever images it is run with', async () => {
    const { found, layers, bound } = await activationsOf(model.file);
    expect(layers.map(({ name, type, op, units }) => [name, type, op, units])).toEqual([
      ['stem', 'conv', 'ConvInteger+Cast+Mul+Add', 6],
      ['fc', 'linear', 'MatMulInteger+Cast+Mul+Add', 4],
    ]);
    expect(bound).toBe(1);
    expectClose(found.get('stem'), means(await model.raw('stem', true)));
    expectClose(found.get('fc'), means(await model.raw('fc', true)));
  });
});

describe('weights in blocks of 4 bits', () => {
  const model = writeModel(
    where,
    'blocks',
    [
      node('Reshape', ['input', 'rows'], 'x'),
      microsoft(
        node('MatMulNBits', ['x', 'fc.weight_Q4', 'scales'], 'product', {
          K: 192,
          N: 5,
          bits: 4,
          block_size: 64,
        }),
      ),
      node('Add', ['product', 'fc.bias'], 'y'),
    ],
    [
      int64Tensor([2], [-1, 192], 'rows'),
      integers(
        'fc.weight_Q4',
        UINT8,
        [5, 3, 32],
        Array.from({ length: 480 }, (_, i) => (i * 37) % 256),
      ),
      weight('scales', [15], 11),
      weight('fc.bias', [5], 12),
    ],
  );

  it('are those of a linear layer', async () => {
    const { found, layers } = await activationsOf(model.file);
    expect(layers.map(({ name, type, op, units }) => [name, type, op, units])).toEqual([
      ['fc', 'linear', 'MatMulNBits+Add', 5],
    ]);
    expectClose(found.get('fc'), means(await model.raw('y')));
  });
});
