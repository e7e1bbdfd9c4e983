import { describe, expect, it } from 'vitest';
import { wire } from '../../../vision/onnx/graph.ts';
import { findLayers, type Layer } from '../../../vision/onnx/layers.ts';
import type { NodeProto, TensorProto } from '../../../vision/onnx/onnx_pb.ts';
import { makeProto, node, weight } from './make.ts';

function layersOf(nodes: readonly NodeProto[], weights: readonly TensorProto[]): Layer[] {
  const output = nodes.at(-1)!.output[0]!;
  return findLayers(wire(makeProto({ nodes, weights, input: ['N', 3, 8, 8], output }).graph!));
}

describe('an activation function after a layer', () => {
  const forms: Record<string, NodeProto[]> = {
    'GELU, written out': [
      node('Div', ['y', 'c'], 'd'),
      node('Erf', ['d'], 'e'),
      node('Add', ['e', 'c'], 'f'),
      node('Mul', ['y', 'f'], 'g'),
      node('Mul', ['g', 'c'], 'z'),
    ],
    'GELU by tanh, written out': [
      node('Pow', ['y', 'c'], 'd'),
      node('Mul', ['d', 'c'], 'e'),
      node('Add', ['y', 'e'], 'f'),
      node('Mul', ['f', 'c'], 'g'),
      node('Tanh', ['g'], 'h'),
      node('Add', ['h', 'c'], 'i'),
      node('Mul', ['y', 'i'], 'z'),
    ],
    'SiLU, written out': [node('Sigmoid', ['y'], 's'), node('Mul', ['y', 's'], 'z')],
    'hard swish, written out': [
      node('Add', ['y', 'c'], 'd'),
      node('Clip', ['d'], 'e'),
      node('Mul', ['y', 'e'], 'f'),
      node('Div', ['f', 'c'], 'z'),
    ],
    'hard sigmoid, written out': [
      node('Add', ['y', 'c'], 'd'),
      node('Clip', ['d'], 'e'),
      node('Div', ['e', 'c'], 'z'),
    ],
    ...Object.fromEntries(
      ['Relu', 'Gelu', 'HardSwish', 'Mish', 'Swish', 'Softplus'].map((op) => [op, [node(op, ['y'], 'z')]]),
    ),
  };
  const weights = [weight('fc.weight', [8, 6]), weight('fc.bias', [6]), weight('conv.weight', [6, 3, 1, 1])];

  it.each(Object.entries(forms))('%s: is no part of it, and no layer', (_, nodes) => {
    for (const dims of [[], [1]]) {
      const all = [...weights, weight('c', dims)];
      const conv = layersOf([node('Conv', ['input', 'conv.weight'], 'y'), ...nodes], all);
      expect(conv).toMatchObject([{ name: 'conv', type: 'conv', op: 'Conv', tensor: 'y', units: 6 }]);
      const product = node('MatMul', ['input', 'fc.weight'], 'y');
      expect(layersOf([product, ...nodes], all)).toMatchObject([{ name: 'fc', op: 'MatMul', tensor: 'y' }]);
      const biased = [node('MatMul', ['input', 'fc.weight'], 'x'), node('Add', ['fc.bias', 'x'], 'y')];
      expect(layersOf([...biased, ...nodes], all)).toMatchObject([
        { name: 'fc', op: 'MatMul+Add', tensor: 'y', units: 6 },
      ]);
    }
  });
});
