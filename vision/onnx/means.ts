import { floatTensor, int64Tensor, makeConstant, makeNode, shallow } from './build.ts';
import {
  type ConvAxis,
  type ConvShape,
  convShape,
  innerMatrix,
  meetingMatrix,
  meetsAll,
  meetsInner,
  meetsSome,
} from './conv-shape.ts';
import { intAttribute, type Wiring } from './graph.ts';
import type { NodeProto } from './onnx_pb.ts';
import { isStandard } from './operators.ts';
import type { Needed } from './prune.ts';

/** Lengths [C, H, W] of a float32 feature map [B, C, H, W] (of any number of axes after C); undefined for any other tensor. */
export type MapShapes = (tensor: string) => readonly number[] | undefined;

/**
 * The means over H and W of feature maps, without visiting those maps where it can be done: taking the mean is linear.
 * So is a convolution, whose mean follows from sums over its input; a batch norm; a sum; and a concatenation keeps the means
 * of its parts. A map that isn't visited needn't exist: the runtime goes on joining convolution, norm, addition and
 * activation function into one operator, by which a tapped ResNet-50 takes about 6 % less time; and a convolution that nothing
 * else needs, as the last one that is tapped, isn't computed at all (6 % of a ResNet-18).
 *
 * Results differ from a mean over the map by rounding: at most 3.5e-6 of the layer's largest in ResNets of 224 pixels.
 */
export class Means {
  readonly #wiring: Wiring;
  readonly #shapes: MapShapes;
  readonly #needed: Needed;
  readonly #nodes: NodeProto[] = [];
  /** Names of the means [B, C] that there are, by tensor. */
  readonly #known = new Map<string, string>();
  /** What several means are made with, such as weights in the form of a matrix, by what it is. */
  readonly #shared = new Map<string, string>();

  /** @param needed what is computed whatever is asked here; maps that are visited are added to it */
  constructor(wiring: Wiring, shapes: MapShapes, needed: Needed) {
    this.#wiring = wiring;
    this.#shapes = shapes;
    this.#needed = needed;
  }

  /** The nodes that were made so far. */
  get nodes(): readonly NodeProto[] {
    return this.#nodes;
  }

  /**
   * Name of the mean [B, C] of a feature map; undefined for a tensor that is none. Best asked for later maps first: it is then
   * known which of the earlier ones are needed.
   */
  of(tensor: string): string | undefined {
    const known = this.#known.get(tensor);
    if (known !== undefined || !this.#shapes(tensor)) return known;
    const mean = this.#derived(tensor) ?? this.#visited(tensor);
    this.#known.set(tensor, mean);
    return mean;
  }

  /** The mean of the map itself. */
  #visited(tensor: string): string {
    this.#needed.add(tensor);
    return this.#flat(this.#add('GlobalAveragePool', [tensor]));
  }

  /** The mean from that of what the map is made of; undefined where that can't be done or costs more than a visit. */
  #derived(tensor: string): string | undefined {
    const node = this.#wiring.producer(tensor);
    if (!node || !isStandard(node) || node.output[0] !== tensor) return undefined;
    switch (node.opType) {
      case 'Conv':
        return this.#convolution(tensor, node);
      case 'BatchNormalization':
        return this.#norm(node);
      case 'Concat':
        return intAttribute(node, 'axis', 0) === 1 ? this.#joined('Concat', node, { axis: 1 }) : undefined;
      case 'Add':
        return this.#alike(node, tensor) ? this.#joined('Add', node) : undefined;
      default:
        return undefined;
    }
  }

  /** Before opset 9 a norm could have parameters of its own for every pixel. */
  #norm(node: NodeProto): string | undefined {
    const mean = intAttribute(node, 'spatial', 1) === 1 ? this.of(node.input[0]!) : undefined;
    if (mean === undefined) return undefined;
    const copy = shallow(node);
    const output = this.#name();
    copy.name = `${output}/BatchNormalization`;
    copy.input = [mean, ...node.input.slice(1)];
    copy.output = [output];
    this.#nodes.push(copy);
    return output;
  }

  #alike(node: NodeProto, tensor: string): boolean {
    const shape = `${this.#shapes(tensor)}`;
    return node.input.every((name) => `${this.#shapes(name)}` === shape);
  }

  #joined(opType: string, node: NodeProto, attributes = {}): string | undefined {
    if (!node.input.every((name) => this.#shapes(name))) return undefined;
    return this.#add(
      opType,
      node.input.map((name) => this.of(name)!),
      attributes,
    );
  }

  #convolution(tensor: string, node: NodeProto): string | undefined {
    const [input, weight, bias] = node.input as [string, string, string?];
    const shape = this.#shapes(input);
    const conv = shape && convShape(node, this.#wiring.constant(weight), shape);
    if (!conv) return undefined;
    const isNeeded = this.#needed.tensors.has(tensor);
    const form = formOf(conv) ?? (isNeeded ? undefined : 'products');
    if (!form) return undefined;
    const computing = isNeeded ? 0 : (conv.outputs * (conv.weights / conv.units)) / PRODUCTS;
    if (this.#cost(input, form, conv) > this.#visitCost(tensor, conv) + computing) return undefined;
    const windows = this.#windows(input, form, conv);
    const matrix = this.#once(`${weight} as a matrix`, () => this.#flat(weight));
    // Before opset 11 there must be something to add.
    const added = bias || this.#constant('zero', floatTensor([1], [0]));
    return this.#add('Gemm', [windows, matrix, added], { transB: 1 });
  }

  /**
   * What it costs to derive the mean of a convolution's output, in values that are read for an image: its input, where it
   * must be visited for that; the weights, which a batch shares; and the operators, which take some time however small.
   */
  #cost(input: string, form: Form, { axes, weights, inputs }: ConvShape): number {
    const isDerived = this.#known.has(input) || LINEAR.has(this.#wiring.producer(input)?.opType ?? '');
    const met = inputs / axes.reduce((product, { stride }) => product * stride, 1);
    const read = form === 'some' ? 3 * met : form === 'products' || !isDerived ? inputs : 0;
    return OPERATORS[form] * OPERATOR_COST + weights / SHARED_BY + read;
  }

  /**
   * What it costs to visit the output instead: to read it; and, where the runtime would join a norm, a sum or an activation
   * function with the convolution, and now can't, to write it and to read it there.
   */
  #visitCost(tensor: string, { outputs }: ConvShape): number {
    const reader = this.#wiring.onlyReader(tensor)?.opType ?? '';
    return (JOINED.has(reader) ? 3 : 1) * outputs;
  }

  /** For each position of the kernel the mean of what it meets, zeros of the padding included: [B, C · k · k]. */
  #windows(input: string, form: Form, { axes }: ConvShape): string {
    const [rows, columns] = axes;
    if (form !== 'all') this.#needed.add(input);
    switch (form) {
      case 'all':
        return this.of(input)!;
      case 'some': {
        const strides = [rows.stride, columns.stride];
        const met = this.#add('AveragePool', [input], { kernel_shape: [1, 1], strides });
        return this.#flat(this.#add('GlobalAveragePool', [met]));
      }
      case 'inner':
        return this.#innerWindows(input, rows.length, columns.length);
      case 'products': {
        const down = this.#meeting(columns, [columns.length, columns.kernel]);
        const across = this.#add('MatMul', [input, down]);
        const matrix = this.#meeting(rows, [rows.length, rows.kernel]);
        const turned = this.#once(`${matrix} turned`, () =>
          this.#add('Transpose', [matrix], { perm: [1, 0] }),
        );
        return this.#flat(this.#add('MatMul', [turned, across]));
      }
    }
  }

  #innerWindows(input: string, height: number, width: number): string {
    const border = (kernel_shape: number[], strides: number[]) =>
      this.#add('AveragePool', [input], { kernel_shape, strides });
    const parts = [
      this.of(input)!,
      border([1, width], [height - 1, 1]),
      border([height, 1], [1, width - 1]),
      border([1, 1], [height - 1, width - 1]),
    ].map((name) => this.#add('Reshape', [name, this.#constant('rows', int64Tensor([3], [0, 0, -1]))]));
    const all = this.#add('Concat', parts, { axis: 2 });
    const matrix = floatTensor([9, 9], innerMatrix(height, width));
    return this.#flat(this.#add('MatMul', [all, this.#constant(`inner/${height}/${width}`, matrix)]));
  }

  #meeting(axis: ConvAxis, dims: readonly number[]): string {
    const what = `meeting/${Object.values(axis).join('/')}`;
    return this.#constant(what, floatTensor(dims, meetingMatrix(axis)));
  }

  #constant(name: string, value: Parameters<typeof makeConstant>[1]): string {
    const output = `mis/mean/${name}`;
    return this.#once(output, () => {
      this.#nodes.push(makeConstant(output, value));
      return output;
    });
  }

  #once(what: string, make: () => string): string {
    const known = this.#shared.get(what);
    if (known !== undefined) return known;
    const made = make();
    this.#shared.set(what, made);
    return made;
  }

  #flat(tensor: string): string {
    return this.#add('Flatten', [tensor], { axis: 1 });
  }

  #add(opType: string, inputs: readonly string[], attributes: Parameters<typeof makeNode>[3] = {}): string {
    const output = this.#name();
    this.#nodes.push(makeNode(opType, inputs, [output], attributes));
    return output;
  }

  #name(): string {
    return `mis/mean/${this.#nodes.length}`;
  }
}

/**
 * The tensors that `Means` may ask about to find the mean of one: what convolutions, norms, sums and concatenations before it
 * read.
 */
export function meanSources(wiring: Wiring, tensors: readonly string[]): string[] {
  const found = new Set<string>(tensors);
  for (const tensor of found) {
    const node = wiring.producer(tensor);
    if (!node || !isStandard(node) || !LINEAR.has(node.opType)) continue;
    const several = node.opType === 'Add' || node.opType === 'Concat';
    for (const name of several ? node.input : node.input.slice(0, 1)) found.add(name);
  }
  return [...found];
}

const LINEAR = new Set(['Conv', 'BatchNormalization', 'Add', 'Concat']);

/** Images of a batch, which share the reading of weights. */
const SHARED_BY = 8;

/**
 * How the means of what the positions of a kernel meet are found: `all`, that of all inputs; `some`, those at a stride; `inner`,
 * all but borders; `products`, by products with matrices: for all others, but slow where there are many channels.
 */
type Form = 'all' | 'some' | 'inner' | 'products';

function formOf({ axes, channels }: ConvShape): Form | undefined {
  if (axes.every(meetsAll)) return 'all';
  if (channels <= FEW) return 'products';
  if (axes.every(meetsSome)) return 'some';
  return axes.every(meetsInner) ? 'inner' : undefined;
}

/** The runtime keeps maps of more channels in blocks of them, and would have to reorder them. */
const FEW = 4;

/** Operators that are added for a convolution. */
const OPERATORS: Readonly<Record<Form, number>> = { all: 2, some: 4, inner: 14, products: 4 };
/** Time that an operator takes beside its work, 3 µs, in values read in that time, for one image of a batch. */
const OPERATOR_COST = 2500;
/** Products of a convolution that are made in the time in which a value is read. */
const PRODUCTS = 18;

/** Operators that the runtime joins with a convolution before them. */
const JOINED = new Set(
  'BatchNormalization Add Relu LeakyRelu Clip Sigmoid Tanh HardSigmoid HardSwish'.split(' '),
);
