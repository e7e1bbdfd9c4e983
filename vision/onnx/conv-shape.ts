import { attribute, elements } from './graph.ts';
import { FLOAT } from './model.ts';
import type { NodeProto, TensorProto } from './onnx_pb.ts';

/** A two-dimensional convolution without groups, of which every input channel meets every position of the kernel. */
export interface ConvShape {
  /** Rows, columns. */
  readonly axes: readonly [ConvAxis, ConvAxis];
  /** Channels of the input and of the output. */
  readonly channels: number;
  readonly units: number;
  /** Numbers of values: the input map, the output map, the weight. */
  readonly inputs: number;
  readonly outputs: number;
  readonly weights: number;
}

/** A convolution along one axis: position k of the kernel meets input i for output o where i = o · stride + k · dilation − before. */
export interface ConvAxis {
  /** Of the input, and of the output. */
  readonly length: number;
  readonly out: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  /** Zeros before the first input, and after the last. */
  readonly before: number;
  readonly after: number;
}

/** Describes a convolution of an input [C, H, W]; undefined where it has groups, other axes or padding by name. */
export function convShape(
  node: NodeProto,
  weight: TensorProto | undefined,
  input: readonly number[],
): ConvShape | undefined {
  const [channels = 0, ...lengths] = input;
  if (weight?.dataType !== FLOAT || weight.dims.length !== 4 || lengths.length !== 2) return undefined;
  const [units = 0, inner, ...kernel] = weight.dims.map(Number);
  const padding = attribute(node, 'auto_pad');
  const isNamed = padding && !['NOTSET', 'VALID'].includes(Buffer.from(padding.s).toString());
  if (inner !== channels || isNamed) return undefined;
  const ints = (name: string, otherwise: number) =>
    attribute(node, name)?.ints.map(Number) ?? Array(4).fill(otherwise);
  const [strides, dilations, pads] = [ints('strides', 1), ints('dilations', 1), ints('pads', 0)];
  const axes = lengths.map((length, i): ConvAxis => {
    const axis = { length, kernel: kernel[i]!, stride: strides[i]!, dilation: dilations[i]! };
    const [before, after] = [pads[i]!, pads[i + 2]!];
    const reach = (axis.kernel - 1) * axis.dilation + 1;
    return { ...axis, before, after, out: Math.floor((length + before + after - reach) / axis.stride) + 1 };
  });
  const product = (values: readonly number[]) => values.reduce((a, b) => a * b, 1);
  return {
    axes: axes as [ConvAxis, ConvAxis],
    channels,
    units,
    inputs: product(input),
    outputs: units * product(axes.map(({ out }) => out)),
    weights: elements(weight),
  };
}

/** True for a kernel of one value that meets every input once. */
export const meetsAll = ({ kernel, stride, before, after }: ConvAxis): boolean =>
  kernel === 1 && stride === 1 && before === 0 && after === 0;

/** True for a kernel of one value that meets every input at a stride from the first. */
export const meetsSome = ({ kernel, before, after }: ConvAxis): boolean =>
  kernel === 1 && before === 0 && after === 0;

/** True for a kernel of three whose positions meet every input but, perhaps, the first or the last. */
export const meetsInner = ({ kernel, stride, dilation, before, after, length }: ConvAxis): boolean =>
  kernel === 3 && stride === 1 && dilation === 1 && before === 1 && after === 1 && length > 1;

/** The matrix [input, kernel] that averages, for each position of the kernel, what it meets, zeros of the padding included. */
export function meetingMatrix({ length, kernel, stride, dilation, before, out }: ConvAxis): Float32Array {
  const matrix = new Float32Array(length * kernel);
  for (let k = 0; k < kernel; k++) {
    for (let o = 0; o < out; o++) {
      const i = o * stride + k * dilation - before;
      if (i >= 0 && i < length) matrix[i * kernel + k] = 1 / out;
    }
  }
  return matrix;
}

/**
 * Of a convolution both of whose axes are `meetsInner`: the matrix [9 × 9] from (mean of all; means of the first and last row,
 * of the first and last column; the four corners) to the means of what the positions of the kernel meet. Position 0 never meets the
 * last row or column, position 2 never the first.
 */
export function innerMatrix(height: number, width: number): Float32Array {
  const missed = [1, -1, 0];
  const matrix = new Float32Array(81);
  for (let y = 0; y < 3; y++) {
    for (let x = 0; x < 3; x++) {
      const to = 3 * y + x;
      const [row, column] = [missed[y]!, missed[x]!];
      matrix[to] = 1;
      if (row >= 0) matrix[9 * (1 + row) + to] = -1 / height;
      if (column >= 0) matrix[9 * (3 + column) + to] = -1 / width;
      if (row >= 0 && column >= 0) matrix[9 * (5 + 2 * row + column) + to] = 1 / (height * width);
    }
  }
  return matrix;
}
