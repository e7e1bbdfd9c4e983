import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { intAttribute, type Wiring } from './graph.ts';
import { INT8, UINT8 } from './model.ts';
import type { GraphProto, TensorProto } from './onnx_pb.ts';

/** How the integers q of a tensor stand for numbers: (q − zero point) · scale. */
export interface Scale {
  /** Names of the tensors that hold them; there needn't be a zero point. */
  readonly scale: string;
  readonly zeroPoint: string;
  /** Axis along which they lie where there is more than one scale. */
  readonly axis: number;
}

/** Inputs of the operators that put out quantised integers: scale, zero point. */
const OUTPUT_SCALE: Readonly<Record<string, readonly [scale: number, zeroPoint: number]>> = {
  QuantizeLinear: [1, 2],
  QLinearConv: [6, 7],
  QLinearMatMul: [6, 7],
  QGemm: [7, 8],
  QLinearAdd: [6, 7],
  QLinearMul: [6, 7],
  QLinearConcat: [0, 1],
  QLinearAveragePool: [3, 4],
  QLinearGlobalAveragePool: [3, 4],
  QLinearLeakyRelu: [3, 4],
  QLinearSigmoid: [3, 4],
  QLinearReduceMean: [3, 4],
};

/** Operators that put out the integers of their first input, elsewhere or fewer. */
const SAME_INTEGERS = new Set(
  'Identity MaxPool Reshape Transpose Flatten Squeeze Unsqueeze Slice Gather Split Expand'.split(' '),
);

/** The scale of a tensor of integers; undefined where it can't be told. */
export function scaleOf(wiring: Wiring, tensor: string): Scale | undefined {
  const node = wiring.producer(tensor);
  if (!node) return undefined;
  if (SAME_INTEGERS.has(node.opType)) return scaleOf(wiring, node.input[0] ?? '');
  if (node.opType === 'DynamicQuantizeLinear')
    return { scale: node.output[1]!, zeroPoint: node.output[2]!, axis: 1 };
  const places = Object.hasOwn(OUTPUT_SCALE, node.opType) ? OUTPUT_SCALE[node.opType]! : undefined;
  const scale = node.input[places?.[0] ?? -1];
  if (!places || !scale) return undefined;
  return { scale, zeroPoint: node.input[places[1]] ?? '', axis: intAttribute(node, 'axis', 1) };
}

/**
 * A note on a tensor of integers of which none stands for a number below 0: quantisation tools leave a ReLU that follows
 * to that, so what would be negative is cut off.
 */
export function cutOffNote(wiring: Wiring, tensor: string): string | undefined {
  const found = scaleOf(wiring, tensor);
  const zeroPoint = found && wiring.constant(found.zeroPoint);
  const lowest = found?.zeroPoint === '' || (zeroPoint && lowestValue(zeroPoint) === byteOf(zeroPoint));
  return lowest ? 'quantised; values below 0 are cut off' : undefined;
}

const lowestValue = ({ dataType }: TensorProto) =>
  dataType === UINT8 ? 0 : dataType === INT8 ? -128 : undefined;

/** Number of the field `int32_data`, which may hold 8-bit integers too, in the format. */
const INT32_DATA = 5;

/** The first value of a tensor of 8-bit integers. */
function byteOf({ dataType, rawData, $unknown = [] }: TensorProto): number | undefined {
  const raw = rawData[0];
  if (raw !== undefined) return dataType === INT8 ? (raw << 24) >> 24 : raw;
  const field = $unknown.find(({ no }) => no === INT32_DATA);
  if (!field) return undefined;
  const reader = new BinaryReader(field.data);
  if (field.wireType === WireType.LengthDelimited) reader.uint32();
  return reader.int32();
}

/**
 * True when the model takes scales from the values that it is given (dynamic quantisation): over a whole batch, so that an
 * image's activations depend on the images around it.
 */
export function scalesByBatch({ node }: GraphProto): boolean {
  return node.some(({ opType }) => opType === 'DynamicQuantizeLinear' || opType === 'DynamicQuantizeMatMul');
}
