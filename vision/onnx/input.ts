import { UserError } from '../../common/errors.ts';
import {
  type Axis,
  declared,
  floatTensor,
  int64Tensor,
  makeConstant,
  makeNode,
  makeValue,
  shallow,
} from './build.ts';
import { int64Values, type Wiring } from './graph.ts';
import { BFLOAT16, DOUBLE, FLOAT, FLOAT16, type Model, UINT8 } from './model.ts';
import type { GraphProto, NodeProto, TensorProto, ValueInfoProto } from './onnx_pb.ts';

/** How 8-bit pixels become the model's input. */
export interface PixelInput {
  readonly height: number;
  readonly width: number;
  readonly layout: 'nchw' | 'nhwc';
  readonly channelOrder: 'rgb' | 'bgr';
  /** x = pixel · scale + bias, a value a channel in the model's channel order. */
  readonly scale: readonly number[];
  readonly bias: readonly number[];
}

/** The model's image input, as the file declares it. */
export interface ImageInput {
  readonly name: string;
  readonly elemType: number;
  readonly shape: readonly Axis[];
}

/** Input of the edited model: uint8 [batch, height, width, 3], RGB. */
export const PIXELS = 'mis/pixels';
/** Name of the batch axis in the edited model. */
export const BATCH = 'mis/batch';

const IMAGE_TYPES = new Set([FLOAT, FLOAT16, DOUBLE, BFLOAT16, UINT8]);

/** The one input that isn't a weight. Throws a UserError when there are several, or it can't take images. */
export function imageInput({ file, graph }: Model): ImageInput {
  const inputs = computedInputs(graph);
  const [input] = inputs;
  if (!input || inputs.length > 1) {
    const names = inputs.map(({ name }) => `"${name}"`).join(', ');
    throw new UserError(
      `The model ${file} has ${inputs.length} inputs${names && ` (${names})`}; only models of one image input can be used.`,
    );
  }
  return asImages(file, input);
}

/** The inputs of a graph that aren't weights. */
export function computedInputs(graph: GraphProto): ValueInfoProto[] {
  const weights = new Set(graph.initializer.map(({ name }) => name));
  return graph.input.filter(({ name }) => !weights.has(name));
}

/** An input of a model that is to take images. Throws a UserError when it can't. */
export function asImages(file: string, input: ValueInfoProto): ImageInput {
  const { elemType, shape } = declared(input);
  if (shape?.length !== 4 || !IMAGE_TYPES.has(elemType)) {
    const axes = shape ? `[${shape.map((axis) => axis ?? '?').join(', ')}]` : 'unknown';
    throw new UserError(
      `The input "${input.name}" of the model ${file} can't take images: its shape is ${axes}${IMAGE_TYPES.has(elemType) ? '' : ' and its values are no floats'}; [N, 3, H, W] or [N, H, W, 3] of floats is needed.`,
    );
  }
  return { name: input.name, elemType, shape };
}

/**
 * The graph with 8-bit pixels as input, [batch, height, width, 3] in RGB, and the normalisation as its first nodes.
 * Declared shapes inside, which may hold an old batch size, are dropped. `name` is that of the new input; models of
 * several images need one for each.
 */
export function withPixels(
  graph: GraphProto,
  input: ImageInput,
  pixels: PixelInput,
  batch: Axis,
  name = PIXELS,
): GraphProto {
  const copy = shallow(graph);
  const declaration = makeValue(name, UINT8, [batch, pixels.height, pixels.width, 3]);
  copy.input = graph.input.map((value) => (value.name === input.name ? declaration : value));
  copy.node = [...normalisingNodes(input, pixels, name), ...graph.node];
  copy.valueInfo = [];
  return copy;
}

/**
 * Replaces the batch size that an exporter wrote into the constant target of a Reshape, where it is the first number:
 * by -1 (whatever is left), or by 0 (the input's own) where another axis is left open already. That the result is right
 * is to be checked by running it.
 */
export function freeReshapes(graph: GraphProto, wiring: Wiring, batch: number): GraphProto {
  const added: TensorProto[] = [];
  const nodes = graph.node.map((node) => {
    const computed = node.opType === 'Reshape' && !wiring.weight(node.input[0]!);
    const values = computed ? int64Values(wiring.constant(node.input[1] ?? '')) : undefined;
    if (values?.[0] !== batch) return node;
    const free = [values.includes(-1) ? 0 : -1, ...values.slice(1)];
    const name = `mis/shape/${added.length}`;
    added.push(int64Tensor([free.length], free, name));
    const copy = shallow(node);
    copy.input = [node.input[0]!, name];
    return copy;
  });
  const constants = added.map((tensor) => makeConstant(tensor.name, tensor));
  const copy = shallow(graph);
  copy.node = [...constants, ...nodes];
  return copy;
}

/**
 * Nodes from the pixels to the model's input: (reverse the channels), move them to axis 1 while they are bytes, then
 * convert, scale and shift.
 */
function normalisingNodes(input: ImageInput, pixels: PixelInput, source: string): NodeProto[] {
  const prefix = source === PIXELS ? 'mis/input' : `${source}/input`;
  const nodes: NodeProto[] = [];
  let current = source;
  const add = (opType: string, attributes: Parameters<typeof makeNode>[3], more: string[] = []) => {
    const last = nodes.length;
    const output = `${prefix}/${last}`;
    nodes.push(makeNode(opType, [current, ...more], [output], attributes));
    current = output;
  };
  const constant = (name: string, value: TensorProto) => {
    nodes.push(makeConstant(`${prefix}/${name}`, value));
    return `${prefix}/${name}`;
  };
  const channels = pixels.layout === 'nchw' ? [1, 3, 1, 1] : [1, 1, 1, 3];
  if (pixels.layout === 'nchw') add('Transpose', { perm: [0, 3, 1, 2] });
  if (pixels.channelOrder === 'bgr') {
    const axis = pixels.layout === 'nchw' ? 1 : 3;
    add('Gather', { axis }, [constant('reversed', int64Tensor([3], [2, 1, 0]))]);
  }
  add('Cast', { to: FLOAT });
  if (pixels.scale.some((value) => value !== 1)) {
    add('Mul', {}, [constant('scale', floatTensor(channels, pixels.scale))]);
  }
  if (pixels.bias.some((value) => value !== 0)) {
    add('Add', {}, [constant('bias', floatTensor(channels, pixels.bias))]);
  }
  if (input.elemType !== FLOAT) add('Cast', { to: input.elemType });
  nodes.at(-1)!.output = [input.name];
  return nodes;
}
