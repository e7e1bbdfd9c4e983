import { UserError } from '../../common/errors.ts';
import { normalisation, type ResolvedPreprocess, resolvePreprocess } from '../images/preprocess-spec.ts';
import { wire } from './graph.ts';
import { imageInput, type PixelInput } from './input.ts';
import { type Instrumented, instrument, instrumentBound, type Wanted } from './instrument.ts';
import { findLayers } from './layers.ts';
import { checkInference, type Model, UINT8 } from './model.ts';
import type { KeptOutput, NetworkLayer, NetworkOptions, Results } from './network.ts';
import { matrices, pickEmbedding, pickOutput } from './outputs.ts';
import { noise } from './probe.ts';
import { type Selected, selectLayers } from './select.ts';
import { createSession, type InferenceSession, runPixels } from './session.ts';

/** A model in memory, ready to run. */
export interface Loaded {
  readonly file: string;
  readonly session: InferenceSession;
  readonly layers: readonly NetworkLayer[];
  readonly output: KeptOutput | undefined;
  readonly candidates: readonly string[];
  readonly preprocess: ResolvedPreprocess;
  readonly batch: number | undefined;
  /** Size of the images, and the names under which results leave the session: taps, then the kept output. */
  readonly pixels: PixelInput;
  readonly names: readonly string[];
}

/** Edits a model for the options, loads it and tries it on noise. Throws a UserError when that can't be done. */
export async function load(model: Model, options: NetworkOptions): Promise<Loaded> {
  checkInference(model);
  const input = imageInput(model);
  const preprocess = resolvePreprocess(options.preprocess, input.shape);
  const [height, width] = preprocess.size;
  const wiring = wire(model.graph);
  const selected = selectLayers(wiring, findLayers(wiring), options.layers, model.file);
  const candidates = options.output === 'auto' ? await matrices(model) : [];
  const kept = (options.outputNeeded ? pickEmbedding : pickOutput)(model, options.output, candidates);
  const wanted = { taps: selected, outputs: kept === undefined ? [] : [kept], tokens: options.tokens };
  const pixels = { height, width, layout: preprocess.layout, ...normalisation(preprocess) };
  if (input.elemType === UINT8) checkBytes(model.file, pixels);
  const { edited, session, length } = await tried(model, wanted, pixels);
  return {
    file: model.file,
    session,
    layers: described(selected, edited),
    output: kept === undefined ? undefined : { name: kept, length },
    candidates,
    preprocess,
    batch: edited.batch,
    pixels,
    names: namesOf(edited),
  };
}

/** A model that takes bytes does the normalisation itself. */
function checkBytes(file: string, { scale, bias }: PixelInput): void {
  if (scale.every((value) => value === 1) && bias.every((value) => value === 0)) return;
  throw new UserError(
    `The model ${file} takes 8-bit pixels and normalises them itself. Set \`preprocess.range: [0, 255]\` and leave \`mean\` and \`std\` out.`,
  );
}

interface Tried {
  readonly edited: Instrumented;
  readonly session: InferenceSession;
  /** Values of the kept output for an image; 0 where there is none. */
  readonly length: number;
}

/**
 * The edited model, tried on a batch of three. Some models say that they take any batch and fail on it: they are then
 * tried with one image at a time, and if that works, bound to it.
 */
async function tried(model: Model, wanted: Wanted, pixels: PixelInput): Promise<Tried> {
  try {
    return await tryOn(model, wanted, await instrument(model, wanted, pixels));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const alone = instrumentBound(model, wanted, pixels, 1).then((edited) => tryOn(model, wanted, edited));
    return alone.catch(() => {
      throw error;
    });
  }
}

async function tryOn(model: Model, wanted: Wanted, edited: Instrumented): Promise<Tried> {
  const session = await createSession(edited.bytes, { file: model.file, optimise: true });
  try {
    const { pixels, taps, outputs, batch: rows = 3 } = edited;
    const images = noise(rows * pixels.height * pixels.width * 3);
    const values = await runPixels(session, images, rows, pixels, namesOf(edited), model.file);
    const lengthOf = (name: string) => values.get(name)!.data.length / rows;
    taps.forEach(({ output, units }, i) => {
      if (lengthOf(output) !== units) throw notBatched(model.file, wanted.taps[i]!.name, rows);
    });
    const length = outputs[0] === undefined ? 0 : lengthOf(outputs[0]);
    if (!Number.isInteger(length)) throw notBatched(model.file, wanted.outputs[0]!, rows);
    return { edited: { ...edited, bytes: new Uint8Array() }, session, length };
  } catch (error) {
    await session.release();
    throw error;
  }
}

const namesOf = ({ taps, outputs }: Instrumented) => [...taps.map(({ output }) => output), ...outputs];

function described(selected: readonly Selected[], { taps }: Instrumented): NetworkLayer[] {
  return selected.map(({ name, type, op, tensor, note }, depth) => {
    const layer = { name, type, op, tensor, units: taps[depth]!.units, depth };
    return note === undefined ? layer : { ...layer, note };
  });
}

/**
 * Runs `count` images. A single one gets a black companion (unless the model is bound to one image): the runtime averages
 * in another order when the batch is 1, which would change the last bit of results with the batch size.
 */
export async function run(loaded: Loaded, images: Uint8Array, count: number): Promise<Results> {
  const { file, session, layers, output, batch, pixels, names } = loaded;
  const rows = batch ?? Math.max(2, count);
  const values = await runPixels(session, filled(images, count, rows), rows, pixels, names, file);
  const take = (index: number, width: number, what: string) => {
    const { data } = values.get(names[index]!)!;
    if (data.length !== rows * width) throw notBatched(file, what, rows);
    return data.subarray(0, count * width);
  };
  return {
    activations: layers.map(({ units, name }, i) => take(i, units, name)),
    output: output && take(layers.length, output.length, output.name),
  };
}

/** The images, followed by black ones up to the number of rows. */
function filled(images: Uint8Array, count: number, rows: number): Uint8Array {
  if (count === rows) return images;
  if (count > rows) throw new Error(`${count} images for a model that is bound to ${rows}`);
  const all = new Uint8Array((images.length / count) * rows);
  all.set(images);
  return all;
}

function notBatched(file: string, what: string, rows: number): UserError {
  return new UserError(
    `The model ${file} put out "${what}" in a shape that has no row for each of the ${rows} images of a batch. Export the model again with a free batch size (dynamic_axes or dynamic_shapes).`,
  );
}
