import { describe, expect, it } from 'vitest';
import { wire } from '../../../vision/onnx/graph.ts';
import { findLayers } from '../../../vision/onnx/layers.ts';
import { selectLayers } from '../../../vision/onnx/select.ts';
import { makeProto, node, weight } from './make.ts';

const nodes = [
  node('Conv', ['input', 'stem.conv.weight'], 'a'),
  node('BatchNormalization', ['a', 'stem.norm.weight', 'stem.norm.bias', 'm', 'v'], 'b'),
  node('Relu', ['b'], 'c'),
  node('Conv', ['c', 'body.0.conv.weight'], 'd'),
  node('Add', ['d', 'c'], 'e'),
  node('Transpose', ['e'], 'f', { perm: [0, 2, 3, 1] }),
  node('MatMul', ['f', 'body.0.fc.weight'], 'g'),
  node('Softmax', ['g'], 'h'),
];
const weights = [
  weight('stem.conv.weight', [4, 3, 1, 1]),
  ...['stem.norm.weight', 'stem.norm.bias', 'm', 'v'].map((name) => weight(name, [4])),
  weight('body.0.conv.weight', [4, 4, 1, 1]),
  weight('body.0.fc.weight', [4, 5]),
];
const wiring = wire(makeProto({ nodes, weights, input: ['N', 3, 8, 8], output: 'h' }).graph!);
const layers = findLayers(wiring);
const select = (...selectors: string[]) => selectLayers(wiring, layers, selectors, 'model.onnx');
const names = (...selectors: string[]) => select(...selectors).map(({ name }) => name);

describe('selectors', () => {
  it('choose by type, name and glob; each layer once, in execution order', () => {
    const all = ['stem.conv', 'stem.norm', 'body.0.conv', 'body.0.fc'];
    expect(names('all')).toEqual(all);
    expect(names('linear', 'conv')).toEqual(['stem.conv', 'body.0.conv', 'body.0.fc']);
    expect(names('body.0.fc', 'all', 'stem.conv')).toEqual(all);
    expect(names('body.*')).toEqual(['body.0.conv', 'body.0.fc']);
    expect(names('*.conv')).toEqual(['stem.conv', 'body.0.conv']);
    expect(names('stem.{conv,norm}')).toEqual(['stem.conv', 'stem.norm']);
    expect(names('batch-norm')).toEqual(['stem.norm']);
  });

  it('choose tensors, with the channel axis of the layers that they come from', () => {
    expect(select('tensor:c')).toMatchObject([{ name: 'c', type: 'tensor', op: 'Relu', channelAxis: 1 }]);
    expect(select('tensor:e')).toMatchObject([{ channelAxis: 1 }]);
    expect(select('tensor:f')).toMatchObject([{ channelAxis: -1 }]);
    expect(select('tensor:h@2')).toMatchObject([{ channelAxis: 2 }]);
    expect(select('tensor:h@-1')).toMatchObject([{ channelAxis: -1 }]);
  });

  it("give a layer's own name when its tensor is named", () => {
    expect(select('tensor:a', 'conv')).toMatchObject([{ name: 'stem.conv' }, { name: 'body.0.conv' }]);
  });

  it('that match nothing are told with the nearest names and what there is', () => {
    expect(() => select('stem.cnov')).toThrow(
      /No layer of the model model\.onnx matches "stem\.cnov"\. Nearest: "stem\.conv".*conv \(2\), linear \(1\), batch-norm \(1\): stem\.conv, stem\.norm/,
    );
    expect(() => select('group-norm')).toThrow(/matches "group-norm"/);
    expect(() => select('tensor:cc')).toThrow(/no tensor "cc"\. Do you mean "c"/);
    expect(() => select('tensor:h')).toThrow(/tensor:h@1/);
    const none = wire(
      makeProto({ nodes: [node('Relu', ['input'], 'r')], input: ['N', 3, 8, 8], output: 'r' }).graph!,
    );
    expect(() => selectLayers(none, [], ['all'], 'm.onnx')).toThrow(/no layers with units.*tensor:NAME@AXIS/);
  });
});
