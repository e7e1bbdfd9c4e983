import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { equals, fromBinary, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { describe, expect, it } from 'vitest';
import { encode } from '../../../vision/onnx/build.ts';
import { openNetwork } from '../../../vision/onnx/network.ts';
import { type ModelProto, ModelProtoSchema } from '../../../vision/onnx/onnx_pb.ts';
import { folder, makeProto, node, weight } from './make.ts';

const where = folder();
const proto = (): ModelProto =>
  makeProto({
    nodes: [
      node('Conv', ['input', 'conv.weight', 'conv.bias'], 'a', { strides: [2, 2] }),
      node('GlobalAveragePool', ['a'], 'g'),
      node('Flatten', ['g'], 'out'),
    ],
    weights: [weight('conv.weight', [40, 3, 3, 3]), weight('conv.bias', [40])],
    input: ['N', 3, 8, 8],
    output: 'out',
  });

/** Values as a list of floats (`float_data`, a field that the program itself doesn't know), as older exporters write. */
function asFloatList(model: ModelProto): ModelProto {
  for (const tensor of model.graph!.initializer) {
    const { buffer, byteOffset, byteLength } = tensor.rawData;
    const writer = new BinaryWriter();
    writer.bytes(new Uint8Array(buffer, byteOffset, byteLength));
    tensor.$unknown = [{ no: 4, wireType: WireType.LengthDelimited, data: writer.finish() }];
    delete (tensor as Partial<typeof tensor>).rawData;
  }
  return model;
}

describe('encode', () => {
  it('gives bytes that mean the same model', () => {
    for (const model of [proto(), asFloatList(proto())]) {
      const bytes = toBinary(ModelProtoSchema, model);
      const back = fromBinary(ModelProtoSchema, encode(fromBinary(ModelProtoSchema, bytes)));
      expect(equals(ModelProtoSchema, back, model)).toBe(true);
      const unknown = (of: ModelProto) =>
        of.graph!.initializer.map(({ $unknown }) => ($unknown ?? []).map(({ data }) => [...data]));
      expect(unknown(back)).toEqual(unknown(model));
    }
  });

  it('keeps weights that are lists of floats: the same activations', async () => {
    const pixels = Uint8Array.from({ length: 2 * 8 * 8 * 3 }, (_, i) => (i * 7) % 256);
    const results = [];
    for (const [name, model] of [
      ['raw.onnx', proto()],
      ['list.onnx', asFloatList(proto())],
    ] as const) {
      const file = path.join(where, name);
      writeFileSync(file, toBinary(ModelProtoSchema, model));
      const network = await openNetwork(file, {
        layers: ['all'],
        tokens: 'mean',
        output: 'auto',
        preprocess: {},
      });
      results.push(await network.run(pixels, 2));
      await network.close();
    }
    expect(results[1]).toEqual(results[0]);
    expect(results[0]!.activations[0]!.some((value) => value !== 0)).toBe(true);
  });
});
