import { create } from '@bufbuild/protobuf';
import { expect, it } from 'vitest';
import { wire } from '../../../vision/onnx/graph.ts';
import { findLayers } from '../../../vision/onnx/layers.ts';
import {
  type NodeProto,
  StringStringEntryProtoSchema,
  type TensorProto,
} from '../../../vision/onnx/onnx_pb.ts';
import { makeProto, node, weight } from './make.ts';

function namesOf(nodes: readonly NodeProto[], weights: readonly TensorProto[]): string[] {
  const output = nodes.at(-1)!.output[0]!;
  return findLayers(wire(makeProto({ nodes, weights, input: ['N', 4, 8, 8], output }).graph!)).map(
    ({ name }) => name,
  );
}

const called = (made: NodeProto, name: string) => Object.assign(made, { name });

/** As PyTorch's newer exporter marks where a node is from. */
const scoped = (made: NodeProto, ...scopes: string[]) => {
  const value = `[${['', ...scopes, made.opType].map((scope) => `'${scope}'`).join(', ')}]`;
  made.metadataProps.push(create(StringStringEntryProtoSchema, { key: 'pkg.torch.onnx.name_scopes', value }));
  return made;
};
const norm = (input: string, name: string, output: string) =>
  node('BatchNormalization', [input, `${name}.weight`, `${name}.bias`, 'm', 'v'], output);
const vectors = (...names: string[]) => names.map((name) => weight(name, [4]));

it('equal parameters that were stored once, behind an Identity of their own name', () => {
  const nodes = [
    node('Identity', ['bn1.weight'], 'bn2.weight'),
    node('Identity', ['bn1.bias'], 'bn2.bias'),
    norm('input', 'bn1', 'a'),
    norm('a', 'bn2', 'b'),
  ];
  expect(namesOf(nodes, vectors('bn1.weight', 'bn1.bias', 'm', 'v'))).toEqual(['bn1', 'bn2']);
});

it('equal parameters that were stored once, and nodes that say where they are from', () => {
  const weights = vectors('bn1.weight', 'bn1.bias', 'm', 'v');
  const [a, b] = [norm('input', 'bn1', 'a'), norm('a', 'bn1', 'b')];
  expect(
    namesOf(
      [called(a, '/bn1/BatchNormalization'), called(b, '/layer/layer.0/bn2/BatchNormalization')],
      weights,
    ),
  ).toEqual(['bn1', 'layer.0.bn2']);
  const marked = [
    scoped(norm('input', 'bn1', 'a'), 'bn1'),
    scoped(norm('a', 'bn1', 'b'), 'layer', 'layer.0', 'layer.0.bn2'),
  ];
  expect(namesOf(marked, weights)).toEqual(['bn1', 'layer.0.bn2']);
});

it('a module that is applied twice', () => {
  const weights = vectors('bn1.weight', 'bn1.bias', 'm', 'v');
  const nodes = [
    called(norm('input', 'bn1', 'a'), '/bn1/BatchNormalization'),
    called(norm('a', 'bn1', 'b'), '/bn1_1/BatchNormalization'),
  ];
  expect(namesOf(nodes, weights)).toEqual(['bn1', 'bn1#2']);
});

it('folded weights of no name: the module of the node; a matrix that a module holds: its own name', () => {
  const weights = [weight('val_3', [8, 5]), weight('visual.proj', [5, 2])];
  const nodes = [
    scoped(node('MatMul', ['input', 'val_3'], 'a'), 'blocks', 'blocks.0', 'blocks.0.fc'),
    called(node('MatMul', ['a', 'visual.proj'], 'b'), '/visual/MatMul'),
  ];
  expect(namesOf(nodes, weights)).toEqual(['blocks.0.fc', 'visual.proj']);
});
