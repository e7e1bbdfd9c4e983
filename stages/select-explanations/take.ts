import type { End } from '../../stats/extremes.ts';
import type { ExtremesFile } from '../../tables/activation-extremes.ts';
import type { ActivationBatch } from '../../tables/activations.ts';
import type { Slab } from '../../tables/arrow.ts';

/** Activations of some units of one layer for the images of a batch. */
export interface Portion {
  /** That of the first unit for the first image, `values[at]`; units adjoin, images are `stride` apart. */
  readonly values: Float32Array;
  readonly at: number;
  readonly stride: number;
  readonly units: number;
  /** Where the first unit stands, counted from the first one of the pass. */
  readonly first: number;
}

/** Takes what is known of units, counted from the first one of a pass. */
export interface Taker {
  /** Memory that batches are read to, by turns. */
  readonly slabs: readonly Slab[];
  /**
   * Activations of all units for some images, by their numbers. Portions come in the order of the file; they hold until as
   * many more were given as half of the slabs.
   */
  batch(portions: readonly Portion[], images: Int32Array): Promise<void> | void;
  /** What was kept of a shard's extremes, and the sums of all its images. */
  ends(unit: number, high: End, low: End, sums: Float64Array): void;
  /** All was given. */
  end(): Promise<void> | void;
}

/** Units of one layer that a pass takes. */
export interface Part {
  /** Index of the layer in the files. */
  readonly index: number;
  readonly units: number;
  readonly from: number;
  readonly to: number;
  /** Where the unit `from` stands in the pass. */
  readonly at: number;
}

/** Gives the taker a batch. */
export async function takeBatch(
  batch: ActivationBatch,
  parts: readonly Part[],
  numbers: Int32Array,
  take: Taker,
) {
  const portions = parts.map(({ index, units, from, to, at }) => {
    return { values: batch.layer(index), at: from, stride: units, units: to - from, first: at };
  });
  await take.batch(portions, numbers.subarray(batch.start, batch.start + batch.rows));
}

/** Units whose activations are brought together at a time: those that share the processor's lines of memory. */
const TOGETHER = 16;

/** The activations of each unit of portions, one after another. */
export function eachColumn(
  portions: readonly Portion[],
  rows: number,
  take: (unit: number, values: Float32Array) => void,
): void {
  const columns = Array.from({ length: TOGETHER }, () => new Float32Array(rows));
  for (const { values, at, stride, units, first } of portions) {
    for (let unit = 0; unit < units; unit += TOGETHER) {
      const count = Math.min(TOGETHER, units - unit);
      for (let row = 0; row < rows; row++) {
        const start = at + row * stride + unit;
        for (let i = 0; i < count; i++) columns[i]![row] = values[start + i]!;
      }
      for (let i = 0; i < count; i++) take(first + unit + i, columns[i]!);
    }
  }
}

/** Gives the taker what was kept of a shard. */
export async function takeEnds(
  shard: ExtremesFile,
  parts: readonly Part[],
  numbers: Int32Array,
  take: Taker,
): Promise<void> {
  const starts = [0];
  for (const { units } of shard.layers) starts.push(starts.at(-1)! + units);
  const places = new Map<number, number>();
  for (const { index, from, to, at } of parts)
    for (let unit = from; unit < to; unit++) places.set(starts[index]! + unit, at + unit - from);
  const wanted = [...places.keys()];
  if (wanted.length === 0) return;
  const numbered = ({ values, images }: End): End => ({ values, images: images.map((row) => numbers[row]!) });
  for await (const { unit, high, low, sums } of shard.units(wanted[0]!, wanted.at(-1)! + 1)) {
    const place = places.get(unit);
    if (place !== undefined) take.ends(place, numbered(high), numbered(low), sums);
  }
}
