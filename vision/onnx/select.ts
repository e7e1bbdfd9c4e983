import { distance } from 'fastest-levenshtein';
import picomatch from 'picomatch';
import { UserError } from '../../common/errors.ts';
import { attribute, intAttribute, type Wiring } from './graph.ts';
import { LAYER_TYPES, type Layer } from './layers.ts';
import type { NodeProto } from './onnx_pb.ts';
import { weighted } from './operators.ts';

/** A layer that was chosen; `type` is `tensor` for one that a user named by its tensor. */
export interface Selected extends Omit<Layer, 'type'> {
  readonly type: Layer['type'] | 'tensor';
}

/**
 * The layers that a list of selectors chooses, each once, in execution order. A selector is
 * - `all`, or a type (`conv`, `linear`, `batch-norm`, …);
 * - a layer's name, or a glob of names (`layer1.*`, `*.conv?`; `*` also matches dots and slashes);
 * - `tensor:NAME` for any tensor, `tensor:NAME@AXIS` to say which axis holds the channels.
 * Throws a UserError that lists what there is when one matches nothing.
 */
export function selectLayers(
  wiring: Wiring,
  layers: readonly Layer[],
  selectors: readonly string[],
  file: string,
): Selected[] {
  const chosen = new Map<string, Selected>();
  for (const selector of selectors) {
    const found = selector.startsWith('tensor:')
      ? [byTensor(wiring, layers, selector.slice('tensor:'.length), file)]
      : layers.filter(matcher(selector, layers));
    if (found.length === 0) throw nothingMatches(selector, layers, file);
    for (const layer of found) chosen.set(layer.name, layer);
  }
  const position = new Map(wiring.order.map((node, index) => [node, index]));
  const at = (layer: Selected) => position.get(wiring.producer(layer.tensor)!) ?? -1;
  return [...chosen.values()].sort((a, b) => at(a) - at(b));
}

function matcher(selector: string, layers: readonly Layer[]): (layer: Layer) => boolean {
  if (layers.some(({ name }) => name === selector)) return ({ name }) => name === selector;
  if (selector === 'all') return () => true;
  if (LAYER_TYPES.includes(selector as Layer['type'])) return ({ type }) => type === selector;
  const matches = picomatch(selector, { dot: true, bash: true });
  return ({ name }) => matches(name);
}

function byTensor(wiring: Wiring, layers: readonly Layer[], text: string, file: string): Selected {
  const [, named, axis] = /^(.*)@(-?\d+)$/.exec(text) ?? [];
  const exists = (name: string) => wiring.producer(name) !== undefined;
  const tensor = named !== undefined && !exists(text) ? named : text;
  if (!exists(tensor)) {
    const all = wiring.order.flatMap(({ output }) => output).filter((name) => name !== '');
    throw new UserError(
      `The model ${file} has no tensor "${tensor}"${nearest(tensor, all, 'Do you mean')}. \`mis models inspect\` shows the layers with their tensors.`,
    );
  }
  const layer = layers.find((candidate) => candidate.tensor === tensor);
  const channelAxis =
    axis !== undefined && tensor === named ? Number(axis) : channelAxisOf(wiring, layers, tensor);
  if (channelAxis === undefined) {
    throw new UserError(
      `It can't be told which axis of the tensor "${tensor}" of the model ${file} holds the channels. Say it: \`tensor:${tensor}@1\` (counted from 0), or \`tensor:${tensor}@-1\` for the last.`,
    );
  }
  if (layer && layer.channelAxis === channelAxis) return layer;
  const name =
    layers.some((other) => other.name === tensor) || tensor === 'path' ? `tensor:${tensor}` : tensor;
  return { name, type: 'tensor', op: wiring.producer(tensor)!.opType, tensor, channelAxis };
}

/** Operators whose output has its channels where the first computed input has them. */
const KEEPS_CHANNELS = new Set(
  (
    'Relu LeakyRelu PRelu Elu Selu Celu Sigmoid HardSigmoid HardSwish Tanh Softplus Softsign Mish Gelu Erf Clip Identity Cast ' +
    'CastLike QuantizeLinear DequantizeLinear QLinearAdd QLinearMul QLinearConcat QLinearLeakyRelu QLinearSigmoid ' +
    'QLinearAveragePool QLinearGlobalAveragePool Swish FastGelu QuickGelu BiasGelu ' +
    'Dropout Add Sub Mul Div Pow Sqrt Abs Neg Exp Concat MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool Pad ' +
    'Resize Upsample BatchNormalization InstanceNormalization GroupNormalization LayerNormalization LRN Where Max Min Mean Sum'
  ).split(' '),
);

/** The channel axis of any tensor, followed back to the layers that it is computed from; undefined when it can't be. */
function channelAxisOf(wiring: Wiring, layers: readonly Layer[], tensor: string): number | undefined {
  const axes = new Map(layers.map((layer) => [layer.tensor, layer.channelAxis]));
  const inner = new Map<string, number | undefined>();
  const follow = (name: string): number | undefined => {
    if (axes.has(name)) return axes.get(name);
    if (inner.has(name)) return inner.get(name);
    inner.set(name, undefined);
    const node = wiring.producer(name);
    const axis = node && through(wiring, node, follow);
    inner.set(name, axis);
    return axis;
  };
  return follow(tensor);
}

function through(
  wiring: Wiring,
  node: NodeProto,
  follow: (tensor: string) => number | undefined,
): number | undefined {
  const computed = node.input.filter((name) => name !== '' && !wiring.weight(name));
  const applied = weighted(node);
  if (applied?.kind === 'conv') return 1;
  if (applied) return wiring.weight(applied.weight) ? -1 : undefined;
  if (node.opType === 'Flatten') return intAttribute(node, 'axis', 1) === 1 ? 1 : undefined;
  if (node.opType === 'Transpose') {
    const perm = attribute(node, 'perm')?.ints.map(Number);
    const before = follow(computed[0] ?? '');
    if (!perm || before === undefined) return undefined;
    const axis = perm.indexOf(before < 0 ? before + perm.length : before);
    return axis === perm.length - 1 ? -1 : axis;
  }
  if (!KEEPS_CHANNELS.has(node.opType)) return undefined;
  for (const name of computed) {
    const axis = follow(name);
    if (axis !== undefined) return axis;
  }
  return undefined;
}

function nothingMatches(selector: string, layers: readonly Layer[], file: string): UserError {
  if (layers.length === 0) {
    return new UserError(
      `The model ${file} has no layers with units that are recognised (${LAYER_TYPES.join(', ')}). Tensors can be named: \`tensor:NAME@AXIS\`.`,
    );
  }
  const counts = LAYER_TYPES.map(
    (type) => [type, layers.filter((layer) => layer.type === type).length] as const,
  );
  const types = counts.filter(([, count]) => count > 0).map(([type, count]) => `${type} (${count})`);
  const names = layers.map(({ name }) => name);
  const hint = nearest(selector, [...names, 'all', ...LAYER_TYPES], 'Nearest:');
  return new UserError(
    `No layer of the model ${file} matches "${selector}"${hint}. It has ${types.join(', ')}: ${shortList(names)}. \`mis models inspect\` shows all.`,
  );
}

function nearest(wanted: string, names: readonly string[], lead: string): string {
  const best = names
    .map((name) => ({ name, off: distance(wanted, name) }))
    .filter(({ name, off }) => off <= Math.max(2, Math.min(wanted.length, name.length) / 2))
    .sort((a, b) => a.off - b.off)
    .slice(0, 3);
  if (best.length === 0) return '';
  return `. ${lead} ${best.map(({ name }) => `"${name}"`).join(', ')}${lead.startsWith('Do') ? '?' : ''}`;
}

function shortList(names: readonly string[]): string {
  const shown = names.slice(0, 12).join(', ');
  return names.length > 12 ? `${shown}, … (${names.length} in all)` : shown;
}
