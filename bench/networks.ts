import { create } from '@bufbuild/protobuf';
import { randomStreams, type Stream } from '../stats/random.ts';
import { type Attributes, encode, floatTensor, makeNode, makeValue } from '../vision/onnx/build.ts';
import { FLOAT } from '../vision/onnx/model.ts';
import {
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProto,
  OperatorSetIdProtoSchema,
  type TensorProto,
} from '../vision/onnx/onnx_pb.ts';

export type Depth = 18 | 50;

/** A weight, in the shape that PyTorch keeps it in. */
export interface Weight {
  readonly dims: readonly number[];
  readonly values: Float32Array;
}

export interface MadeNetwork {
  /** The ONNX file, opset 17: `input` [N, 3, size, size] → `logits` [N, classes]. */
  readonly bytes: Uint8Array;
  /** Weights and statistics by the names of torchvision's state dictionary; as they are before norms are folded. */
  readonly state: ReadonlyMap<string, Weight>;
}

export interface ResnetOptions {
  /** Height and width of the images. */
  readonly size?: number;
  readonly classes?: number;
  /** True: batch norms become part of the convolutions before them, as a runtime or an exporter may do it. */
  readonly foldNorms?: boolean;
  readonly seed?: number;
}

const BLOCKS: Readonly<Record<Depth, readonly number[]>> = { 18: [2, 2, 2, 2], 50: [3, 4, 6, 3] };
const EPSILON = 1e-5;
const OPSET = 17n;

/**
 * ResNet-18 or -50 as torchvision builds them [He et al. 2016; of 50 the variant v1.5, which has its stride in the 3 × 3
 * convolution], untrained: weights of He's uniform initialisation by fan-in, norms with random scales, shifts and
 * statistics near those that normalised images lead to, so that activations stay of order 1 through all layers.
 */
export function resnet(depth: Depth, options: ResnetOptions = {}): MadeNetwork {
  const { size = 224, classes = 1000, foldNorms = false, seed = 0 } = options;
  const build = new Builder(randomStreams('resnet', depth, seed), foldNorms);
  let at = build.convNorm('conv1', 'bn1', INPUT, { out: 64, kernel: 7, stride: 2, scale: 1 });
  at = build.add('MaxPool', 'maxpool', [build.add('Relu', 'relu', [at])], {
    kernel_shape: [3, 3],
    strides: [2, 2],
    pads: [1, 1, 1, 1],
  });
  BLOCKS[depth].forEach((count, stage) => {
    for (let block = 0; block < count; block++) {
      const name = `layer${stage + 1}.${block}`;
      const stride = stage > 0 && block === 0 ? 2 : 1;
      at = build.block(name, at, { width: 64 << stage, stride, bottleneck: depth === 50 });
    }
  });
  const pooled = build.add('Flatten', 'flatten', [build.add('GlobalAveragePool', 'avgpool', [at])], {
    axis: 1,
  });
  build.linear('fc', pooled, classes, 'logits');
  return { bytes: build.bytes(size, classes), state: build.state };
}

/** What flows through the graph. */
interface Flow {
  readonly tensor: string;
  readonly channels: number;
  /** Mean square of its values that is reckoned with. */
  readonly power: number;
}

const INPUT: Flow = { tensor: 'input', channels: 3, power: 1 };

class Builder {
  readonly state = new Map<string, Weight>();
  readonly #nodes: NodeProto[] = [];
  readonly #weights: TensorProto[] = [];
  readonly #random: Stream;
  readonly #fold: boolean;

  constructor(random: Stream, fold: boolean) {
    this.#random = random;
    this.#fold = fold;
  }

  /** A basic block, or a bottleneck that puts out four times its width. */
  block(name: string, x: Flow, how: { width: number; stride: number; bottleneck: boolean }): Flow {
    const { width, stride, bottleneck } = how;
    const out = bottleneck ? 4 * width : width;
    const layers = bottleneck
      ? [
          { out: width, kernel: 1, stride: 1, scale: 1 },
          { out: width, kernel: 3, stride, scale: 1 },
          { out, kernel: 1, stride: 1, scale: 0.5 },
        ]
      : [
          { out, kernel: 3, stride, scale: 1 },
          { out, kernel: 3, stride: 1, scale: 0.5 },
        ];
    let inner = x;
    layers.forEach((layer, i) => {
      const before = i === 0 ? x : this.add('Relu', `${name}.relu${i}`, [inner]);
      inner = this.convNorm(`${name}.conv${i + 1}`, `${name}.bn${i + 1}`, before, layer);
    });
    const shortcut = { out, kernel: 1, stride, scale: 1 };
    const same = stride === 1 && x.channels === out;
    const kept = same ? x : this.convNorm(`${name}.downsample.0`, `${name}.downsample.1`, x, shortcut);
    return this.add('Relu', `${name}.relu`, [this.add('Add', `${name}.add`, [inner, kept])]);
  }

  /** A convolution without bias and its batch norm, of which `scale` is about the weight; or both as one convolution. */
  convNorm(
    conv: string,
    norm: string,
    x: Flow,
    { out, kernel, stride, scale }: { out: number; kernel: number; stride: number; scale: number },
  ): Flow {
    const dims = [out, x.channels, kernel, kernel];
    const fanIn = x.channels * kernel * kernel;
    const weight = this.#uniform(out * fanIn, 0, Math.sqrt(6 / fanIn));
    const gamma = this.#uniform(out, scale, 0.2 * scale);
    const beta = this.#uniform(out, 0, 0.2);
    const variance = this.#uniform(out, 2 * x.power, x.power);
    const mean = this.#uniform(out, 0, 0.2 * Math.sqrt(x.power));
    this.state.set(`${conv}.weight`, { dims, values: weight });
    const parts = { weight: gamma, bias: beta, running_mean: mean, running_var: variance };
    for (const [part, values] of Object.entries(parts))
      this.state.set(`${norm}.${part}`, { dims: [out], values });
    const attributes = {
      kernel_shape: [kernel, kernel],
      strides: [stride, stride],
      pads: Array(4).fill((kernel - 1) / 2),
    };
    const flow = { channels: out, power: scale * scale };
    if (this.#fold) {
      const factor = gamma.map((value, i) => value / Math.sqrt(variance[i]! + EPSILON));
      const shift = beta.map((value, i) => value - mean[i]! * factor[i]!);
      const folded = weight.map((value, i) => value * factor[Math.floor(i / fanIn)]!);
      const inputs = [
        this.#weight(`${conv}.weight`, dims, folded),
        this.#weight(`${conv}.bias`, [out], shift),
      ];
      return { ...flow, tensor: this.#node('Conv', conv, [x.tensor, ...inputs], attributes) };
    }
    const inputs = [x.tensor, this.#weight(`${conv}.weight`, dims, weight)];
    const convolved = this.#node('Conv', conv, inputs, attributes);
    const statistics = Object.entries(parts).map(([part, values]) =>
      this.#weight(`${norm}.${part}`, [out], values),
    );
    return { ...flow, tensor: this.#node('BatchNormalization', norm, [convolved, ...statistics], {}) };
  }

  linear(name: string, x: Flow, out: number, output: string): void {
    const bound = 1 / Math.sqrt(x.channels);
    const parts = { weight: [out, x.channels], bias: [out] };
    const inputs = Object.entries(parts).map(([part, dims]) => {
      const values = this.#uniform(
        dims.reduce((a, b) => a * b),
        0,
        bound,
      );
      this.state.set(`${name}.${part}`, { dims, values });
      return this.#weight(`${name}.${part}`, dims, values);
    });
    this.#node('Gemm', name, [x.tensor, ...inputs], { transB: 1 }, output);
  }

  /** An operator without weights. */
  add(opType: string, name: string, inputs: readonly Flow[], attributes: Attributes = {}): Flow {
    const tensor = this.#node(
      opType,
      name,
      inputs.map((input) => input.tensor),
      attributes,
    );
    const power = inputs.reduce((sum, input) => sum + input.power, 0);
    // A rectifier halves the mean square of what is symmetric about 0; a sum with rectified values is mostly positive.
    const halved = opType === 'Relu' && !inputs[0]!.tensor.includes('.add');
    return { tensor, channels: inputs[0]!.channels, power: halved ? power / 2 : power };
  }

  bytes(size: number, classes: number): Uint8Array {
    const graph = create(GraphProtoSchema, {
      name: 'resnet',
      node: this.#nodes,
      initializer: this.#weights,
      input: [makeValue(INPUT.tensor, FLOAT, ['N', 3, size, size])],
      output: [makeValue('logits', FLOAT, ['N', classes])],
    });
    const opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: OPSET })];
    return encode(create(ModelProtoSchema, { irVersion: 8n, producerName: 'mis-bench', graph, opsetImport }));
  }

  #node(
    opType: string,
    name: string,
    inputs: readonly string[],
    attributes: Attributes,
    output = `/${name}/${opType}_output_0`,
  ): string {
    this.#nodes.push(makeNode(opType, inputs, [output], attributes));
    return output;
  }

  #weight(name: string, dims: readonly number[], values: Float32Array): string {
    this.#weights.push(floatTensor(dims, values, name));
    return name;
  }

  /** Values evenly spread over [centre − reach, centre + reach). */
  #uniform(length: number, centre: number, reach: number): Float32Array {
    const drawn = new Uint32Array(length);
    this.#random.fillBelow(drawn, STEPS);
    const values = new Float32Array(length);
    for (let i = 0; i < length; i++) values[i] = centre + reach * ((2 * drawn[i]! + 1) / STEPS - 1);
    return values;
  }
}

/** A power of two below `MAX_COUNT`, so that a spread of values has none that is likelier. */
const STEPS = 2 ** 20;
