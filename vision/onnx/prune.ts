import { makeOutput, shallow } from './build.ts';
import { readsOf, type Wiring, wire } from './graph.ts';
import type { GraphProto, NodeProto } from './onnx_pb.ts';

/** What some tensors are computed from, and they themselves; it grows with the tensors that are asked for. */
export class Needed {
  readonly nodes = new Set<NodeProto>();
  readonly tensors = new Set<string>();
  readonly #wiring: Wiring;

  constructor(wiring: Wiring, tensors: readonly string[]) {
    this.#wiring = wiring;
    for (const tensor of tensors) this.add(tensor);
  }

  add(tensor: string): void {
    const stack = [tensor];
    for (let name = stack.pop(); name !== undefined; name = stack.pop()) {
      if (this.tensors.has(name)) continue;
      this.tensors.add(name);
      const node = this.#wiring.producer(name);
      if (!node || this.nodes.has(node)) continue;
      this.nodes.add(node);
      stack.push(...readsOf(node));
    }
  }
}

/**
 * The graph with these outputs (by name alone: the runtime infers their types), without the nodes and weights that they
 * don't need. Inputs that are no weights stay, needed or not.
 */
export function pruned(graph: GraphProto, outputs: readonly string[]): GraphProto {
  const { nodes, tensors } = new Needed(wire(graph), outputs);
  const copy = shallow(graph);
  copy.node = graph.node.filter((node) => nodes.has(node));
  copy.initializer = graph.initializer.filter(({ name }) => tensors.has(name));
  const weights = new Set(graph.initializer.map(({ name }) => name));
  copy.input = graph.input.filter(({ name }) => tensors.has(name) || !weights.has(name));
  copy.output = [...new Set(outputs)].map(makeOutput);
  return copy;
}
