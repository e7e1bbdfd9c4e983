import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { ATTRIBUTE_INT, ATTRIBUTE_INTS, ATTRIBUTE_TENSOR, FLOAT, INT64 } from './model.ts';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProtoSchema,
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
  TensorShapeProtoSchema,
  TypeProto_TensorSchema,
  TypeProtoSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from './onnx_pb.ts';

/** An axis: its length, the name of a free length, or null for an unnamed one. */
export type Axis = number | string | null;

/** Whole-number attributes by name: one number, or a list. */
export type Attributes = Readonly<Record<string, number | readonly number[]>>;

/** A copy of a message that shares its parts, so that parts can be replaced without touching the original. */
export function shallow<T extends object>(message: T): T {
  return Object.assign(Object.create(Object.getPrototypeOf(message)), message) as T;
}

export function makeNode(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Attributes = {},
): NodeProto {
  return create(NodeProtoSchema, {
    opType,
    name: `${output[0]}/${opType}`,
    input: [...input],
    output: [...output],
    attribute: Object.entries(attributes).map(([name, value]) => makeAttribute(name, value)),
  });
}

function makeAttribute(name: string, value: number | readonly number[]): AttributeProto {
  return typeof value === 'number'
    ? create(AttributeProtoSchema, { name, type: ATTRIBUTE_INT, i: BigInt(value) })
    : create(AttributeProtoSchema, { name, type: ATTRIBUTE_INTS, ints: value.map(BigInt) });
}

/** A Constant node (a form that every opset and IR version takes, unlike new initializers). */
export function makeConstant(output: string, value: TensorProto): NodeProto {
  const node = makeNode('Constant', [], [output]);
  node.attribute.push(create(AttributeProtoSchema, { name: 'value', type: ATTRIBUTE_TENSOR, t: value }));
  return node;
}

export function floatTensor(
  dims: readonly number[],
  values: readonly number[] | Float32Array,
  name = '',
): TensorProto {
  const array = Float32Array.from(values);
  return create(TensorProtoSchema, {
    name,
    dataType: FLOAT,
    dims: dims.map(BigInt),
    rawData: new Uint8Array(array.buffer),
  });
}

export function int64Tensor(dims: readonly number[], values: readonly number[], name = ''): TensorProto {
  const array = BigInt64Array.from(values, BigInt);
  return create(TensorProtoSchema, {
    name,
    dataType: INT64,
    dims: dims.map(BigInt),
    rawData: new Uint8Array(array.buffer),
  });
}

/** Declaration of an input or output. */
export function makeValue(name: string, elemType: number, shape: readonly Axis[]): ValueInfoProto {
  const value = create(TypeProto_TensorSchema, {
    elemType,
    shape: create(TensorShapeProtoSchema, { dim: shape.map(makeAxis) }),
  });
  return create(ValueInfoProtoSchema, {
    name,
    type: create(TypeProtoSchema, { value: { case: 'tensorType', value } }),
  });
}

function makeAxis(axis: Axis): TensorShapeProto_Dimension {
  if (axis === null) return create(TensorShapeProto_DimensionSchema, {});
  return create(TensorShapeProto_DimensionSchema, {
    value:
      typeof axis === 'number'
        ? { case: 'dimValue', value: BigInt(axis) }
        : { case: 'dimParam', value: axis },
  });
}

/** An output by name alone; the runtime infers its type and shape. */
export function makeOutput(name: string): ValueInfoProto {
  return create(ValueInfoProtoSchema, { name });
}

/** Declared element type and shape of an input or output; the shape is undefined when even its rank is open. */
export function declared(value: ValueInfoProto): { elemType: number; shape: Axis[] | undefined } {
  const type = value.type?.value;
  if (type?.case !== 'tensorType') return { elemType: 0, shape: undefined };
  const shape = type.value.shape?.dim.map(({ value: dim }): Axis => {
    if (dim.case === 'dimValue') return Number(dim.value);
    return dim.case === 'dimParam' && dim.value !== '' ? dim.value : null;
  });
  return { elemType: type.value.elemType, shape };
}

/** The model with another graph. */
export function withGraph(proto: ModelProto, graph: GraphProto): ModelProto {
  const copy = shallow(proto);
  copy.graph = graph;
  return copy;
}

/**
 * The bytes of a model. Weights are the bulk of it, and each level of nesting would copy them once: so what is left of the
 * model without them is encoded first, and the weights follow in pieces, each as a model of its own with one initializer.
 * Protobuf joins messages that follow each other.
 */
export function encode(proto: ModelProto): Uint8Array {
  const graph = shallow(proto.graph!);
  const weights = graph.initializer;
  graph.initializer = [];
  return Buffer.concat([
    toBinary(ModelProtoSchema, withGraph(proto, graph)),
    ...weights.flatMap(weightPieces),
  ]);
}

const GRAPH_FIELD = 7;
const INITIALIZER_FIELD = 5;
const RAW_DATA_FIELD = 9;

function weightPieces(tensor: TensorProto): Uint8Array[] {
  const { rawData } = tensor;
  const rest: Partial<TensorProto> = shallow(tensor);
  // A tensor whose values lie elsewhere must not get an empty field of raw values.
  const raw = rawData.length > 0 ? prefix(RAW_DATA_FIELD, rawData.length) : new Uint8Array();
  delete rest.rawData;
  const head = Buffer.concat([toBinary(TensorProtoSchema, rest as TensorProto), raw]);
  const initializer = prefix(INITIALIZER_FIELD, head.length + rawData.length);
  const model = prefix(GRAPH_FIELD, initializer.length + head.length + rawData.length);
  return [model, initializer, head, rawData];
}

/** Tag and length of a field that holds bytes or a message. */
function prefix(field: number, length: number): Uint8Array {
  return new BinaryWriter()
    .uint32((field << 3) | 2)
    .uint32(length)
    .finish();
}
