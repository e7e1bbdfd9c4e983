import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { create, toBinary } from '@bufbuild/protobuf';
import { WireType } from '@bufbuild/protobuf/wire';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect } from 'vitest';
import { floatTensor, makeOutput } from '../../../vision/onnx/build.ts';
import { openNetwork } from '../../../vision/onnx/network.ts';
import {
  ModelProtoSchema,
  type NodeProto,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from '../../../vision/onnx/onnx_pb.ts';
import { makeProto, numbers, pixels } from './make.ts';

const SIDE = 8;
const COUNT = 3;
const images = pixels(COUNT, SIDE, SIDE);

/** Element types. */
export const [INT8, UINT8, INT32] = [3, 2, 6];

/** A constant of whole numbers. */
export function integers(
  name: string,
  dataType: number,
  dims: readonly number[],
  values: readonly number[],
): TensorProto {
  const data = dataType === INT32 ? Int32Array.from(values) : Int8Array.from(values);
  return create(TensorProtoSchema, {
    name,
    dataType,
    dims: dims.map(BigInt),
    rawData: new Uint8Array(data.buffer),
  });
}

/** A weight of reproducible 8-bit integers. */
export const quantisedWeight = (name: string, dims: readonly number[], seed: number): TensorProto =>
  integers(
    name,
    INT8,
    dims,
    numbers(dims, seed).map((value) => Math.round(value * 127)),
  );

const scalar = (name: string, value: number) => floatTensor([], [value], name);
const zero = (name: string, value: number, type = UINT8) => integers(name, type, [], [value]);

/** Scales and zero points. */
export const SCALES = [
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

/** The node, of the domain of onnxruntime's own operators. */
export const microsoft = (made: NodeProto) => Object.assign(made, { domain: 'com.microsoft' });

/** A model that was written. */
export interface Written {
  readonly file: string;
  /** Values of a tensor of the graph, run as it is on the images, one at a time where `alone`. */
  raw(tensor: string, alone?: boolean): Promise<{ data: number[]; dims: readonly number[] }>;
}

/** Writes a model of opset 13 whose output is that of its last node, with the operators of `com.microsoft`. */
export function writeModel(
  where: string,
  name: string,
  nodes: readonly NodeProto[],
  weights: readonly TensorProto[],
): Written {
  const output = nodes.at(-1)!.output[0]!;
  const proto = makeProto({ nodes, weights, input: ['N', 3, SIDE, SIDE], output, opset: 13 });
  proto.graph!.output = [makeOutput(output)];
  proto.opsetImport.push(create(OperatorSetIdProtoSchema, { domain: 'com.microsoft', version: 1n }));
  const file = path.join(where, `${name}.onnx`);
  writeFileSync(file, toBinary(ModelProtoSchema, proto));
  return {
    file,
    async raw(tensor, alone = false) {
      const copy = structuredClone(proto);
      copy.graph!.output = [makeOutput(tensor)];
      const session = await InferenceSession.create(toBinary(ModelProtoSchema, copy), {
        graphOptimizationLevel: 'disabled',
        logSeverityLevel: 4,
      });
      const parts = [];
      for (let first = 0; first < COUNT; first += alone ? 1 : COUNT) {
        parts.push((await session.run({ input: planes(first, alone ? 1 : COUNT) }))[tensor]!);
      }
      await session.release();
      const data = parts.flatMap((part) => Array.from(part.data as Float32Array));
      return { data, dims: [COUNT, ...parts[0]!.dims.slice(1)] };
    },
  };
}

/** Images as the models take them: [count, 3, SIDE, SIDE], 0 to 1. */
function planes(first: number, count: number): Tensor {
  const area = SIDE * SIDE;
  const data = Float32Array.from({ length: count * 3 * area }, (_, i) => {
    const image = first + Math.floor(i / (3 * area));
    const channel = Math.floor(i / area) % 3;
    return images[(image * area + (i % area)) * 3 + channel]! / 255;
  });
  return new Tensor('float32', data, [count, 3, SIDE, SIDE]);
}

/** Means over what lies behind axis 1 of (q − zero point) · scale. */
export function means(
  { data, dims }: { data: readonly number[]; dims: readonly number[] },
  scale = 1,
  zeroPoint = 0,
): number[] {
  const each = dims.slice(2).reduce((a, b) => a * b, 1);
  return Array.from({ length: data.length / each }, (_, i) => {
    const part = data.slice(i * each, (i + 1) * each);
    return (part.reduce((a, b) => a + b - zeroPoint, 0) * scale) / each;
  });
}

/** Pooled activations of all images, by layer, and the output that is kept. */
export async function activationsOf(file: string, layers: readonly string[] = ['all'], kept = 'none') {
  const network = await openNetwork(file, { layers, tokens: 'mean', output: kept, preprocess: {} });
  const output: number[] = [];
  const found = new Map<string, number[]>(network.layers.map(({ name }) => [name, []]));
  const size = SIDE * SIDE * 3;
  const most = network.batch ?? COUNT;
  for (let first = 0; first < COUNT; first += most) {
    const count = Math.min(most, COUNT - first);
    const results = await network.run(images.subarray(first * size, (first + count) * size), count);
    output.push(...(results.output ?? []));
    network.layers.forEach(({ name }, i) => {
      found.get(name)!.push(...results.activations[i]!);
    });
  }
  await network.close();
  return { found, output, layers: network.layers, bound: network.batch };
}

/** Within 1e-5 of the largest. */
export function expectClose(actual: readonly number[] | undefined, expected: readonly number[]): void {
  expect(actual).toHaveLength(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  expect(largest).toBeGreaterThan(0);
  const off = Math.max(...expected.map((value, i) => Math.abs(value - actual![i]!)));
  expect(off / largest).toBeLessThan(1e-5);
}
