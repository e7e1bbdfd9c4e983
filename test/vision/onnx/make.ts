import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { clone, create, toBinary } from '@bufbuild/protobuf';
import { afterAll } from 'vitest';
import { type Axis, floatTensor, makeNode, makeValue } from '../../../vision/onnx/build.ts';
import {
  AttributeProtoSchema,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  OperatorSetIdProtoSchema,
  type TensorProto,
  TensorProtoSchema,
} from '../../../vision/onnx/onnx_pb.ts';

/** A small model made by hand. */
export interface Made {
  readonly nodes: readonly NodeProto[];
  readonly weights?: readonly TensorProto[];
  readonly input: readonly Axis[];
  readonly elemType?: number;
  readonly output: string;
  readonly outputShape?: readonly Axis[];
  readonly opset?: number;
  readonly ir?: number;
}

/** The model as protobuf; before IR version 4 weights are inputs too, as the format then asked for. */
export function makeProto(made: Made): ModelProto {
  const { nodes, weights = [], input, elemType = 1, output, outputShape, opset = 17 } = made;
  const ir = made.ir ?? (opset < 9 ? 3 : opset < 19 ? 8 : 10);
  const values = weights.map(({ name, dims, dataType }) => makeValue(name, dataType, dims.map(Number)));
  const graph = create(GraphProtoSchema, {
    name: 'test',
    node: [...nodes],
    initializer: weights.map((tensor) => clone(TensorProtoSchema, tensor)),
    input: [makeValue('input', elemType, input), ...(ir < 4 ? values : [])],
    output: [makeValue(output, elemType, outputShape ?? ['N', 'D'])],
  });
  return create(ModelProtoSchema, {
    irVersion: BigInt(ir),
    producerName: 'test',
    graph,
    opsetImport: [create(OperatorSetIdProtoSchema, { domain: '', version: BigInt(opset) })],
  });
}

export const bytesOf = (made: Made): Uint8Array => toBinary(ModelProtoSchema, makeProto(made));

/** A node with attributes of whole numbers; `floats` adds float ones. */
export function node(
  opType: string,
  input: readonly string[],
  output: string,
  attributes: Parameters<typeof makeNode>[3] = {},
  floats: Readonly<Record<string, number>> = {},
): NodeProto {
  const made = makeNode(opType, input, [output], attributes);
  made.name = `node_${output}`;
  for (const [name, f] of Object.entries(floats)) {
    made.attribute.push(create(AttributeProtoSchema, { name, type: 1, f }));
  }
  return made;
}

/** A weight of reproducible values between -1 and 1. */
export function weight(name: string, dims: readonly number[], seed = 1): TensorProto {
  return floatTensor(dims, numbers(dims, seed), name);
}

export function numbers(dims: readonly number[], seed: number): number[] {
  const length = dims.reduce((a, b) => a * b, 1);
  return Array.from({ length }, (_, i) => Math.fround(Math.sin(seed * 12.9898 + i * 78.233)));
}

/** A folder for a test file, removed at its end. */
export function folder(): string {
  const created = mkdtempSync(path.join(tmpdir(), 'mis-onnx-'));
  afterAll(() => rmSync(created, { recursive: true, force: true }));
  return created;
}

/** Writes a model and returns its path. */
export function write(where: string, name: string, made: Made): string {
  const file = path.join(where, name);
  writeFileSync(file, bytesOf(made));
  return file;
}

/** `count` images of reproducible bytes, flat [count, height, width, 3]. */
export function pixels(count: number, height: number, width: number, seed = 3): Uint8Array {
  return Uint8Array.from(numbers([count, height, width, 3], seed), (value) =>
    Math.round((value + 1) * 127.5),
  );
}
