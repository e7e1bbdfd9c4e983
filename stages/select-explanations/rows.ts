import { readTogether, several } from '../../common/read-ahead.ts';
import { type ExtremesFile, openKept } from '../../tables/activation-extremes.ts';
import type { ActivationBatch, ActivationFile, ActivationLayer } from '../../tables/activations.ts';
import type { Slab } from '../../tables/arrow.ts';
import type { ImageNumbers } from '../../tables/images.ts';
import { checkPaths } from '../../tables/shards.ts';
import { type Sample, sampleOf } from './sample.ts';
import { type Part, type Taker, takeBatch, takeEnds } from './take.ts';

/** The activations of one model on all shards, open for reading. */
export interface AllActivations {
  /** Layers in execution order. */
  readonly layers: readonly ActivationLayer[];
  readonly units: number;
  /** How many images from either end of every unit are known: infinity where all are. */
  readonly depth: number;
  /** The most of a batch: images, units of a layer, bytes; also those that aren't activations. */
  readonly block: {
    readonly rows: number;
    readonly width: number;
    readonly bytes: number;
    readonly otherBytes: number;
  };
  /** Whether layers that come one after the other adjoin in the files: some of them can then be read alone. */
  readonly isInOrder: boolean;
  /**
   * Begins to read all that is known of the units `from` to `to` − 1 (counted through the layers in order), shard after shard,
   * to half of the slabs; the other half holds what was read last. Must be given to `pass`, or be ended.
   */
  read(from: number, to: number, slabs: readonly Slab[]): Reading;
  /** Gives what was read of these units; what is read next is asked for before the taker is given what was. */
  pass(
    from: number,
    to: number,
    take: Taker,
    pause?: (images: number) => void,
    reading?: Reading,
  ): Promise<void>;
  /** About `size` images, spread evenly over the shards and in them; none where not all images are known. */
  sample(size: number): Sample;
  close(): Promise<void>;
}

/** What is read of some units: batches of the shards, or a shard of extremes. */
export type Reading = AsyncIterableIterator<Read, void>;

/** Opens the activation files of all shards: `files[s]` is that of the shard whose image paths are `paths[s]`. */
export async function openAll(
  files: readonly string[],
  paths: readonly (readonly string[])[],
  numbers: ImageNumbers,
): Promise<AllActivations> {
  const shards: (ActivationFile | ExtremesFile)[] = [];
  const close = async () => {
    await Promise.all(shards.map((shard) => shard.close()));
  };
  try {
    shards.push(...(await several(files, openKept, (shard) => shard.close())));
    for (const [s, file] of files.entries()) {
      const shard = shards[s]!;
      if (shard.rows !== paths[s]!.length)
        throw new Error(`${file} has ${shard.rows} images, not ${paths[s]!.length}`);
      if (shard.form === 'extremes' && !shard.isOf(paths[s]!))
        throw new Error(`the images of ${file} are not those of the image index`);
    }
    const order = layerOrder(shards, files);
    const layers = order.map((index) => shards[0]!.layers[index]!);
    const depths = shards.map((shard) =>
      shard.form === 'extremes' ? shard.depth : Number.POSITIVE_INFINITY,
    );
    const read = (from: number, to: number, slabs: readonly Slab[]): Reading =>
      readTogether(
        everything(shards, partsOf(order, layers, from, to), from === 0, slabs),
        Math.floor(slabs.length / 2),
      );
    return {
      layers,
      units: layers.reduce((sum, layer) => sum + layer.units, 0),
      depth: Math.min(...depths),
      block: largestOf(shards),
      isInOrder: order.every((index, layer) => index === layer),
      read,
      async pass(from, to, take, pause = () => {}, reading = read(from, to, take.slabs)) {
        const parts = partsOf(order, layers, from, to);
        let images = 0;
        for await (const { s, batch } of reading) {
          const shard = shards[s]!;
          const numbered = numbers.numbers[s]!;
          if (batch) {
            if (from === 0) checkPaths(files[s]!, batch.start, batch.paths, paths[s]!);
            await takeBatch(batch, parts, numbered, take);
            images += batch.rows;
          } else if (shard.form === 'extremes') {
            await takeEnds(shard, parts, numbered, take);
            images += shard.rows;
          }
          pause(images);
        }
        await take.end();
      },
      sample: (size) =>
        sampleOf(shards, size / numbers.count, numbers, (from, to) => partsOf(order, layers, from, to)),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/** In the order of the files. */
function partsOf(
  order: readonly number[],
  layers: readonly ActivationLayer[],
  from: number,
  to: number,
): Part[] {
  let start = 0;
  const parts: Part[] = [];
  layers.forEach(({ units }, l) => {
    const [first, end] = [Math.max(from, start), Math.min(to, start + units)];
    if (first < end)
      parts.push({ index: order[l]!, units, from: first - start, to: end - start, at: first - from });
    start += units;
  });
  return parts.sort((a, b) => a.index - b.index);
}

function largestOf(shards: readonly (ActivationFile | ExtremesFile)[]): AllActivations['block'] {
  const block = { rows: 0, width: 0, bytes: 0, otherBytes: 0 };
  for (const shard of shards) {
    if (shard.form === 'extremes') continue;
    shard.starts.forEach((start, i) => {
      if (i > 0) block.rows = Math.max(block.rows, start - shard.starts[i - 1]!);
    });
    for (const { units } of shard.layers) block.width = Math.max(block.width, units);
    block.bytes = Math.max(block.bytes, shard.batchBytes);
    block.otherBytes = Math.max(block.otherBytes, shard.otherBytes);
  }
  return block;
}

interface Read {
  readonly s: number;
  readonly batch?: ActivationBatch;
}

/** The shards in turn, by their positions: those with all activations batch by batch. */
function* everything(
  shards: readonly (ActivationFile | ExtremesFile)[],
  parts: readonly Part[],
  paths: boolean,
  slabs: readonly Slab[],
): Generator<Promise<Read>, void, undefined> {
  const layers = parts.map(({ index }) => index);
  let turn = 0;
  for (const [s, shard] of shards.entries()) {
    if (shard.form === 'extremes') yield Promise.resolve({ s });
    else
      for (let i = 0; i < shard.batchCount; i++)
        yield shard.part(i, layers, slabs[turn++ % slabs.length]!, paths).then((batch) => ({ s, batch }));
  }
}

/** Columns of the layers in execution order; the same in all shards. */
function layerOrder(
  shards: readonly { readonly layers: readonly ActivationLayer[] }[],
  files: readonly string[],
): number[] {
  const first = shards[0];
  if (!first) return [];
  const text = JSON.stringify(first.layers);
  const odd = shards.findIndex((shard) => JSON.stringify(shard.layers) !== text);
  if (odd >= 0) throw new Error(`${files[odd]} has other layers than ${files[0]}`);
  return first.layers
    .map((_, index) => index)
    .sort((a, b) => first.layers[a]!.depth - first.layers[b]!.depth);
}
