import { UserError } from '../../common/errors.ts';
import { declared, makeNode, makeOutput, makeValue, shallow, withGraph } from './build.ts';
import { readsOf, wire } from './graph.ts';
import { computedInputs } from './input.ts';
import { FLOAT, FLOAT16, type Model } from './model.ts';
import type { NodeProto } from './onnx_pb.ts';
import { isStandard } from './operators.ts';
import type { Inference } from './session.ts';
import { inferShapes } from './shapes.ts';

/**
 * Operators that are computed in float16: products, which it makes fast, and what neither adds up many values nor takes
 * roots, powers or quotients. The others (norms, means, softmax …) are computed in float32.
 */
const HALF = new Set([
  ...[
    'Conv',
    'ConvTranspose',
    'Gemm',
    'MatMul',
    'Add',
    'Sub',
    'Mul',
    'Relu',
    'LeakyRelu',
    'PRelu',
    'Clip',
    'MaxPool',
  ],
  ...[
    'Identity',
    'Dropout',
    'Flatten',
    'Reshape',
    'Transpose',
    'Squeeze',
    'Unsqueeze',
    'Concat',
    'Split',
    'Slice',
  ],
  ...['Gather', 'Expand', 'Pad', 'DepthToSpace', 'SpaceToDepth'],
]);

/** The model in the wanted precision. */
export const inPrecision = async (model: Model, { precision }: Inference = {}): Promise<Model> =>
  precision === 'float16' ? inFloat16(model) : model;

/**
 * The model with every float32 tensor that follows from its images turned into float16, under its own name; weights are
 * converted where they are used, so that what reads the graph finds them as they were. What doesn't follow from the
 * images, such as arithmetic with shapes, stays as it is. A model whose images aren't float32 is given back unchanged.
 * Throws a UserError for models with branches or loops.
 */
export async function inFloat16(model: Model): Promise<Model> {
  const { graph } = model;
  const images = computedInputs(graph).filter((input) => declared(input).elemType === FLOAT);
  if (images.length === 0) return model;
  const branching = graph.node.find(({ attribute }) =>
    attribute.some(({ g, graphs }) => g || graphs.length > 0),
  );
  if (branching) {
    throw new UserError(
      `The model ${model.file} can't be converted to float16: its node "${branching.name || branching.output[0]}" (${branching.opType}) has a graph of its own. Leave \`precision\` at float32, or export the model in float16.`,
    );
  }
  const floats = await floatTensors(model);
  const converter = createConverter(
    images.map(({ name }) => name),
    floats,
  );
  const copy = shallow(graph);
  copy.node = wire(graph).order.flatMap((node) => converter.convert(node));
  copy.input = graph.input.map((value) =>
    images.includes(value) ? makeValue(value.name, FLOAT16, declared(value).shape!) : value,
  );
  copy.output = graph.output.map(({ name }) => makeOutput(name));
  copy.valueInfo = [];
  return { ...model, graph: copy, proto: withGraph(model.proto, copy) };
}

/** Names of all float32 tensors. */
async function floatTensors(model: Model): Promise<ReadonlySet<string>> {
  const { graph } = model;
  const names = graph.node.flatMap(({ output }) => output.filter((name) => name !== ''));
  const infos = await inferShapes(model, graph, names);
  const weights = graph.initializer.filter(({ dataType }) => dataType === FLOAT);
  const inputs = computedInputs(graph).filter((input) => declared(input).elemType === FLOAT);
  return new Set([
    ...names.filter((name) => infos.get(name)?.type === 'float32'),
    ...[...weights, ...inputs].map(({ name }) => name),
  ]);
}

/** Converts nodes, each after those that it reads. */
function createConverter(images: readonly string[], floats: ReadonlySet<string>) {
  /** Tensors that follow from the images: float16 from now on. */
  const halves = new Set(images);
  /** Tensors that were converted for who needs the other type. */
  const converted = new Set<string>();

  /** Name of a tensor in another type, with the node that converts it where that is new. */
  function as(name: string, type: number): { name: string; nodes: NodeProto[] } {
    const other = `${name}/${type === FLOAT ? 'float32' : 'float16'}`;
    const nodes = converted.has(other) ? [] : [makeNode('Cast', [name], [other], { to: type })];
    converted.add(other);
    return { name: other, nodes };
  }

  function convert(node: NodeProto): NodeProto[] {
    if (!readsOf(node).some((name) => halves.has(name))) return [node];
    const inHalf = isStandard(node) && HALF.has(node.opType);
    const before: NodeProto[] = [];
    const copy = shallow(node);
    copy.input = node.input.map((name) => {
      if (!floats.has(name) || halves.has(name) === inHalf) return name;
      const other = as(name, inHalf ? FLOAT16 : FLOAT);
      before.push(...other.nodes);
      return other.name;
    });
    const after: NodeProto[] = [];
    copy.output = node.output.map((name) => {
      if (!floats.has(name)) return name;
      halves.add(name);
      if (inHalf) return name;
      const single = `${name}/float32`;
      converted.add(single);
      after.push(makeNode('Cast', [single], [name], { to: FLOAT16 }));
      return single;
    });
    return [...before, copy, ...after];
  }

  return { convert };
}
