import { UserError } from '../../common/errors.ts';
import {
  normalisation,
  type Preprocess,
  type ResolvedPreprocess,
  resolvePreprocess,
} from '../images/preprocess-spec.ts';
import { encode, makeNode, shallow, withGraph } from './build.ts';
import { inPrecision } from './half.ts';
import {
  asImages,
  BATCH,
  computedInputs,
  type ImageInput,
  PIXELS,
  type PixelInput,
  withPixels,
} from './input.ts';
import { checkBytes } from './loaded.ts';
import { checkInference, FLOAT, holdsFloat16, type Model, readModel, UINT8 } from './model.ts';
import { noise } from './probe.ts';
import { pruned } from './prune.ts';
import { scalesByBatch } from './quantised.ts';
import {
  boundTo,
  createSession,
  type Inference,
  type InferenceSession,
  leastRows,
  runFeeds,
} from './session.ts';
import { inferShapes } from './shapes.ts';

/** How a model of two images is to be run. */
export interface PairOptions {
  /** Names of the inputs of a and b in f(a, b); by default the model's two, in its order. */
  readonly inputs?: readonly [string, string] | undefined;
  /** Name of the output that is f, or `auto`: the only one. */
  readonly output: string;
  readonly preprocess: Preprocess;
  readonly inference?: Inference;
}

/** A model that takes two images and puts out one number, ready to run. */
export interface PairNetwork {
  readonly file: string;
  readonly preprocess: ResolvedPreprocess;
  /** The batch size that the model is bound to; undefined where any will do. */
  readonly batch: number | undefined;
  /**
   * f(aᵢ, bᵢ) of `count` pairs; a and b are uint8 RGB, flat [count, height, width, 3]. Blocks the thread. Results don't
   * depend on which pairs share a batch.
   */
  run(a: Uint8Array, b: Uint8Array, count: number): Promise<Float32Array>;
  close(): Promise<void>;
}

/** Name of the edited model's second input; the first is `PIXELS`. */
const SECOND = 'mis/second';

/**
 * Reads, edits and loads a model of two images, [batch, 3, H, W] or [batch, H, W, 3] each: 8-bit pixels in, with the
 * same normalisation for both, one float32 a pair out, whatever the axes of length 1 around it ([batch], [batch, 1] …).
 * A batch size that the model fixes is kept. Throws a UserError when the model can't be used so.
 */
export async function openPairs(file: string, options: PairOptions): Promise<PairNetwork> {
  const model = await readModel(file);
  checkInference(model);
  const inputs = pairInputs(model, options.inputs);
  const preprocess = resolved(model, inputs, options.preprocess);
  const [height, width] = preprocess.size;
  const pixels = { height, width, layout: preprocess.layout, ...normalisation(preprocess) };
  if (inputs.some(({ elemType }) => elemType === UINT8)) checkBytes(model.file, pixels);
  const fixed = Math.max(...inputs.map(({ shape }) => Number(shape[0]) || 0), 0);
  const computed = await inPrecision(model, options.inference);
  const edit = (batch: number | undefined) =>
    load(computed, pairInputs(computed, options.inputs), options, pixels, batch);
  // Where scales are taken from the values of a batch, a pair must be alone in it.
  const bound = scalesByBatch(model.graph) ? 1 : fixed || undefined;
  const { session, output, batch } = await tried(model, pixels, edit, bound);
  const run = async (a: Uint8Array, b: Uint8Array, count: number) => {
    const rows = batch ?? Math.max(leastRows(options.inference ?? {}), count);
    const values = await runPairs(model.file, session, output, pixels, a, b, count, rows);
    return values.subarray(0, count);
  };
  return { file: model.file, preprocess, batch, run, close: () => session.release() };
}

/** The two inputs, checked. */
function pairInputs(model: Model, names: readonly [string, string] | undefined): [ImageInput, ImageInput] {
  const all = computedInputs(model.graph);
  const listed = all.map(({ name }) => `"${name}"`).join(', ') || 'none';
  const chosen = names?.map((name) => all.find((input) => input.name === name)) ?? all;
  const [a, b] = chosen;
  if (!a || !b || a === b || all.length !== 2) {
    throw new UserError(
      names && all.length === 2
        ? `The model ${model.file} has no two inputs ${names.map((name) => `"${name}"`).join(' and ')}; its inputs: ${listed}. Correct \`inputs\`.`
        : `The model ${model.file} can't compare pairs of images: \`similarity: pairwise\` needs a model of two image inputs, and it has ${all.length} (${listed}).`,
    );
  }
  return [asImages(model.file, a), asImages(model.file, b)];
}

function resolved(model: Model, inputs: readonly ImageInput[], given: Preprocess): ResolvedPreprocess {
  const [a, b] = inputs.map(({ shape }) => resolvePreprocess(given, shape));
  if (JSON.stringify(a) === JSON.stringify(b)) return a!;
  throw new UserError(
    `The two inputs of the model ${model.file} take images of different form: ${inputs
      .map(({ name, shape }) => `"${name}" [${shape.map((axis) => axis ?? '?').join(', ')}]`)
      .join(' and ')}. Both must take the same.`,
  );
}

interface Ready {
  readonly session: InferenceSession;
  readonly output: string;
  readonly batch: number | undefined;
}

async function load(
  model: Model,
  [a, b]: readonly [ImageInput, ImageInput],
  { output: wanted, inference }: PairOptions,
  pixels: PixelInput,
  batch: number | undefined,
): Promise<Ready> {
  const axis = batch ?? BATCH;
  const graph = withPixels(withPixels(model.graph, a, pixels, axis), b, pixels, axis, SECOND);
  const name = outputOf(model, wanted);
  const { type } = (await inferShapes(model, graph, [name])).get(name)!;
  const output = type === 'float32' ? name : 'mis/output/0';
  const copy = shallow(graph);
  if (output !== name) copy.node = [...graph.node, makeNode('Cast', [name], [output], { to: FLOAT })];
  const bytes = encode(withGraph(model.proto, pruned(copy, [output])));
  const holds = { ...boundTo(batch, inference), holdsFloat16: holdsFloat16(model.graph) };
  const options = { file: model.file, optimise: true, ...holds };
  return { session: await createSession(bytes, options), output, batch };
}

function outputOf({ file, graph }: Model, wanted: string): string {
  const names = graph.output.map(({ name }) => name);
  const found = wanted === 'auto' ? (names.length === 1 ? names[0] : undefined) : wanted;
  if (found !== undefined && names.includes(found)) return found;
  const listed = names.map((name) => `"${name}"`).join(', ');
  throw new UserError(
    wanted === 'auto'
      ? `It can't be told which output of the model ${file} is the similarity of a pair. Name it with \`output\`; there are ${listed}.`
      : `The model ${file} has no output "${wanted}"; it has ${listed}.`,
  );
}

/** The edited model, tried on a batch of noise; where it claims to take any batch but fails, bound to one pair. */
async function tried(
  model: Model,
  pixels: PixelInput,
  edit: (batch: number | undefined) => Promise<Ready>,
  fixed: number | undefined,
): Promise<Ready> {
  const attempt = async (batch: number | undefined) => {
    const ready = await edit(batch);
    const rows = batch ?? 3;
    const images = noise(2 * rows * pixels.height * pixels.width * 3);
    const half = images.length / 2;
    const [a, b] = [images.subarray(0, half), images.subarray(half)];
    try {
      await runPairs(model.file, ready.session, ready.output, pixels, a, b, rows, rows);
      return ready;
    } catch (error) {
      await ready.session.release();
      throw error;
    }
  };
  if (fixed !== undefined) return attempt(fixed);
  try {
    return await attempt(undefined);
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    return attempt(1).catch(() => {
      throw error;
    });
  }
}

/** One value for each of `rows` pairs: `count` given ones, and black ones after them. */
async function runPairs(
  file: string,
  session: InferenceSession,
  output: string,
  { height, width }: PixelInput,
  a: Uint8Array,
  b: Uint8Array,
  count: number,
  rows: number,
): Promise<Float32Array> {
  const feed = (images: Uint8Array) => {
    const data = new Uint8Array(rows * height * width * 3);
    data.set(images.subarray(0, count * height * width * 3));
    return { type: 'uint8', data, dims: [rows, height, width, 3] } as const;
  };
  const failed = `The model ${file} failed on a batch of ${rows} pairs of images of ${height} × ${width} pixels`;
  const values = await runFeeds(session, { [PIXELS]: feed(a), [SECOND]: feed(b) }, [output], failed);
  const { data, shape } = values.get(output)!;
  if (data.length === rows && shape[0] === rows) return data;
  throw new UserError(
    `The model ${file} put out values of the shape [${shape}] for ${rows} pairs of images; one number a pair, [${rows}] or [${rows}, 1], is needed. Export it with a free batch size, and without averaging over the batch.`,
  );
}
