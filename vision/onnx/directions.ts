import { open } from 'node:fs/promises';
import { create, toBinary } from '@bufbuild/protobuf';
import { isUserError, UserError } from '../../common/errors.ts';
import { readAll } from '../../tables/arrow.ts';
import { declared, floatTensor, makeNode, makeValue } from './build.ts';
import { computedInputs } from './input.ts';
import { checkInference, FLOAT, readModel } from './model.ts';
import { GraphProtoSchema, ModelProtoSchema, OperatorSetIdProtoSchema } from './onnx_pb.ts';
import { noise } from './probe.ts';
import { createSession, type Inference, type InferenceSession, leastRows, runFeeds } from './session.ts';

/**
 * Units that are directions in the space of a layer: the latents of a sparse autoencoder, the atoms of a dictionary, probes
 * [MIS]. Plain JSON.
 */
export interface Direction {
  /** Name of the layer that they make up in tables. */
  readonly name: string;
  /** The layer or tensor that they read, as a selector of layers that matches one. */
  readonly layer: string;
  /** Absolute path: ONNX [N, C] → [N, M], or an Arrow table with a row of C numbers for each of M directions. */
  readonly file: string;
  /**
   * `position`: they are applied to the C channels of every position or token, and a unit's activation is the mean over
   * these; `pooled`: they are applied to the mean.
   */
  readonly per: 'position' | 'pooled';
  /** Output of the ONNX file, where it has several. */
  readonly output?: string | undefined;
  /** What follows the matrix of an Arrow table. */
  readonly activation?: 'none' | 'relu' | undefined;
}

/** Directions, ready to be applied. */
export interface OpenDirections {
  /** M, the number of units. */
  readonly units: number;
  /**
   * Applies them to `rows` images with `positions` positions each, flat [rows · positions, C], and averages over the
   * positions in float64: flat [rows, M]. Blocks the thread. An image's result doesn't depend on the others.
   */
  apply(values: Float32Array, rows: number, positions: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Results of so many bytes are computed at once. */
const TOGETHER = 64 * 2 ** 20;

/**
 * Opens directions for a layer of C channels, in a session of their own: so neither the operator set nor the format's
 * version of the model count. Throws a UserError when the file isn't of a form above, or was made for another C.
 */
export async function openDirections(
  direction: Direction,
  channels: number,
  inference: Inference = {},
): Promise<OpenDirections> {
  const { file } = direction;
  const { bytes, input, output } = (await isArrow(file))
    ? await matrixModel(direction, channels)
    : await onnxModel(direction, channels);
  const session = await createSession(bytes, { ...inference, file, optimise: true });
  const run = async (data: Float32Array) => {
    const feed = { type: 'float32', data, dims: [data.length / channels, channels] } as const;
    const failed = `The directions ${file} can't be applied to ${channels} channels of the layer "${direction.layer}"`;
    return (await runFeeds(session, { [input]: feed }, [output], failed)).get(output)!;
  };
  try {
    const units = await trial(direction, session, output, channels, run);
    return {
      units,
      async apply(values, rows, positions) {
        const result = new Float32Array(rows * units);
        const each = positions * channels;
        const most = Math.max(leastRows(inference), Math.floor(TOGETHER / (4 * positions * units)));
        for (let from = 0; from < rows; from += most) {
          const to = Math.min(rows, from + most);
          const { data } = await run(values.subarray(from * each, to * each));
          if (positions === 1) result.set(data, from * units);
          else average(data, positions, units, result.subarray(from * units, to * units));
        }
        return result;
      },
      close: () => session.release(),
    };
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** Means over the positions of every image: [images · positions, units] → [images, units]. */
function average(data: Float32Array, positions: number, units: number, result: Float32Array): void {
  const sums = new Float64Array(units);
  for (let image = 0; image < result.length / units; image++) {
    sums.fill(0);
    for (let row = image * positions; row < (image + 1) * positions; row++) {
      for (let unit = 0; unit < units; unit++) sums[unit] = sums[unit]! + data[row * units + unit]!;
    }
    for (let unit = 0; unit < units; unit++) result[image * units + unit] = sums[unit]! / positions;
  }
}

/** A graph as bytes, with the names of its input and output. */
interface Source {
  readonly bytes: Uint8Array;
  readonly input: string;
  readonly output: string;
}

async function isArrow(file: string): Promise<boolean> {
  const handle = await open(file, 'r').catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === 'ENOENT' ? 'there is no such file' : (error.code ?? error.message);
    throw new UserError(`The directions ${file} can't be read: ${reason}.`);
  });
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(6), 0, 6, 0);
    return bytesRead === 6 && buffer.toString('latin1') === 'ARROW1';
  } finally {
    await handle.close();
  }
}

async function onnxModel({ file, output, layer, activation }: Direction, channels: number): Promise<Source> {
  const model = await readModel(file);
  checkInference(model);
  if (model.external.length > 0) {
    throw new UserError(
      `The ONNX file ${file} of directions keeps weights in a file of its own (${model.external[0]}), which only models may. Export it with the weights inside.`,
    );
  }
  if (activation !== undefined) {
    throw new UserError(
      `\`activation: ${activation}\` is for directions in an Arrow table; the ONNX file ${file} has its own. Leave the key out.`,
    );
  }
  const inputs = computedInputs(model.graph);
  const known = inputs.map((input) => ({ name: input.name, ...declared(input) }));
  const [input] = known;
  const { elemType, shape = [null, null] } = input ?? { elemType: 0 };
  const asked = shape.at(-1);
  if (!input || inputs.length > 1 || elemType !== FLOAT || shape.length !== 2) {
    const shown = known.map(
      ({ name, shape: axes }) => `"${name}" [${axes?.map((axis) => axis ?? '?') ?? '?'}]`,
    );
    throw new UserError(
      `The ONNX file ${file} can't hold directions: one input [N, C] of float32 is needed, and it has ${shown.join(', ') || 'none'}. Export it for rows of channels, without axes for positions.`,
    );
  }
  if (typeof asked === 'number' && asked > 0 && asked !== channels) {
    throw new UserError(
      `The directions ${file} are made for ${asked} channels, but the layer "${layer}" has ${channels}. Name the layer that they were made for.`,
    );
  }
  if (typeof shape[0] === 'number' && shape[0] > 0) {
    throw new UserError(
      `The directions ${file} take exactly ${shape[0]} rows at a time. Export them with a free first axis (dynamic_axes).`,
    );
  }
  const names = model.graph.output.map(({ name }) => name);
  const chosen = output ?? (names.length === 1 ? names[0] : undefined);
  if (chosen !== undefined && names.includes(chosen))
    return { bytes: model.bytes, input: input.name, output: chosen };
  const listed = names.map((name) => `"${name}"`).join(', ');
  throw new UserError(
    output === undefined
      ? `It can't be told which output of the ONNX file ${file} holds the directions' values. Name it with \`output\`; there are ${listed}.`
      : `The ONNX file ${file} of directions has no output "${output}"; it has ${listed}.`,
  );
}

/** x · dᵀ + b, and the activation function, for the rows d of an Arrow table. */
async function matrixModel(
  { file, output, layer, activation }: Direction,
  channels: number,
): Promise<Source> {
  if (output !== undefined) {
    throw new UserError(
      `\`output: ${output}\` is for ONNX files, and the directions ${file} are a table. Leave the key out.`,
    );
  }
  const { directions, width, bias, count } = await readMatrix(file);
  if (width !== channels) {
    throw new UserError(
      `The directions ${file} are rows of ${width} numbers, but the layer "${layer}" has ${channels} channels. Name the layer that they were made for.`,
    );
  }
  const relu = activation === 'relu' ? [makeNode('Relu', ['products'], ['values'])] : [];
  const graph = create(GraphProtoSchema, {
    name: 'directions',
    node: [
      makeNode('Gemm', ['rows', 'directions', 'bias'], [relu.length > 0 ? 'products' : 'values'], {
        transB: 1,
      }),
      ...relu,
    ],
    initializer: [floatTensor([count, width], directions, 'directions'), floatTensor([count], bias, 'bias')],
    input: [makeValue('rows', FLOAT, ['N', width])],
    output: [makeValue('values', FLOAT, ['N', count])],
  });
  const opsetImport = [create(OperatorSetIdProtoSchema, { domain: '', version: 17n })];
  const proto = create(ModelProtoSchema, { irVersion: 8n, graph, opsetImport });
  return { bytes: toBinary(ModelProtoSchema, proto), input: 'rows', output: 'values' };
}

async function readMatrix(file: string) {
  const rows = await readAll(file).catch((error) => {
    if (!isUserError(error)) throw error;
    throw new UserError(
      `${error.message} If it is compressed, as Feather files are unless told otherwise, write it without.`,
    );
  });
  try {
    const { values: directions, width } = rows.floats('direction');
    const count = rows.rows;
    const bias = rows.columns.includes('bias') ? rows.float32('bias') : new Float32Array(count);
    if (count > 0 && width > 0) return { directions, width, bias, count };
  } catch {
    // Told below.
  }
  throw new UserError(
    `The table ${file} can't hold directions: a column \`direction\` of fixed-size lists of float32, a row a direction, is needed, and \`bias\`, if there is one, of float32. It has the columns ${rows.columns.join(', ')}.`,
  );
}

/** Runs some noise to see how many directions there are, and that no row of the result depends on another row. */
async function trial(
  { file }: Direction,
  session: InferenceSession,
  output: string,
  channels: number,
  run: (rows: Float32Array) => Promise<{ data: Float32Array; shape: readonly number[] }>,
): Promise<number> {
  const info = session.outputMetadata.find(({ name }) => name === output);
  if (!info?.isTensor || info.type !== 'float32') {
    throw new UserError(
      `The output "${output}" of the directions ${file} is ${info?.isTensor ? info.type : 'no tensor'}; float32 is needed.`,
    );
  }
  const rows = Float32Array.from(noise(5 * channels), (byte) => (byte - 128) / 64);
  const { data, shape } = await run(rows);
  const units = shape[1] ?? 0;
  if (shape.length !== 2 || shape[0] !== 5 || units === 0) {
    throw new UserError(
      `The directions ${file} put out values of the shape [${shape}] for 5 rows of ${channels} channels; a row of values for each, [5, M], is needed.`,
    );
  }
  const part = await run(rows.subarray(2 * channels));
  const largest = data.reduce((most, value) => Math.max(most, Math.abs(value)), 0) || 1;
  const moved = part.data.some((value, i) => Math.abs(value - data[2 * units + i]!) > 1e-4 * largest);
  if (!moved) return units;
  throw new UserError(
    `In the directions ${file} what comes out for one row depends on the other rows (a batch norm in training mode, or a top-k over the batch?). Export them as they are used for a single position.`,
  );
}
