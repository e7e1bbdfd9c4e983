import { elements, intAttribute, onlyUser, type Wiring } from './graph.ts';
import { isGenerated, layerNames, unquantised } from './names.ts';
import { decomposedGroupNorm, decomposedLayerNorm, type Norm } from './norms.ts';
import type { NodeProto, TensorProto } from './onnx_pb.ts';
import { isStandard, terms, weighted } from './operators.ts';
import { cutOffNote } from './quantised.ts';

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
  /** Inputs that are the layer's constants, most telling first. */
  readonly weights: readonly string[];
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
 *
 * Of quantised models the same, with the names of the float ones: where QuantizeLinear and DequantizeLinear stand around
 * the operators above, these put floats out; QLinearConv, QLinearMatMul and QGemm put out integers, which are scaled before
 * they are pooled; ConvInteger and MatMulInteger are followed to where Cast, Mul and Add have made floats of their sums.
 */
export function findLayers(wiring: Wiring): Layer[] {
  const kept = keepsNames(wiring);
  const found = wiring.order
    .map((node) => layerOf(wiring, node, kept))
    .filter((layer) => layer !== undefined);
  const position = new Map(wiring.order.map((node, index) => [node, index]));
  const at = (layer: Found) => position.get(wiring.producer(layer.tensor)!)!;
  found.sort((a, b) => at(a) - at(b));
  const names = layerNames(
    found.map(({ node, weights, tensor }) => ({
      node,
      weights: weights.flatMap(wiring.weightNames).map(unquantised),
      tensor,
    })),
  );
  return found.map(({ node: _, weights: __, ...layer }, index) => ({ name: names[index]!, ...layer }));
}

function layerOf(wiring: Wiring, node: NodeProto, kept: boolean): Found | undefined {
  switch (weighted(node)?.kind) {
    case 'conv':
      return convolution(wiring, node, kept);
    case 'gemm':
      return gemm(wiring, node);
    case 'product':
      return matMul(wiring, node);
  }
  if (!isStandard(node)) return undefined;
  switch (node.opType) {
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
      return written(wiring, node, decomposedLayerNorm(wiring, node), 'layer-norm');
    default:
      return undefined;
  }
}

function convolution(wiring: Wiring, node: NodeProto, kept: boolean): Found {
  const names = weighted(node)!;
  const weight = wiring.weight(names.weight);
  const bias = wiring.weight(names.bias);
  const units =
    node.opType === 'ConvTranspose'
      ? Number(weight?.dims[1] ?? Number.NaN) * intAttribute(node, 'group', 1)
      : Number(weight?.dims[0]);
  const { tensor, steps } = scaledSum(wiring, node);
  const added = names.sums ? biasAdd(wiring, tensor, 'conv', [units]) : undefined;
  return {
    type: 'conv',
    op: [node.opType, ...steps, ...(added ? ['Add'] : [])].join('+'),
    tensor: added?.node.output[0] ?? tensor,
    channelAxis: 1,
    ...(Number.isInteger(units) ? { units } : {}),
    ...noted(foldedNote(node, weight, bias, kept), cutOffNote(wiring, tensor)),
    weights: [names.weight, names.bias, added?.bias ?? ''],
    node,
  };
}

/** What there is to be noted of a layer. */
function noted(...notes: readonly (string | undefined)[]): { note?: string } {
  const told = notes.filter((note) => note !== undefined);
  return told.length > 0 ? { note: told.join('; ') } : {};
}

/** What a node puts out, or, of sums of integers, what Cast and Mul make of them. */
function scaledSum(wiring: Wiring, node: NodeProto): { tensor: string; steps: string[] } {
  const tensor = node.output[0]!;
  const cast = weighted(node)!.sums ? wiring.onlyReader(tensor) : undefined;
  if (cast?.opType !== 'Cast') return { tensor, steps: [] };
  const scaled = wiring.onlyReader(cast.output[0]!);
  if (scaled?.opType !== 'Mul') return { tensor, steps: [] };
  return { tensor: scaled.output[0]!, steps: ['Cast', 'Mul'] };
}

/** The inputs that hold a layer's weight and bias. */
const constants = (node: NodeProto) => node.input.slice(1, 3);

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
  const name = unquantised(bias.name);
  const numbered = kept && isGenerated(unquantised(weight.name)) && isGenerated(name);
  return numbered || name === `${unquantised(node.input[0]!)}_bias` ? 'batch norm folded in' : undefined;
}

/** True when parameters of the file have the names that PyTorch gave them. */
function keepsNames(wiring: Wiring): boolean {
  return wiring.graph.initializer.some(({ name }) => /\.(weight|bias)$/.test(unquantised(name)));
}

function gemm(wiring: Wiring, node: NodeProto): Found | undefined {
  const names = weighted(node)!;
  const weight = wiring.weight(names.weight);
  if (!weight) return undefined;
  const direct = wiring.constant(names.weight) === weight;
  const units = direct ? Number(weight.dims[intAttribute(node, 'transB', 0) ? 0 : 1]) : Number.NaN;
  return {
    type: 'linear',
    op: node.opType,
    tensor: node.output[0]!,
    channelAxis: -1,
    ...(Number.isInteger(units) ? { units } : {}),
    ...noted(cutOffNote(wiring, node.output[0]!)),
    weights: [names.weight, names.bias],
    node,
  };
}

function matMul(wiring: Wiring, node: NodeProto): Found | undefined {
  const names = weighted(node)!;
  const weight = wiring.weight(names.weight);
  const packed = node.opType === 'MatMulNBits';
  if (!weight || (weight.dims.length !== 2 && !packed)) return undefined;
  const direct = wiring.constant(names.weight) === weight;
  const width = packed ? intAttribute(node, 'N', 0) : Number(weight.dims[1]);
  const { tensor, steps } = scaledSum(wiring, node);
  const lengths = packed ? [width] : weight.dims.map(Number);
  const added = names.bias === '' ? biasAdd(wiring, tensor, 'linear', lengths) : undefined;
  const output = added?.node.output[0] ?? tensor;
  return {
    type: 'linear',
    op: [node.opType, ...steps, ...(added ? [added.node.opType] : [])].join('+'),
    tensor: output,
    channelAxis: -1,
    ...(direct ? { units: width } : {}),
    ...noted(cutOffNote(wiring, output)),
    weights: [names.weight, names.bias, added?.bias ?? ''],
    node,
  };
}

/**
 * The Add of a constant, one value a unit, that is all that computes with a tensor. The units are as many as one of
 * `lengths`; their axis is the last of the constant for linear layers, any for convolutions ([1, C, 1, 1]).
 */
function biasAdd(wiring: Wiring, tensor: string, type: 'conv' | 'linear', lengths: readonly number[]) {
  const user = onlyUser(wiring, tensor);
  const other = user && terms(user.node, 'Add')?.find((name) => name !== user.input);
  const bias = other === undefined ? undefined : wiring.weight(other);
  if (!user || !bias || other === undefined) return undefined;
  const length = elements(bias);
  const axes = type === 'linear' ? bias.dims.slice(-1) : bias.dims;
  const fits = axes.some((dim) => Number(dim) === length) && lengths.includes(length);
  return fits ? { node: user.node, bias: other } : undefined;
}

function norm(wiring: Wiring, node: NodeProto, type: LayerType, channelAxis: number): Found {
  const scale = wiring.weight(node.input[1] ?? '');
  // Before opset 21 a GroupNormalization has one scale a group, not a unit.
  const perGroup =
    node.opType === 'GroupNormalization' && scale && elements(scale) === intAttribute(node, 'num_groups', 0);
  return {
    type,
    op: node.opType,
    tensor: node.output[0]!,
    channelAxis,
    ...(scale && !perGroup ? { units: elements(scale) } : {}),
    weights: constants(node),
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
  return written(wiring, node, decomposedGroupNorm(wiring, node), 'group-norm');
}

function written(
  wiring: Wiring,
  node: NodeProto,
  found: Norm | undefined,
  type: LayerType,
): Found | undefined {
  if (!found) return undefined;
  const { op, tensor, channelAxis, units, weights } = found;
  const note = noted(cutOffNote(wiring, tensor));
  return { type, op, tensor, channelAxis, ...(units === undefined ? {} : { units }), ...note, weights, node };
}
