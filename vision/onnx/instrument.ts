import { UserError } from '../../common/errors.ts';
import { encode, makeNode, shallow, withGraph } from './build.ts';
import { type Wiring, wire } from './graph.ts';
import { BATCH, freeReshapes, type ImageInput, imageInput, type PixelInput, withPixels } from './input.ts';
import { Means, meanSources } from './means.ts';
import { FLOAT, type Model } from './model.ts';
import type { GraphProto, NodeProto } from './onnx_pb.ts';
import { float32Nodes, isMap, poolingNodes, positionNodes, type Tap, type Tokens } from './pool.ts';
import { noise, type Place, placeByName, probePlaces, type RunImages } from './probe.ts';
import { Needed, pruned } from './prune.ts';
import { scaleOf, scalesByBatch } from './quantised.ts';
import { createSession, runPixels } from './session.ts';
import { inferShapes, type TensorInfo } from './shapes.ts';

/** What is to leave the edited model. */
export interface Wanted {
  /** Tensors to tap. */
  readonly taps: readonly WantedTap[];
  /** Tensors to put out as they are, converted to float32 (from quantised integers too); their first axis must be the batch's. */
  readonly outputs: readonly string[];
  readonly tokens: Tokens;
}

/** A tensor to pool to [batch, units], or whose positions are to be kept; a negative channel axis counts from the end. */
export interface WantedTap {
  readonly name: string;
  readonly tensor: string;
  readonly channelAxis: number;
  /** True: not pooled, but brought into the form [batch · positions, units]. */
  readonly keepPositions?: boolean;
}

/** Where the values of a tap are. */
export interface TapOutput {
  /** The output's name; several taps share one. */
  readonly output: string;
  readonly units: number;
  /** Positions an image; 1 where it is pooled. */
  readonly positions: number;
  /** Values that the output has for an image, and the place of this tap's first among them. */
  readonly width: number;
  readonly first: number;
}

/** A model that was edited: bytes for the runtime, and the names under which results leave it. */
export interface Instrumented {
  readonly bytes: Uint8Array;
  readonly pixels: PixelInput;
  readonly taps: readonly TapOutput[];
  readonly outputs: readonly string[];
  /** The batch size that the model is bound to; undefined where any will do. */
  readonly batch: number | undefined;
}

/**
 * Edits a model: 8-bit pixels in (normalisation becomes part of the graph), pooled taps and the wanted outputs out,
 * nothing computed that they don't need. A fixed batch size is freed where that can be done and gives the same results;
 * otherwise the result says what the batch must be; it is one image where the model takes scales from the values of a
 * batch (dynamic quantisation). Shapes come from the runtime's inference, and from running noise
 * where that can't tell.
 */
export async function instrument(model: Model, wanted: Wanted, pixels: PixelInput): Promise<Instrumented> {
  const input = imageInput(model);
  // Some exporters write 0 or -1 for a free length.
  const fixed = Math.max(0, Number(input.shape[0] ?? 0) || 0);
  if (scalesByBatch(model.graph)) return oneByOne(model, input, wanted, pixels, fixed);
  if (fixed === 0)
    return edit(model, withPixels(model.graph, input, pixels, BATCH), wanted, pixels, undefined);
  const bound = await instrumentBound(model, wanted, pixels, fixed);
  const small = fixed * pixels.height * pixels.width <= FREED;
  return (small ? await freedBatch(model, input, wanted, bound, fixed) : undefined) ?? bound;
}

/** Bound to one image at a time, so that no other has a part in its activations. */
async function oneByOne(
  model: Model,
  input: ImageInput,
  wanted: Wanted,
  pixels: PixelInput,
  fixed: number,
): Promise<Instrumented> {
  const graph = fixed > 1 ? freeReshapes(model.graph, wire(model.graph), fixed) : model.graph;
  return edit(model, withPixels(graph, input, pixels, 1), wanted, pixels, 1);
}

/** A batch of more pixels than this (8 images of 224 × 224) is left fixed: it is large enough to be fast. */
const FREED = 8 * 224 * 224;

/** As `instrument`, for batches of exactly `batch` images. */
export async function instrumentBound(
  model: Model,
  wanted: Wanted,
  pixels: PixelInput,
  batch: number,
): Promise<Instrumented> {
  return edit(model, withPixels(model.graph, imageInput(model), pixels, batch), wanted, pixels, batch);
}

/** The edited model with its batch size freed; undefined when it then fails, or gives other results. */
async function freedBatch(
  model: Model,
  input: ImageInput,
  wanted: Wanted,
  bound: Instrumented,
  fixed: number,
): Promise<Instrumented | undefined> {
  try {
    const graph = withPixels(freeReshapes(model.graph, wire(model.graph), fixed), input, bound.pixels, BATCH);
    const freed = await edit(model, graph, wanted, bound.pixels, undefined);
    return (await agrees(model, freed, bound, fixed)) ? freed : undefined;
  } catch (error) {
    if (error instanceof UserError) return undefined;
    throw error;
  }
}

/** True when the freed model gives for two batches together what the bound one gives for each. */
async function agrees(
  model: Model,
  freed: Instrumented,
  bound: Instrumented,
  fixed: number,
): Promise<boolean> {
  const images = noise(2 * fixed * freed.pixels.height * freed.pixels.width * 3);
  const half = images.length / 2;
  const [together] = await resultsOf(model, freed, [images]);
  const apart = await resultsOf(model, bound, [images.subarray(0, half), images.subarray(half)]);
  return together!.every((whole, i) => {
    const parts = apart.map((results) => results[i]!);
    return close(whole, Float32Array.from(parts.flatMap((part) => [...part])));
  });
}

/** Values of all taps and outputs for each of the batches. */
async function resultsOf(
  model: Model,
  edited: Instrumented,
  batches: readonly Uint8Array[],
): Promise<Float32Array[][]> {
  const { bytes, pixels, taps, outputs } = edited;
  const names = [...taps.map(({ output }) => output), ...outputs];
  const session = await createSession(bytes, { file: model.file, optimise: false });
  try {
    const results: Float32Array[][] = [];
    for (const images of batches) {
      const count = images.length / (pixels.height * pixels.width * 3);
      const values = await runPixels(session, images, count, pixels, names, model.file);
      results.push(names.map((name) => values.get(name)!.data));
    }
    return results;
  } finally {
    await session.release();
  }
}

function close(a: Float32Array, b: Float32Array): boolean {
  if (a.length !== b.length) return false;
  const largest = b.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return a.every((value, i) => Math.abs(value - b[i]!) <= 1e-4 * (largest || 1));
}

async function edit(
  model: Model,
  graph: GraphProto,
  wanted: Wanted,
  pixels: PixelInput,
  batch: number | undefined,
): Promise<Instrumented> {
  const wiring = wire(graph);
  const { taps, infos } = await locate(model, graph, wiring, wanted, pixels, batch);
  const nodes: NodeProto[] = [];
  const isWhole = (index: number) => wanted.taps[index]!.keepPositions === true;
  const isMean = (tap: Tap, index: number) => isMap(tap) && !isWhole(index);
  const others = taps.filter((tap, i) => !isMean(tap, i)).map(({ tensor }) => tensor);
  const means = meansOf(wiring, infos, taps.filter(isMean), [...others, ...wanted.outputs]);
  const found = taps.map((tap, index) => {
    const prefix = `mis/tap/${index}`;
    const units = Number(tap.shape[tap.channelAxis]);
    if (isWhole(index)) {
      const { nodes: added, ...kept } = positionNodes(tap, prefix, model.opset, wanted.tokens);
      nodes.push(...added);
      return { units, ...kept };
    }
    const mean = isMap(tap) ? means.of(tap.tensor) : undefined;
    if (mean !== undefined) return { output: mean, units, positions: 1 };
    const pooled = poolingNodes(tap, prefix, model.opset, wanted.tokens);
    nodes.push(...pooled.nodes);
    return { output: pooled.output, units, positions: 1 };
  });
  const outputs = wanted.outputs.map((name, index) => {
    if (infos.get(name)!.type === 'float32') return name;
    const converted = float32Nodes(name, scaleOf(wiring, name), `mis/output/${index}`, model.opset);
    nodes.push(...converted.nodes);
    return converted.output;
  });
  const copy = shallow(graph);
  const { results, joining } = together(found, isWhole);
  const added = lastFirst([...means.nodes, ...nodes], [...found.map(({ output }) => output), ...outputs]);
  copy.node = [...graph.node, ...added, ...joining];
  const edited = pruned(copy, [...results.map(({ output }) => output), ...outputs]);
  return { bytes: encode(withGraph(model.proto, edited)), pixels, taps: results, outputs, batch };
}

/** The means of maps, found from the last one on; `others` are tensors that are needed whole. */
function meansOf(
  wiring: Wiring,
  infos: ReadonlyMap<string, TensorInfo>,
  maps: readonly Tap[],
  others: readonly string[],
): Means {
  const means = new Means(wiring, (tensor) => mapShape(infos.get(tensor)), new Needed(wiring, others));
  const places = placesOf(wiring.order);
  const place = ({ tensor }: Tap) => places.get(tensor) ?? -1;
  for (const { tensor } of maps.toSorted((a, b) => place(b) - place(a))) means.of(tensor);
  return means;
}

/** By each tensor the place of the node that puts it out. */
const placesOf = (nodes: readonly NodeProto[]) =>
  new Map(nodes.flatMap((node, place) => node.output.map((name) => [name, place])));

/**
 * Nodes that are added to a graph, those for the last of their results first. The runtime puts operators in order from the end: before
 * one it puts those that it takes from, first the one that stands last in the file. So an early layer is pooled
 * before later ones are computed, while it is in the processor's cache, and its memory is free for these.
 */
function lastFirst(nodes: readonly NodeProto[], results: readonly string[]): NodeProto[] {
  const places = placesOf(nodes);
  const rest = new Set(nodes.keys());
  const ordered: NodeProto[] = [];
  for (const result of results.toReversed()) {
    const needed: number[] = [];
    const open = [result];
    for (let name = open.pop(); name !== undefined; name = open.pop()) {
      const place = places.get(name);
      if (place === undefined || !rest.delete(place)) continue;
      needed.push(place);
      open.push(...nodes[place]!.input);
    }
    ordered.push(...needed.sort((a, b) => a - b).map((place) => nodes[place]!));
  }
  return ordered;
}

/**
 * Puts the pooled taps side by side into one output [batch, all units]: each output that leaves the runtime costs 10 µs, and a
 * network can have hundreds of taps.
 */
function together(
  taps: readonly Omit<TapOutput, 'first' | 'width'>[],
  isApart: (index: number) => boolean,
): { results: TapOutput[]; joining: NodeProto[] } {
  const pooled = taps.filter((_, i) => !isApart(i));
  const width = pooled.reduce((sum, { units }) => sum + units, 0);
  let first = 0;
  const results = taps.map((tap, i): TapOutput => {
    if (isApart(i)) return { ...tap, first: 0, width: tap.units * tap.positions };
    first += tap.units;
    return { ...tap, output: POOLED, first: first - tap.units, width };
  });
  const names = pooled.map(({ output }) => output);
  return { results, joining: names.length > 0 ? [makeNode('Concat', names, [POOLED], { axis: 1 })] : [] };
}

/** Name of the output that holds all pooled taps. */
const POOLED = 'mis/pooled';

/** [C, H, W] of a float32 feature map whose first axis is the free batch's. */
function mapShape(info: TensorInfo | undefined): readonly number[] | undefined {
  if (info?.type !== 'float32' || info.shape.length < 3 || info.shape[0] !== BATCH) return undefined;
  const rest = info.shape.slice(1);
  return rest.every((axis) => typeof axis === 'number') ? rest : undefined;
}

/** Finds out types, shapes and where the batch lies. */
async function locate(
  model: Model,
  graph: GraphProto,
  wiring: Wiring,
  wanted: Wanted,
  pixels: PixelInput,
  batch: number | undefined,
) {
  const tensors = [...new Set(wanted.taps.map(({ tensor }) => tensor))];
  const infos = await inferShapes(model, graph, [...meanSources(wiring, tensors), ...wanted.outputs]);
  const places = new Map<string, Place>();
  for (const tensor of tensors) {
    const { shape } = infos.get(tensor)!;
    const found = batch === undefined ? placeByName(shape, BATCH) : undefined;
    const known = found && shape.every((axis, i) => i === found.axis || typeof axis === 'number');
    if (known)
      places.set(tensor, { shape: shape.map((axis) => (typeof axis === 'number' ? axis : 1)), batch: found });
  }
  const open = tensors.filter((tensor) => !places.has(tensor));
  if (open.length > 0) {
    const found = await probed(model, graph, open, pixels, batch);
    for (const [tensor, place] of found) places.set(tensor, place);
  }
  const taps = wanted.taps.map(({ name, tensor, channelAxis }): Tap => {
    const { shape, batch: at } = places.get(tensor)!;
    const axis = channelAxis < 0 ? channelAxis + shape.length : channelAxis;
    if (!(axis >= 0 && axis < shape.length) || (axis === at.axis && shape.length > 1 && at.each === 1)) {
      throw new UserError(
        `The layer "${name}" of the model ${model.file} has the shape [${shape}], whose axis ${channelAxis} can't be the channels.`,
      );
    }
    const { type } = infos.get(tensor)!;
    const scale = type.includes('int') ? scaleOf(wiring, tensor) : undefined;
    return { tensor, shape, channelAxis: axis, batch: at, isFloat32: type === 'float32', scale };
  });
  return { taps, infos };
}

/** Runs noise through the model to see where the images of a batch lie. */
async function probed(
  model: Model,
  graph: GraphProto,
  tensors: readonly string[],
  pixels: PixelInput,
  batch: number | undefined,
): Promise<Map<string, Place>> {
  const casts = tensors.map((name, index) => makeNode('Cast', [name], [`mis/probe/${index}`], { to: FLOAT }));
  const copy = shallow(graph);
  copy.node = [...graph.node, ...casts];
  const names = casts.map(({ output }) => output[0]!);
  const bytes = encode(withGraph(model.proto, pruned(copy, names)));
  const session = await createSession(bytes, { file: model.file, optimise: false });
  const run: RunImages = async (images, count) => {
    const values = await runPixels(session, images, count, pixels, names, model.file);
    return new Map(tensors.map((tensor, i) => [tensor, values.get(names[i]!)!]));
  };
  const size = pixels.height * pixels.width * 3;
  try {
    return await probePlaces(run, size, batch ?? 2, tensors, model.file);
  } finally {
    await session.release();
  }
}
