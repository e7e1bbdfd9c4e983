import { UserError } from '../../common/errors.ts';
import { normalisation, type ResolvedPreprocess, resolvePreprocess } from '../images/preprocess-spec.ts';
import { type DirectionLayer, directionLayers } from './direction-layers.ts';
import { type OpenDirections, openDirections } from './directions.ts';
import { wire } from './graph.ts';
import { inPrecision } from './half.ts';
import { imageInput, type PixelInput } from './input.ts';
import { type Instrumented, instrument, instrumentBound, type Wanted } from './instrument.ts';
import { findLayers } from './layers.ts';
import { checkInference, holdsFloat16, type Model, UINT8 } from './model.ts';
import type { KeptOutput, NetworkLayer, NetworkOptions, Results } from './network.ts';
import { matrices, pickEmbedding, pickOutput } from './outputs.ts';
import { noise } from './probe.ts';
import { type Selected, selectLayers } from './select.ts';
import {
  boundTo,
  createSession,
  type Inference,
  type InferenceSession,
  type Into,
  leastRows,
  runPixels,
} from './session.ts';

/** A model in memory, ready to run. */
export interface Loaded {
  readonly file: string;
  readonly session: InferenceSession;
  /** In execution order, directions behind the layer whose depth they have. */
  readonly layers: readonly NetworkLayer[];
  /** For each layer: the tap that it is read from, and the directions that are applied to that, if it is one of those. */
  readonly sources: readonly { readonly tap: number; readonly directions?: OpenDirections }[];
  readonly taps: Instrumented['taps'];
  readonly output: KeptOutput | undefined;
  readonly candidates: readonly string[];
  readonly preprocess: ResolvedPreprocess;
  readonly batch: number | undefined;
  /** Rows that a batch has at least. */
  readonly least: number;
  /** The name under which the kept output leaves the session. */
  readonly kept: string | undefined;
  /** Size of the images, and the names under which results leave the session. */
  readonly pixels: PixelInput;
  readonly names: readonly string[];
  /** What the last run's results are in. */
  readonly last: { rows: number; readonly outputs: Into; readonly layers: Float32Array[] };
}

/** Edits a model for the options, loads it and tries it on noise. Throws a UserError when that can't be done. */
export async function load(model: Model, options: NetworkOptions): Promise<Loaded> {
  checkInference(model);
  const input = imageInput(model);
  const preprocess = resolvePreprocess(options.preprocess, input.shape);
  const [height, width] = preprocess.size;
  const wiring = wire(model.graph);
  const found = findLayers(wiring);
  const selected = selectLayers(wiring, found, options.layers, model.file);
  const read = directionLayers(wiring, found, selected, options.directions ?? [], model.file);
  const candidates = options.output === 'auto' ? await matrices(model) : [];
  const kept = (options.outputNeeded ? pickEmbedding : pickOutput)(model, options.output, candidates);
  const taps = [...selected, ...read.map(({ tap }) => tap)];
  const wanted = { taps, outputs: kept === undefined ? [] : [kept], tokens: options.tokens };
  const pixels = { height, width, layout: preprocess.layout, ...normalisation(preprocess) };
  if (input.elemType === UINT8) checkBytes(model.file, pixels);
  const { edited, session, length } = await tried(
    await inPrecision(model, options.inference),
    wanted,
    pixels,
    options.inference,
  );
  const opened: OpenDirections[] = [];
  try {
    for (const [i, { direction }] of read.entries()) {
      opened.push(
        await openDirections(direction, edited.taps[selected.length + i]!.units, options.inference),
      );
    }
  } catch (error) {
    await release({ session, sources: opened.map((directions) => ({ tap: 0, directions })) });
    throw error;
  }
  const { layers, sources } = described(selected, read, edited, opened);
  return {
    file: model.file,
    session,
    layers,
    sources,
    taps: edited.taps,
    output: kept === undefined ? undefined : { name: kept, length },
    candidates,
    preprocess,
    batch: edited.batch,
    least: leastRows(options.inference ?? {}),
    pixels,
    kept: edited.outputs[0],
    names: namesOf(edited),
    last: { rows: 0, outputs: new Map(), layers: [] },
  };
}

/** Gives back the sessions. */
export async function release({ session, sources }: Pick<Loaded, 'session' | 'sources'>): Promise<void> {
  await session.release();
  for (const { directions } of sources) await directions?.close();
}

/** Throws a UserError when a model that takes bytes, and so normalises them itself, would get others. */
export function checkBytes(file: string, { scale, bias }: PixelInput): void {
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
async function tried(
  model: Model,
  wanted: Wanted,
  pixels: PixelInput,
  inference: Inference | undefined,
): Promise<Tried> {
  const attempt = (edited: Instrumented) => tryOn(model, wanted, edited, boundTo(edited.batch, inference));
  try {
    return await attempt(await instrument(model, wanted, pixels));
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    const alone = instrumentBound(model, wanted, pixels, 1).then(attempt);
    return alone.catch(() => {
      throw error;
    });
  }
}

async function tryOn(
  model: Model,
  wanted: Wanted,
  edited: Instrumented,
  inference: Inference,
): Promise<Tried> {
  const holds = { ...inference, holdsFloat16: holdsFloat16(model.graph) };
  const session = await createSession(edited.bytes, { file: model.file, optimise: true, ...holds });
  try {
    const { pixels, taps, outputs, batch: rows = 3 } = edited;
    const images = noise(rows * pixels.height * pixels.width * 3);
    const values = await runPixels(session, images, rows, pixels, namesOf(edited), model.file);
    const lengthOf = (name: string) => values.get(name)!.data.length / rows;
    taps.forEach(({ output, width }, i) => {
      if (lengthOf(output) !== width) throw notBatched(model.file, wanted.taps[i]!.name, rows);
    });
    const length = outputs[0] === undefined ? 0 : lengthOf(outputs[0]);
    if (!Number.isInteger(length)) throw notBatched(model.file, wanted.outputs[0]!, rows);
    return { edited: { ...edited, bytes: new Uint8Array() }, session, length };
  } catch (error) {
    await session.release();
    throw error;
  }
}

const namesOf = ({ taps, outputs }: Instrumented) => [
  ...new Set([...taps.map(({ output }) => output), ...outputs]),
];

/** The layers and where they come from: those of the model by depth, each followed by the directions of its depth. */
function described(
  selected: readonly Selected[],
  read: readonly DirectionLayer[],
  { taps }: Instrumented,
  opened: readonly OpenDirections[],
): Pick<Loaded, 'layers' | 'sources'> {
  const all = [
    ...selected.map(({ name, type, op, tensor, note }, depth) => {
      const layer = { name, type, op, tensor, units: taps[depth]!.units, depth };
      return { layer: note === undefined ? layer : { ...layer, note }, source: { tap: depth } };
    }),
    ...read.map(({ layer }, i) => {
      const directions = opened[i]!;
      const source = { tap: selected.length + i, directions };
      return { layer: { ...layer, units: directions.units }, source };
    }),
  ].sort((a, b) => a.layer.depth - b.layer.depth);
  return { layers: all.map(({ layer }) => layer), sources: all.map(({ source }) => source) };
}

/**
 * Runs `count` images. A few get black companions (see `leastRows`), unless the model is bound to a batch size. The results hold
 * until the next run.
 */
export async function run(loaded: Loaded, images: Uint8Array, count: number): Promise<Results> {
  const { file, session, layers, sources, taps, output, batch, least, pixels, names, last } = loaded;
  const rows = batch ?? Math.max(least, count);
  if (rows !== last.rows) last.outputs.clear();
  last.rows = rows;
  const all = filled(images, count, rows);
  const values = await runPixels(session, all, rows, pixels, names, file, last.outputs);
  const table = (name: string, width: number, what: string) => {
    const { data } = values.get(name)!;
    if (data.length !== rows * width) throw notBatched(file, what, rows);
    return data;
  };
  const activations: Float32Array[] = [];
  for (const [i, { tap, directions }] of sources.entries()) {
    const { output: name, units, positions, first, width } = taps[tap]!;
    const from = table(name, width, layers[i]!.name);
    last.layers[i] = columns(from, width, first, units * positions, last.layers[i]);
    const found = directions ? await directions.apply(last.layers[i], rows, positions) : last.layers[i];
    activations.push(found.subarray(0, count * layers[i]!.units));
  }
  const kept = output && table(loaded.kept!, output.length, output.name).subarray(0, count * output.length);
  return { activations, output: kept };
}

/** The columns `first` to `first + count` of a table whose rows are `width` long; into the array, if it is large enough. */
function columns(
  table: Float32Array,
  width: number,
  first: number,
  count: number,
  into: Float32Array | undefined,
): Float32Array {
  if (count === width) return table;
  const length = (table.length / width) * count;
  const found = into && into.length >= length ? into : new Float32Array(length);
  for (let from = first, to = 0; to < length; from += width, to += count)
    found.set(table.subarray(from, from + count), to);
  return found.subarray(0, length);
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
