import { elements, intAttribute, type Wiring } from './graph.ts';
import { isGenerated, moduleName, unique } from './names.ts';
import { decomposedGroupNorm, decomposedLayerNorm, type Norm } from './norms.ts';
import type { NodeProto, TensorProto } from './onnx_pb.ts';

/** Kinds of layers, in the words of [MIS]. */
export const LAYER_TYPES = [
  'conv',
  'linear',
  'batch-norm',
  'layer-norm',
  'group-norm',
  'instance-norm',
] as const;
export type LayerType = (typeof LAYER_TYPES)[number];

/** A layer whose output has units. */
export interface Layer {
  /** Unique, stable; the module's name in the network's code where the exporter kept it. */
  readonly name: string;
  readonly type: LayerType;
  /** The operator; the steps joined by `+` where the exporter wrote several ("MatMul+Add"). */
  readonly op: string;
  /** Tensor of the graph that holds the layer's output: what the operator puts out, before any activation function. */
  readonly tensor: string;
  /** Channel axis of that tensor, as the operator defines it; -1 is the last. */
  readonly channelAxis: number;
  /** Number of units, where the weights tell. */
  readonly units?: number;
  readonly note?: string;
}

interface Found extends Omit<Layer, 'name'> {
  /** Constants that belong to the layer, most telling first. */
  readonly weights: readonly (TensorProto | undefined)[];
  /** Node whose name is the layer's. */
  readonly node: NodeProto;
}

/**
 * The layers with units of a graph, in execution order.
 *
 * - `conv`: Conv, ConvTranspose; channels on axis 1.
 * - `linear`: Gemm, or MatMul, with a constant weight; the output is that of the Add of a constant bias where one follows
 *   directly; channels on the last axis.
 * - `batch-norm`: BatchNormalization; axis 1. One that the exporter folded into the convolution before it doesn't exist in
 *   the file: the layer stays a `conv`, with a note where it can be told (see `foldedNote`).
 * - `layer-norm`: LayerNormalization, last axis; or written out (ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div, Mul,
 *   Add), whose channel axis is the one that is averaged over.
 * - `group-norm`: GroupNormalization; or written out around an InstanceNormalization of reshaped input; axis 1.
 * - `instance-norm`: InstanceNormalization; axis 1.
 *
 * Matrix products of two computed tensors (attention) are no layers.
 */
export function findLayers(wiring: Wiring): Layer[] {
  const kept = keepsNames(wiring);
  const found = wiring.order
    .map((node) => layerOf(wiring, node, kept))
    .filter((layer) => layer !== undefined);
  const position = new Map(wiring.order.map((node, index) => [node, index]));
  const at = (layer: Found) => position.get(wiring.producer(layer.tensor)!)!;
  found.sort((a, b) => at(a) - at(b));
  const names = unique(found.map(({ node, weights, tensor }) => moduleName(node, weights, tensor)));
  return found.map(({ node: _, weights: __, ...layer }, index) => ({ name: names[index]!, ...layer }));
}

function layerOf(wiring: Wiring, node: NodeProto, kept: boolean): Found | undefined {
  if (node.domain !== '' && node.domain !== 'ai.onnx') return undefined;
  switch (node.opType) {
    case 'Conv':
    case 'ConvTranspose':
      return convolution(wiring, node, kept);
    case 'Gemm':
      return gemm(wiring, node);
    case 'MatMul':
      return matMul(wiring, node);
    case 'BatchNormalization':
      return norm(wiring, node, 'batch-norm', 1);
    case 'InstanceNormalization':
      return group(wiring, node) ?? norm(wiring, node, 'instance-norm', 1);
    case 'GroupNormalization':
      return norm(wiring, node, 'group-norm', 1);
    case 'LayerNormalization':
      return layerNormalization(wiring, node);
    case 'Div':
    case 'Mul':
      return written(node, decomposedLayerNorm(wiring, node), 'layer-norm');
    default:
      return undefined;
  }
}

function convolution(wiring: Wiring, node: NodeProto, kept: boolean): Found {
  const weight = wiring.weight(node.input[1] ?? '');
  const bias = wiring.weight(node.input[2] ?? '');
  const group = intAttribute(node, 'group', 1);
  const units =
    node.opType === 'Conv' ? Number(weight?.dims[0]) : Number(weight?.dims[1] ?? Number.NaN) * group;
  const note = foldedNote(node, weight, bias, kept);
  return {
    type: 'conv',
    op: node.opType,
    tensor: node.output[0]!,
    channelAxis: 1,
    ...(Number.isInteger(units) ? { units } : {}),
    ...(note === undefined ? {} : { note }),
    weights: [weight, bias],
    node,
  };
}

/**
 * A note where an exporter folded a batch norm into a convolution. Two exporters can be told:
 * - PyTorch's TorchScript one folds unless told not to, and then numbers both weight and bias (`onnx::Conv_193`), while
 *   every other parameter keeps the name that it has in the network. So where a file keeps names (`kept`), a convolution
 *   with two numbered constants had a batch norm after it: one that was merely re-parametrised keeps its bias' name.
 * - PyTorch's newer one (onnxscript) keeps the weight's name and calls the bias of a convolution that had none after its
 *   input (`relu_3` → `relu_3_bias`). Where the convolution had a bias before, nothing shows.
 * Nothing is said of other exporters' files.
 */
function foldedNote(
  node: NodeProto,
  weight: TensorProto | undefined,
  bias: TensorProto | undefined,
  kept: boolean,
): string | undefined {
  if (!weight || !bias) return undefined;
  const numbered = kept && isGenerated(weight.name) && isGenerated(bias.name);
  return numbered || bias.name === `${node.input[0]}_bias` ? 'batch norm folded in' : undefined;
}

/** True when parameters of the file have the names that PyTorch gave them. */
function keepsNames(wiring: Wiring): boolean {
  return wiring.graph.initializer.some(({ name }) => /\.(weight|bias)$/.test(name));
}

function gemm(wiring: Wiring, node: NodeProto): Found | undefined {
  const weight = wiring.weight(node.input[1] ?? '');
  if (!weight) return undefined;
  const direct = wiring.constant(node.input[1]!) === weight;
  const units = direct ? Number(weight.dims[intAttribute(node, 'transB', 0) ? 0 : 1]) : Number.NaN;
  return {
    type: 'linear',
    op: 'Gemm',
    tensor: node.output[0]!,
    channelAxis: -1,
    ...(Number.isInteger(units) ? { units } : {}),
    weights: [weight, wiring.weight(node.input[2] ?? '')],
    node,
  };
}

function matMul(wiring: Wiring, node: NodeProto): Found | undefined {
  const weight = wiring.weight(node.input[1] ?? '');
  if (weight?.dims.length !== 2) return undefined;
  const direct = wiring.constant(node.input[1]!) === weight;
  const units = direct ? Number(weight.dims[1]) : undefined;
  const added = biasAdd(wiring, node, weight);
  return {
    type: 'linear',
    op: added ? 'MatMul+Add' : 'MatMul',
    tensor: (added?.node ?? node).output[0]!,
    channelAxis: -1,
    ...(units === undefined ? {} : { units }),
    weights: [weight, added?.bias],
    node,
  };
}

/** The Add of a constant vector, one value a unit, that is the only reader of a matrix product. */
function biasAdd(wiring: Wiring, node: NodeProto, weight: TensorProto) {
  const reader = wiring.onlyReader(node.output[0]!);
  if (reader?.opType !== 'Add') return undefined;
  const other = reader.input.find((name) => name !== node.output[0]);
  const bias = other === undefined ? undefined : wiring.weight(other);
  if (!bias) return undefined;
  const length = elements(bias);
  const fits = Number(bias.dims.at(-1)) === length && weight.dims.some((dim) => Number(dim) === length);
  return fits ? { node: reader, bias } : undefined;
}

function norm(wiring: Wiring, node: NodeProto, type: LayerType, channelAxis: number): Found {
  const scale = wiring.weight(node.input[1] ?? '');
  const bias = wiring.weight(node.input[2] ?? '');
  // Before opset 21 a GroupNormalization has one scale a group, not a unit.
  const perGroup =
    node.opType === 'GroupNormalization' && scale && elements(scale) === intAttribute(node, 'num_groups', 0);
  return {
    type,
    op: node.opType,
    tensor: node.output[0]!,
    channelAxis,
    ...(scale && !perGroup ? { units: elements(scale) } : {}),
    weights: [scale, bias],
    node,
  };
}

function layerNormalization(wiring: Wiring, node: NodeProto): Found {
  const { units: _, ...layer } = norm(wiring, node, 'layer-norm', -1);
  const scale = wiring.weight(node.input[1] ?? '');
  const axes = scale ? scale.dims.filter((dim) => dim > 1n).length : 1;
  return {
    ...layer,
    ...(scale && scale.dims.length > 0 ? { units: Number(scale.dims.at(-1)) } : {}),
    ...(axes > 1 ? { note: `normalises over ${axes} axes; a unit is an index of the last` } : {}),
  };
}

function group(wiring: Wiring, node: NodeProto): Found | undefined {
  return written(node, decomposedGroupNorm(wiring, node), 'group-norm');
}

function written(node: NodeProto, found: Norm | undefined, type: LayerType): Found | undefined {
  if (!found) return undefined;
  const { op, tensor, channelAxis, units, weights } = found;
  return { type, op, tensor, channelAxis, ...(units === undefined ? {} : { units }), weights, node };
}
