import { axesOf, elements, onlyUser, origin, type Wiring } from './graph.ts';
import type { NodeProto } from './onnx_pb.ts';
import { terms } from './operators.ts';

/** A normalisation layer that an exporter wrote out in simple operators. */
export interface Norm {
  readonly op: string;
  readonly tensor: string;
  readonly channelAxis: number;
  readonly units?: number;
  /** Inputs that are its constants: scale, shift. */
  readonly weights: readonly string[];
}

/**
 * Recognises a written-out layer norm by the node that divides:
 * d = x − mean(x); d / sqrt(mean(d²) + ε), the means over the same axes; then · weight, + bias where they are constant.
 * `node` is that Div, or a Mul by the reciprocal. The channel axis is the (last) axis that is averaged over.
 */
export function decomposedLayerNorm(wiring: Wiring, node: NodeProto): Norm | undefined {
  const axes = quotientAxes(wiring, node);
  if (!axes || axes.length === 0) return undefined;
  const { tensor, steps, weights } = affine(wiring, node.output[0]!);
  return {
    op: ['ReduceMean', '…', 'Div', ...steps].join('+'),
    tensor,
    channelAxis: Math.max(...axes),
    ...(axes.length === 1 ? unitsOf(wiring, weights) : {}),
    weights,
  };
}

/** Axes of the means when a node computes d / sqrt(mean(d²) + ε) with d = x − mean(x). */
function quotientAxes(wiring: Wiring, node: NodeProto): number[] | undefined {
  const [a = '', b = ''] = node.input;
  if (node.opType === 'Div') return normalisedAxes(wiring, a, b);
  for (const [value, factor] of [
    [a, b],
    [b, a],
  ] as const) {
    const inverse = through(wiring, factor);
    if (inverse?.opType === 'Reciprocal') return normalisedAxes(wiring, value, inverse.input[0]!);
  }
  return undefined;
}

function normalisedAxes(wiring: Wiring, centred: string, deviation: string): number[] | undefined {
  const difference = through(wiring, centred);
  const root = through(wiring, deviation);
  if (difference?.opType !== 'Sub' || (root?.opType !== 'Sqrt' && root?.opType !== 'Pow')) return undefined;
  const sum = through(wiring, root.input[0]!);
  const variance = firstMean(wiring, (sum && terms(sum, 'Add')) ?? []);
  if (!variance) return undefined;
  const square = through(wiring, variance.input[0]!);
  if (square?.opType !== 'Pow' && square?.opType !== 'Mul') return undefined;
  const squared = through(wiring, square.input[0]!);
  const value = origin(wiring, difference.input[0] ?? '');
  const isValue = (tensor = '') => origin(wiring, tensor) === value;
  if (squared?.opType !== 'Sub' || !isValue(squared.input[0])) return undefined;
  const mean = firstMean(wiring, [difference.input[1] ?? '']);
  if (!mean || !isValue(mean.input[0])) return undefined;
  const axes = axesOf(wiring, mean);
  return axesOf(wiring, variance)?.join() === axes?.join() ? axes : undefined;
}

function firstMean(wiring: Wiring, tensors: readonly string[]): NodeProto | undefined {
  return tensors.map((tensor) => through(wiring, tensor)).find((node) => node?.opType === 'ReduceMean');
}

/** Producer of a tensor, seen through changes of type and quantisation. */
function through(wiring: Wiring, tensor: string): NodeProto | undefined {
  return wiring.producer(origin(wiring, tensor));
}

/**
 * Recognises a group norm as PyTorch writes it out: Reshape to [B, groups, …], InstanceNormalization, Reshape back, and
 * then · weight, + bias. `node` is the InstanceNormalization.
 */
export function decomposedGroupNorm(wiring: Wiring, node: NodeProto): Norm | undefined {
  const before = through(wiring, node.input[0] ?? '');
  const after = onlyUser(wiring, node.output[0]!)?.node;
  if (before?.opType !== 'Reshape' || after?.opType !== 'Reshape') return undefined;
  const { tensor, steps, weights } = affine(wiring, after.output[0]!);
  const op = ['Reshape', 'InstanceNormalization', 'Reshape', ...steps].join('+');
  return { op, tensor, channelAxis: 1, ...unitsOf(wiring, weights), weights };
}

/** Follows `· constant` and `+ constant` after a normalisation, where nothing else reads what is between. */
function affine(wiring: Wiring, tensor: string) {
  const steps: string[] = [];
  const weights: string[] = [];
  for (const op of ['Mul', 'Add'] as const) {
    const reader = affineStep(wiring, tensor, op);
    if (!reader) continue;
    weights.push(reader.weight);
    steps.push(reader.node.opType);
    tensor = reader.node.output[0]!;
  }
  return { tensor, steps, weights };
}

function affineStep(wiring: Wiring, tensor: string, op: 'Mul' | 'Add') {
  const user = onlyUser(wiring, tensor);
  const other = user && terms(user.node, op)?.find((name) => name !== user.input);
  return user && other !== undefined && wiring.weight(other) ? { node: user.node, weight: other } : undefined;
}

/** One value a unit: the number of units is the number of values of the weight. */
function unitsOf(wiring: Wiring, weights: readonly string[]): { units?: number } {
  const weight = wiring.weight(weights[0] ?? '');
  return weight && elements(weight) > 1 ? { units: elements(weight) } : {};
}
