import {
  type ActivationFile,
  type ActivationLayer,
  openActivations,
  rowsPerBatch,
} from '../../tables/activations.ts';
import type { ImageNumbers } from '../../tables/images.ts';
import { checkPaths } from '../../tables/shards.ts';

/** The activations of one model on all shards, open for reading in the order of the images. */
export interface AllActivations {
  /** Layers in execution order. */
  readonly layers: readonly ActivationLayer[];
  readonly units: number;
  /** Bytes that a pass holds for one unit: a record batch of every shard is in memory at a time. */
  readonly bytesPerUnit: number;
  /**
   * Runs over the images in ascending number with the activations of the units `from` to `to` − 1 (counted through the
   * layers in order): `to − from` values from `offset` on. Memory: `bytesPerUnit` a unit, and a record batch.
   */
  pass(
    from: number,
    to: number,
    visit: (image: number, values: Float32Array, offset: number) => void,
    pause?: (image: number) => void,
  ): Promise<void>;
  close(): Promise<void>;
}

/** Opens the activation files of all shards: `files[s]` is that of the shard whose image paths are `paths[s]`. */
export async function openAll(
  files: readonly string[],
  paths: readonly (readonly string[])[],
  numbers: ImageNumbers,
): Promise<AllActivations> {
  const shards = await Promise.all(files.map((file) => openActivations(file)));
  const order = layerOrder(shards, files);
  const layers = order.map((index) => shards[0]!.layers[index]!);
  const starts = [0];
  for (const layer of layers) starts.push(starts.at(-1)! + layer.units);
  shards.forEach((shard, s) => {
    if (shard.rows !== paths[s]!.length)
      throw new Error(`${files[s]} has ${shard.rows} images, not ${paths[s]!.length}`);
  });

  return {
    layers,
    units: starts.at(-1)!,
    bytesPerUnit: shards.reduce((sum, shard) => sum + 4 * Math.min(shard.rows, rowsPerBatch(layers)), 0),
    async pass(from, to, visit, pause = () => {}) {
      const width = to - from;
      const parts = order
        .map((index, l) => ({
          index,
          units: layers[l]!.units,
          from: Math.max(from, starts[l]!) - starts[l]!,
          to: Math.min(to, starts[l + 1]!) - starts[l]!,
          at: Math.max(from, starts[l]!) - from,
        }))
        .filter((part) => part.from < part.to);
      const open = shards.map(() => ({ next: 0, start: 0, end: 0, values: new Float32Array(0) }));
      for (let image = 0; image < numbers.count; image++) {
        const s = numbers.shards[image]!;
        const row = numbers.rows[image]!;
        const current = open[s]!;
        while (row >= current.end) {
          const batch = await shards[s]!.batch(current.next++);
          checkPaths(files[s]!, batch.start, batch.paths, paths[s]!);
          current.start = batch.start;
          current.end = batch.start + batch.rows;
          current.values = sliceUnits(batch.rows, width, parts, batch.layer);
          pause(image);
        }
        visit(image, current.values, (row - current.start) * width);
      }
    },
    async close() {
      await Promise.all(shards.map((shard) => shard.close()));
    },
  };
}

interface Part {
  readonly index: number;
  readonly units: number;
  readonly from: number;
  readonly to: number;
  readonly at: number;
}

/** The chosen units of a record batch side by side: [rows × width]. */
function sliceUnits(
  rows: number,
  width: number,
  parts: readonly Part[],
  layer: (index: number) => Float32Array,
) {
  const values = new Float32Array(rows * width);
  for (const part of parts) {
    const all = layer(part.index);
    for (let row = 0; row < rows; row++) {
      values.set(
        all.subarray(row * part.units + part.from, row * part.units + part.to),
        row * width + part.at,
      );
    }
  }
  return values;
}

/** Columns of the layers in execution order; the same in all shards. */
function layerOrder(shards: readonly ActivationFile[], files: readonly string[]): number[] {
  const first = shards[0];
  if (!first) return [];
  const text = JSON.stringify(first.layers);
  const odd = shards.findIndex((shard) => JSON.stringify(shard.layers) !== text);
  if (odd >= 0) throw new Error(`${files[odd]} has other layers than ${files[0]}`);
  return first.layers
    .map((_, index) => index)
    .sort((a, b) => first.layers[a]!.depth - first.layers[b]!.depth);
}
