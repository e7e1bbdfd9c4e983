import { type Axis, int64Tensor, makeConstant, makeNode } from './build.ts';
import { FLOAT } from './model.ts';
import type { NodeProto } from './onnx_pb.ts';
import type { Scale } from './quantised.ts';

/** What becomes of token tensors [B, T, C]: their mean over T, or the first (class) token. */
export type Tokens = 'mean' | 'cls';

/**
 * Where the images of a batch lie in a tensor: along which axis, and how many entries of it belong to each image. More
 * than one where an exporter flattened axes together ([B·T, C] before a linear layer); then `outer` says that the
 * entries of one image lie together, `inner` that images alternate.
 */
export interface BatchPlace {
  readonly axis: number;
  readonly each: number;
  readonly order: 'outer' | 'inner';
}

/** A tensor to be pooled. */
export interface Tap {
  readonly tensor: string;
  /** Shape for any one batch size; only lengths other than the batch axis' are used. */
  readonly shape: readonly Axis[];
  /** Counted from the front. */
  readonly channelAxis: number;
  readonly batch: BatchPlace;
  /** False where the tensor isn't float32 and must be converted. */
  readonly isFloat32: boolean;
  /** How its integers stand for numbers, where it is quantised. */
  readonly scale?: Scale | undefined;
}

/**
 * Nodes that reduce a tensor to [batch, units]: the mean over every axis that is neither batch nor channel (for tokens
 * `cls` and one token axis: its first entry). float16 and double are converted to float32 before they are averaged, and
 * quantised integers to the numbers that they stand for.
 * `output` is the name of the result; nothing is needed, and the tensor itself is the result, where there is nothing to
 * pool.
 */
export function poolingNodes(
  tap: Tap,
  prefix: string,
  opset: number,
  tokens: Tokens,
): { nodes: NodeProto[]; output: string } {
  const steps = new Steps(tap.tensor, prefix, opset);
  steps.float32(tap);
  const { each } = tap.batch;
  if (isMap(tap)) {
    steps.add('GlobalAveragePool');
    steps.add('Flatten', { axis: 1 });
    return steps.done();
  }
  const { batchAxis, channelAxis, axes } = each === 1 ? unsplit(tap) : split(tap, steps);
  const [only] = axes;
  if (tokens === 'cls' && axes.length === 1 && channelAxis === axes.length + 1) {
    steps.addWith('Gather', 'first', int64Tensor([], [0]), { axis: only! });
  } else if (axes.length > 0) {
    steps.mean(axes);
  }
  if (batchAxis > channelAxis) steps.add('Transpose', { perm: [1, 0] });
  return steps.done();
}

/**
 * Nodes that bring a tensor into the form [batch · positions, channels], images one after another, without averaging; for
 * tokens `cls` and one token axis the first token alone. `positions` is their number an image.
 */
export function positionNodes(
  tap: Tap,
  prefix: string,
  opset: number,
  tokens: Tokens,
): { nodes: NodeProto[]; output: string; positions: number } {
  const steps = new Steps(tap.tensor, prefix, opset);
  steps.float32(tap);
  const { batchAxis, channelAxis, axes, lengths } = tap.batch.each === 1 ? unsplit(tap) : split(tap, steps);
  if (tokens === 'cls' && axes.length === 1 && channelAxis === axes.length + 1) {
    return { ...poolingNodes(tap, prefix, opset, tokens), positions: 1 };
  }
  const perm = [batchAxis, ...axes, channelAxis];
  if (perm.some((axis, i) => axis !== i)) steps.add('Transpose', { perm });
  if (axes.length > 0) steps.addWith('Reshape', 'rows', int64Tensor([2], [-1, lengths[channelAxis]!]));
  return { ...steps.done(), positions: axes.reduce((product, axis) => product * lengths[axis]!, 1) };
}

/** Nodes that convert a tensor to float32; quantised integers to the numbers that they stand for. */
export function float32Nodes(
  tensor: string,
  scale: Scale | undefined,
  prefix: string,
  opset: number,
): { nodes: NodeProto[]; output: string } {
  const steps = new Steps(tensor, prefix, opset);
  steps.float32({ isFloat32: false, scale });
  return steps.done();
}

/** True for feature maps [B, C, …]. */
export function isMap({ shape, batch, channelAxis }: Tap): boolean {
  return shape.length >= 3 && batch.axis === 0 && batch.each === 1 && channelAxis === 1;
}

interface Places {
  readonly batchAxis: number;
  readonly channelAxis: number;
  /** Axes to average over. */
  readonly axes: readonly number[];
  /** Length of every axis; that of the batch's says nothing. */
  readonly lengths: readonly number[];
}

function unsplit({ shape, batch, channelAxis }: Tap): Places {
  const axes = shape.map((_, axis) => axis).filter((axis) => axis !== batch.axis && axis !== channelAxis);
  return { batchAxis: batch.axis, channelAxis, axes, lengths: shape.map(Number) };
}

/** Gives the batch an axis of its own where it shares one with other entries. */
function split({ shape, batch, channelAxis }: Tap, steps: Steps): Places {
  const lengths = shape.map(Number);
  const pair = batch.order === 'outer' ? [-1, batch.each] : [batch.each, -1];
  lengths.splice(batch.axis, 1, ...pair);
  steps.addWith('Reshape', 'shape', int64Tensor([lengths.length], lengths));
  const batchAxis = batch.order === 'outer' ? batch.axis : batch.axis + 1;
  const channel = channelAxis > batch.axis ? channelAxis + 1 : channelAxis;
  const axes = lengths.map((_, axis) => axis).filter((axis) => axis !== batchAxis && axis !== channel);
  return { batchAxis, channelAxis: channel, axes, lengths };
}

/** Nodes in a row, each reading what the one before puts out. */
class Steps {
  readonly #nodes: NodeProto[] = [];
  #current: string;
  readonly #prefix: string;
  readonly #opset: number;

  constructor(tensor: string, prefix: string, opset: number) {
    this.#current = tensor;
    this.#prefix = prefix;
    this.#opset = opset;
  }

  add(opType: string, attributes: Parameters<typeof makeNode>[3] = {}, ...more: string[]): void {
    const output = `${this.#prefix}/${this.#nodes.length}`;
    this.#nodes.push(makeNode(opType, [this.#current, ...more], [output], attributes));
    this.#current = output;
  }

  addWith(opType: string, name: string, value: Parameters<typeof makeConstant>[1], attributes = {}): void {
    const constant = `${this.#prefix}/${name}`;
    this.#nodes.push(makeConstant(constant, value));
    this.add(opType, attributes, constant);
  }

  float32({ isFloat32, scale }: Pick<Tap, 'isFloat32' | 'scale'>): void {
    if (isFloat32) return;
    if (scale) {
      const more = scale.zeroPoint === '' ? [] : [scale.zeroPoint];
      // Axes came with opset 13.
      this.add('DequantizeLinear', this.#opset < 13 ? {} : { axis: scale.axis }, scale.scale, ...more);
    }
    // From opset 19 on a scale may be float16.
    if (!scale || this.#opset >= 19) this.add('Cast', { to: FLOAT });
  }

  /** The axes are an attribute before opset 18, an input from then on. */
  mean(axes: readonly number[]): void {
    if (this.#opset < 18) this.add('ReduceMean', { axes, keepdims: 0 });
    else this.addWith('ReduceMean', 'axes', int64Tensor([axes.length], axes), { keepdims: 0 });
  }

  done(): { nodes: NodeProto[]; output: string } {
    return { nodes: this.#nodes, output: this.#current };
  }
}
