import { type Axis, declared } from './build.ts';
import { wire } from './graph.ts';
import { findLayers } from './layers.ts';
import { readModel } from './model.ts';
import type { ValueInfoProto } from './onnx_pb.ts';
import { inferShapes } from './shapes.ts';

/** What there is to know of a model before running it. Plain JSON. */
export interface Inspection {
  readonly file: string;
  readonly opset: number;
  readonly ir: number;
  readonly producer: string;
  readonly inputs: readonly InspectedValue[];
  readonly outputs: readonly InspectedValue[];
  readonly layers: readonly InspectedLayer[];
}

export interface InspectedValue {
  readonly name: string;
  readonly type: string;
  /** A number where the length is fixed, a name or null where it is free. */
  readonly shape: readonly Axis[];
}

export interface InspectedLayer {
  readonly name: string;
  /** `conv`, `linear`, `batch-norm`, `layer-norm`, `group-norm` or `instance-norm`. */
  readonly type: string;
  readonly op: string;
  readonly tensor: string;
  /** Number of channels; null where neither the weights nor the shapes tell. */
  readonly units: number | null;
  readonly channelAxis: number;
  readonly shape: readonly Axis[];
  /** Index in execution order. */
  readonly depth: number;
  readonly note?: string;
}

/**
 * Describes a model file: inputs, outputs, and the layers with units in execution order. Shapes are inferred by the
 * runtime. Throws a UserError when the file can't be used.
 */
export async function inspectModel(file: string): Promise<Inspection> {
  const model = await readModel(file);
  const { proto, graph, opset } = model;
  const layers = findLayers(wire(graph));
  const outputs = graph.output.map(({ name }) => name);
  const infos = await inferShapes(model, graph, [...outputs, ...layers.map(({ tensor }) => tensor)]);
  const weights = new Set(graph.initializer.map(({ name }) => name));
  return {
    file: model.file,
    opset,
    ir: Number(proto.irVersion),
    producer: [proto.producerName, proto.producerVersion].filter((text) => text !== '').join(' '),
    inputs: graph.input.filter(({ name }) => !weights.has(name)).map(inspectInput),
    outputs: outputs.map((name) => ({ name, ...infos.get(name)! })),
    layers: layers.map(({ name, type, op, tensor, channelAxis, units, note }, depth) => {
      const { shape } = infos.get(tensor)!;
      const axis = channelAxis < 0 ? channelAxis + shape.length : channelAxis;
      const length = shape[axis];
      const width = units ?? (typeof length === 'number' ? length : null);
      const known = { name, type, op, tensor, units: width, channelAxis, shape, depth };
      return note === undefined ? known : { ...known, note };
    }),
  };
}

const ELEMENT_TYPES = [
  '',
  'float32',
  'uint8',
  'int8',
  'uint16',
  'int16',
  'int32',
  'int64',
  'string',
  'bool',
  'float16',
];

function inspectInput(value: ValueInfoProto): InspectedValue {
  const { elemType, shape } = declared(value);
  return { name: value.name, type: ELEMENT_TYPES[elemType] ?? `type ${elemType}`, shape: shape ?? [] };
}
