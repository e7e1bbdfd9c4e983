import { EXTERNAL, INT64 } from './model.ts';
import type { AttributeProto, GraphProto, NodeProto, TensorProto } from './onnx_pb.ts';

/** A graph with its connections looked up. Subgraphs (branches, loops) count as readers, not as producers. */
export interface Wiring {
  readonly graph: GraphProto;
  /** Nodes in execution order: topological, by position in the file where that leaves a choice. */
  readonly order: readonly NodeProto[];
  /** Node that puts a tensor out. */
  producer(tensor: string): NodeProto | undefined;
  /** Nodes that read a tensor's values; not a CastLike that takes its type. */
  readers(tensor: string): readonly NodeProto[];
  /** The only reader of a tensor that is no graph output; undefined when there are several or it is an output. */
  onlyReader(tensor: string): NodeProto | undefined;
  /** Constant value of a tensor that is an initializer or a Constant node's output. */
  constant(tensor: string): TensorProto | undefined;
  /**
   * The weight behind a tensor: as `constant`, but also through operators that only change its form (Identity, Cast, CastLike,
   * Transpose, Reshape, Squeeze, Unsqueeze, QuantizeLinear, DequantizeLinear).
   */
  weight(tensor: string): TensorProto | undefined;
  /**
   * Names of the tensors from a tensor to the weight behind it, the tensor's own first; none where there is no weight.
   * Exporters that store equal weights once put an Identity of the other weight's name before the one that is stored.
   */
  weightNames(tensor: string): readonly string[];
}

const FORM_ONLY = new Set([
  'Identity',
  'Cast',
  'CastLike',
  'Transpose',
  'Reshape',
  'Squeeze',
  'Unsqueeze',
  'QuantizeLinear',
  'DequantizeLinear',
]);

/** Looks up the connections of a graph. */
export function wire(graph: GraphProto): Wiring {
  const producers = new Map<string, NodeProto>();
  const readers = new Map<string, NodeProto[]>();
  const initializers = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const outputs = new Set(graph.output.map(({ name }) => name));
  for (const node of graph.node) {
    for (const name of node.output) if (name) producers.set(name, node);
    for (const name of new Set(valuesReadBy(node))) {
      const list = readers.get(name);
      if (list) list.push(node);
      else readers.set(name, [node]);
    }
  }
  const constant = (name: string): TensorProto | undefined => {
    const initializer = initializers.get(name);
    if (initializer) return initializer;
    const node = producers.get(name);
    return node?.opType === 'Constant' ? node.attribute.find((a) => a.name === 'value')?.t : undefined;
  };
  const weight = (name: string): TensorProto | undefined => {
    const value = constant(name);
    if (value) return value;
    const node = producers.get(name);
    return node && FORM_ONLY.has(node.opType) ? weight(node.input[0] ?? '') : undefined;
  };
  const weightNames = (name: string): readonly string[] => {
    if (!weight(name)) return [];
    return constant(name) ? [name] : [name, ...weightNames(producers.get(name)!.input[0]!)];
  };
  return {
    graph,
    order: topological(graph.node, producers),
    producer: (name) => producers.get(name),
    readers: (name) => readers.get(name) ?? [],
    onlyReader(name) {
      const list = readers.get(name);
      return list?.length === 1 && !outputs.has(name) ? list[0] : undefined;
    },
    constant,
    weight,
    weightNames,
  };
}

/** Operators that leave numbers what they are, but for type and rounding. */
const SAME_NUMBERS = new Set(['Identity', 'Cast', 'CastLike', 'QuantizeLinear', 'DequantizeLinear']);

/** The tensor that another stems from by changes of type and quantisation alone; itself where it doesn't. */
export function origin(wiring: Wiring, tensor: string): string {
  const node = wiring.producer(tensor);
  return node && SAME_NUMBERS.has(node.opType) ? origin(wiring, node.input[0] ?? '') : tensor;
}

/**
 * The only node that computes with a tensor, seen through changes of type and quantisation, and the name under which it
 * reads it. Undefined where there are several, or the tensor or what it was changed to is an output of the graph.
 */
export function onlyUser(wiring: Wiring, tensor: string): { node: NodeProto; input: string } | undefined {
  const node = wiring.onlyReader(tensor);
  if (!node) return undefined;
  const changes = SAME_NUMBERS.has(node.opType) && node.input[0] === tensor;
  return changes ? onlyUser(wiring, node.output[0]!) : { node, input: tensor };
}

/** As `readsOf`, without what is only asked for its type. */
const valuesReadBy = (node: NodeProto): string[] =>
  node.opType === 'CastLike' ? node.input.slice(0, 1) : readsOf(node);

/** Every tensor of the outer graph that a node reads: its inputs, and what its subgraphs refer to. */
export function readsOf(node: NodeProto): string[] {
  const names = node.input.filter((name) => name !== '');
  for (const attribute of node.attribute) {
    for (const inner of attribute.g ? [attribute.g, ...attribute.graphs] : attribute.graphs) {
      const own = new Set([...inner.input, ...inner.initializer].map(({ name }) => name));
      for (const child of inner.node) for (const name of child.output) own.add(name);
      const used = [...inner.node.flatMap(readsOf), ...inner.output.map(({ name }) => name)];
      names.push(...used.filter((name) => !own.has(name)));
    }
  }
  return names;
}

/** Depth first from the first node of the file on, so that a file in execution order keeps its order. */
function topological(nodes: readonly NodeProto[], producers: ReadonlyMap<string, NodeProto>): NodeProto[] {
  const done = new Set<NodeProto>();
  const order: NodeProto[] = [];
  for (const first of nodes) {
    const stack = [first];
    const open = new Set<NodeProto>();
    while (stack.length > 0) {
      const node = stack.at(-1)!;
      const before = done.has(node) || open.has(node) ? [] : readsOf(node);
      const missing = before
        .map((name) => producers.get(name))
        .filter((n) => n && !done.has(n) && !open.has(n));
      open.add(node);
      if (missing.length > 0) {
        stack.push(...(missing.reverse() as NodeProto[]));
        continue;
      }
      stack.pop();
      if (!done.has(node)) {
        done.add(node);
        order.push(node);
      }
    }
  }
  return order;
}

/** An attribute of a node. */
export function attribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((candidate) => candidate.name === name);
}

/** Whole-number attribute, or the default. */
export function intAttribute(node: NodeProto, name: string, otherwise: number): number {
  const found = attribute(node, name);
  return found ? Number(found.i) : otherwise;
}

/** Values of a constant int64 tensor; undefined when its data lies outside or has another type. */
export function int64Values(tensor: TensorProto | undefined): number[] | undefined {
  if (tensor?.dataType !== INT64 || tensor.dataLocation === EXTERNAL) return undefined;
  if (tensor.int64Data.length > 0) return tensor.int64Data.map(Number);
  const { rawData } = tensor;
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  return Array.from({ length: rawData.byteLength / 8 }, (_, i) => Number(view.getBigInt64(i * 8, true)));
}

/** Axes of a reduction: an attribute up to some opset, an input from then on. */
export function axesOf(wiring: Wiring, node: NodeProto): number[] | undefined {
  const found = attribute(node, 'axes');
  if (found) return found.ints.map(Number);
  return int64Values(wiring.constant(node.input[1] ?? ''));
}

/** Number of elements of a tensor by its dimensions. */
export function elements(tensor: TensorProto): number {
  return tensor.dims.reduce((product, dim) => product * Number(dim), 1);
}
