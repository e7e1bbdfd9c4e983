import { create } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { floatTensor } from '../../../vision/onnx/build.ts';
import { inspectModel } from '../../../vision/onnx/inspect.ts';
import { TensorProtoSchema } from '../../../vision/onnx/onnx_pb.ts';
import {
  activationsOf,
  expectClose,
  INT8,
  INT32,
  integers,
  means,
  microsoft,
  quantisedWeight,
  UINT8,
  writeModel,
} from './integers.ts';
import { folder, node, weight } from './make.ts';

const where = folder();
const scalar = (name: string, value: number) => floatTensor([], [value], name);
const zero = (name: string, value: number, type = UINT8) => integers(name, type, [], [value]);

const SCALES = [
  scalar('in_scale', 1 / 255),
  zero('in_zero', 0),
  scalar('w_scale', 0.01),
  floatTensor([6], [0.01, 0.02, 0.005, 0.01, 0.015, 0.01], 'each_scale'),
  integers('each_zero', INT8, [6], [0, 0, 0, 0, 0, 0]),
  zero('w_zero', 0, INT8),
  scalar('a_scale', 0.04),
  zero('a_zero', 128),
  scalar('b_scale', 0.06),
  // In int32_data, where Python's onnx.helper puts it: a list of one byte.
  Object.assign(create(TensorProtoSchema, { name: 'b_zero', dataType: UINT8 }), {
    $unknown: [{ no: 5, wireType: WireType.LengthDelimited, data: Uint8Array.of(1, 0) }],
  }),
];

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
      node('DequantizeLinear', ['head', 'a_scale', 'a_zero'], 'logits'),
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
