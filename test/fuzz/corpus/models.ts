import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { create, toBinary } from '@bufbuild/protobuf';
import { floatTensor, int64Tensor, makeConstant, makeNode, makeValue } from '../../../vision/onnx/build.ts';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  OperatorSetIdProtoSchema,
  StringStringEntryProtoSchema,
  type TensorProto,
} from '../../../vision/onnx/onnx_pb.ts';
import type { Item } from './item.ts';

/** Small networks of 8 × 8 images: convolution with norm, tokens with matrix products, a constant shape, outside weights. */
export function modelItems(): Item[] {
  const made: Record<string, Buffer> = {
    'conv.onnx': model(convolution(), [
      weight('w', [4, 3, 3, 3]),
      ...norm(4),
      weight('v', [4, 5]),
      weight('b', [5]),
    ]),
    'tokens.onnx': model(tokens(), [weight('w', [6, 3, 4, 4]), weight('q', [6, 6]), weight('v', [6, 5])]),
    'external.onnx': model(convolution(), [
      outside(weight('w', [4, 3, 3, 3])),
      ...norm(4),
      weight('v', [4, 5]),
      weight('b', [5]),
    ]),
    'demo.onnx': readFileSync(fileURLToPath(new URL('../../../demo/models/vgg.onnx', import.meta.url))),
  };
  return Object.entries(made).map(([name, bytes]) => ({ kind: 'onnx', name, bytes }));
}

/** What `external.onnx` keeps beside it in `weights.bin`. */
export const OUTSIDE = Buffer.alloc(4 * 3 * 3 * 3 * 4, 0x3d);

function convolution(): NodeProto[] {
  return [
    makeNode('Conv', ['input', 'w'], ['c'], { kernel_shape: [3, 3], pads: [1, 1, 1, 1] }),
    makeNode('BatchNormalization', ['c', 'scale', 'shift', 'mean', 'var'], ['n']),
    makeNode('Relu', ['n'], ['r']),
    makeNode('GlobalAveragePool', ['r'], ['g']),
    makeNode('Flatten', ['g'], ['f'], { axis: 1 }),
    makeNode('Gemm', ['f', 'v', 'b'], ['output']),
  ];
}

function tokens(): NodeProto[] {
  return [
    makeNode('Conv', ['input', 'w'], ['c'], { kernel_shape: [4, 4], strides: [4, 4] }),
    makeConstant('shape', int64Tensor([3], [0, 6, -1])),
    makeNode('Reshape', ['c', 'shape'], ['s']),
    makeNode('Transpose', ['s'], ['t'], { perm: [0, 2, 1] }),
    makeNode('MatMul', ['t', 'q'], ['m']),
    makeNode('ReduceMean', ['m'], ['a'], { axes: [1], keepdims: 0 }),
    makeNode('MatMul', ['a', 'v'], ['output']),
  ];
}

function model(nodes: NodeProto[], weights: TensorProto[]): Buffer {
  const graph = create(GraphProtoSchema, {
    name: 'fuzz',
    node: nodes,
    initializer: weights,
    input: [makeValue('input', 1, ['N', 3, 8, 8])],
    output: [makeValue('output', 1, ['N', 5])],
  });
  const opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })];
  return Buffer.from(
    toBinary(
      ModelProtoSchema,
      create(ModelProtoSchema, { irVersion: 8n, producerName: 'fuzz', graph, opsetImport }),
    ),
  );
}

function weight(name: string, dims: readonly number[]): TensorProto {
  const length = dims.reduce((a, b) => a * b, 1);
  return floatTensor(
    dims,
    Array.from({ length }, (_, i) => Math.sin(i * 12.9898) / 2),
    name,
  );
}

function norm(units: number): TensorProto[] {
  const values = (value: number) => new Array<number>(units).fill(value);
  return [
    floatTensor([units], values(1), 'scale'),
    floatTensor([units], values(0), 'shift'),
    floatTensor([units], values(0), 'mean'),
    floatTensor([units], values(1), 'var'),
  ];
}

/** The same tensor with its values in the file `weights.bin`. */
function outside(tensor: TensorProto): TensorProto {
  const entry = (key: string, value: string) => create(StringStringEntryProtoSchema, { key, value });
  tensor.rawData = new Uint8Array();
  tensor.dataLocation = 1;
  tensor.externalData = [
    entry('location', 'weights.bin'),
    entry('offset', '0'),
    entry('length', `${OUTSIDE.length}`),
  ];
  return tensor;
}
