import type { NodeProto } from './onnx_pb.ts';

/** Where an operator that applies weights has them among its inputs. */
interface Operator {
  readonly kind: 'conv' | 'gemm' | 'product';
  readonly weight: number;
  readonly bias?: number;
  /** True where it puts out sums of integers, which a Cast and a Mul turn into floats. */
  readonly sums?: boolean;
}

/** Of ONNX itself, quantised forms included. */
const STANDARD: Readonly<Record<string, Operator>> = {
  Conv: { kind: 'conv', weight: 1, bias: 2 },
  ConvTranspose: { kind: 'conv', weight: 1, bias: 2 },
  QLinearConv: { kind: 'conv', weight: 3, bias: 8 },
  ConvInteger: { kind: 'conv', weight: 1, sums: true },
  Gemm: { kind: 'gemm', weight: 1, bias: 2 },
  MatMul: { kind: 'product', weight: 1 },
  QLinearMatMul: { kind: 'product', weight: 3 },
  MatMulInteger: { kind: 'product', weight: 1, sums: true },
};

/** What onnxruntime's quantisation and optimisation tools write in the domain `com.microsoft`. */
const MICROSOFT: Readonly<Record<string, Operator>> = {
  QGemm: { kind: 'gemm', weight: 3, bias: 6 },
  DynamicQuantizeMatMul: { kind: 'product', weight: 1, bias: 4 },
  MatMulIntegerToFloat: { kind: 'product', weight: 1, bias: 6 },
  MatMulNBits: { kind: 'product', weight: 1, bias: 5 },
};

/** True for operators of ONNX itself. */
export const isStandard = ({ domain }: NodeProto) => domain === '' || domain === 'ai.onnx';

/** The kind of a node that applies weights, and the names of its weight and bias; undefined for any other. */
export function weighted(node: NodeProto) {
  const known = isStandard(node) ? STANDARD : node.domain === 'com.microsoft' ? MICROSOFT : {};
  if (!Object.hasOwn(known, node.opType)) return undefined;
  const { kind, weight, bias, sums = false } = known[node.opType]!;
  return {
    kind,
    sums,
    weight: node.input[weight] ?? '',
    bias: bias === undefined ? '' : (node.input[bias] ?? ''),
  };
}

/** The two tensors that a node adds or multiplies, element by element; quantised forms included. Undefined for any other. */
export function terms(node: NodeProto, op: 'Add' | 'Mul'): readonly string[] | undefined {
  if (isStandard(node)) return node.opType === op ? node.input : undefined;
  const quantised = node.domain === 'com.microsoft' && node.opType === `QLinear${op}`;
  return quantised ? [node.input[0]!, node.input[3]!] : undefined;
}
