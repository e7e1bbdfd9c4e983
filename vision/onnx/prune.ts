import { makeOutput, shallow } from './build.ts';
import { readsOf, wire } from './graph.ts';
import type { GraphProto, NodeProto } from './onnx_pb.ts';

/**
 * The graph with these outputs (by name alone: the runtime infers their types), without the nodes and weights that they
 * don't need. Inputs that are no weights stay, needed or not.
 */
export function pruned(graph: GraphProto, outputs: readonly string[]): GraphProto {
  const wiring = wire(graph);
  const kept = new Set<NodeProto>();
  const used = new Set<string>(outputs);
  const stack = [...outputs];
  while (stack.length > 0) {
    const node = wiring.producer(stack.pop()!);
    if (!node || kept.has(node)) continue;
    kept.add(node);
    for (const name of readsOf(node)) {
      used.add(name);
      stack.push(name);
    }
  }
  const copy = shallow(graph);
  copy.node = graph.node.filter((node) => kept.has(node));
  copy.initializer = graph.initializer.filter(({ name }) => used.has(name));
  const weights = new Set(graph.initializer.map(({ name }) => name));
  copy.input = graph.input.filter(({ name }) => used.has(name) || !weights.has(name));
  copy.output = [...new Set(outputs)].map(makeOutput);
  return copy;
}
