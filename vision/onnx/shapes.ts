import { type Axis, encode, makeValue, shallow, withGraph } from './build.ts';
import { elements } from './graph.ts';
import { INT32, INT64, type Model } from './model.ts';
import type { GraphProto, TensorProto } from './onnx_pb.ts';
import { pruned } from './prune.ts';
import { createSession } from './session.ts';

/** Type and shape of a tensor, as the runtime infers them without running. */
export interface TensorInfo {
  /** `float32`, `float16`, `int64` …, or `no tensor`. */
  readonly type: string;
  /** A number where the length is fixed, a name or null where it is free. No axes where not even the rank is known. */
  readonly shape: readonly Axis[];
}

/**
 * Types and shapes of tensors of a graph. The runtime infers them when it loads a model; it needn't have the weights for
 * that, only their shapes, so large models are quick to ask. Throws a UserError when the runtime refuses the model.
 */
export async function inferShapes(
  model: Model,
  graph: GraphProto,
  tensors: readonly string[],
): Promise<Map<string, TensorInfo>> {
  const needed = pruned(graph, tensors);
  try {
    return await infosOf(model, withoutWeights(needed));
  } catch {
    // Some operators insist on constants. What is wrong with the model itself is told by this second try.
    return infosOf(model, needed);
  }
}

async function infosOf(model: Model, graph: GraphProto): Promise<Map<string, TensorInfo>> {
  const session = await createSession(encode(withGraph(model.proto, graph)), {
    file: model.file,
    optimise: false,
  });
  try {
    return new Map(
      session.outputMetadata.map((value): [string, TensorInfo] => {
        if (!value.isTensor) return [value.name, { type: 'no tensor', shape: [] }];
        const shape = value.shape.map((axis): Axis => (axis === '' || axis === -1 ? null : axis));
        return [value.name, { type: value.type, shape }];
      }),
    );
  } finally {
    await session.release();
  }
}

/** Weights of more values than this become inputs of the same shape; smaller constants may decide about shapes. */
const SMALL = 64;

function withoutWeights(graph: GraphProto): GraphProto {
  const declared = new Set(graph.input.map(({ name }) => name));
  const isLarge = (tensor: TensorProto) =>
    elements(tensor) > SMALL && tensor.dataType !== INT64 && tensor.dataType !== INT32;
  const inputs = graph.initializer
    .filter((tensor) => isLarge(tensor) && !declared.has(tensor.name))
    .map(({ name, dataType, dims }) => makeValue(name, dataType, dims.map(Number)));
  const copy = shallow(graph);
  copy.initializer = graph.initializer.filter((tensor) => !isLarge(tensor));
  copy.input = [...graph.input, ...inputs];
  return copy;
}
