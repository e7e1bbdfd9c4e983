import { type Job, kernelsOf, type Shared } from '../common/wasm/work.mjs';
import type { Dealing } from './dealing.ts';
import { CALL, cut, cutAny, steps } from './extremes/jobs.ts';
import { GROUP, HEAD, HIGHEST, ROWS, TILE } from './extremes/places.ts';
import { floatOf, ordered } from './extremes/values.ts';
import { layOut, type Size } from './extremes/workspace.ts';
import { addSums, momentsOf, SUMS } from './moments.ts';
import { findWindows, type Windows } from './windows.ts';

export { bytesPerUnit, type Size } from './extremes/workspace.ts';

/** Images at one end of a unit's order, with their activations, the most extreme first. */
export interface End {
  readonly values: Float32Array;
  readonly images: Int32Array;
}

/** Activations of some units of a layer: `values[at]` that of the first for the first image, those for the next `stride` on. */
export interface Columns {
  /** Lies in one of the rooms. */
  readonly values: Float32Array;
  readonly at: number;
  readonly stride: number;
}

/** Activations of all units for some images, by their numbers, which may come in any order. */
export interface Batch {
  /** Layer by layer. */
  readonly columns: readonly Columns[];
  readonly images: Int32Array;
}

/**
 * Statistics of units over all images, and their images from either end of the order by activation. Units are counted
 * through the layers. What is to be done comes as jobs, for as many threads as the caller has; see `startThreads`.
 */
export interface Extremes {
  readonly shared: Shared;
  /** Only where ranks are sought far from the ends. Bounds must be found after `begin`, before any activation is taken. */
  readonly windows: Windows | undefined;
  /** Only where tasks are dealt. */
  readonly dealing: Dealing | undefined;
  /** Memory for blocks of activations. */
  readonly rooms: readonly Uint8Array<SharedArrayBuffer>[];
  /** Starts anew, with so many units of each layer. */
  begin(layers: readonly number[]): void;
  /**
   * Takes the activations of all units for images, layer by layer, of one batch or of several (see `Size.together`). No two
   * such jobs may be open at a time.
   */
  add(batches: readonly Batch[]): Job;
  /** True unless one of the unit's activations is not a finite number. */
  isFinite(unit: number): boolean;
  /**
   * Takes what was kept of one unit over other images: the ends of their order (each with at least `depth` images, or with
   * all that there are; most extreme first), and their sums.
   */
  merge(unit: number, high: End, low: End, sums: Float64Array): void;
  /** Puts the ends of the units `from` to `to` − 1 in order: nothing below holds of these before this is done. */
  finish(from: number, to: number): Job;
  /**
   * Writes the first `count` ranks of an end (at most `depth`) to `target`, from `at` on. On the high side: highest activation
   * first, on equal activation the lower number; the low side is the other end of the same order.
   */
  firsts(unit: number, side: 'high' | 'low', count: number, target: Int32Array, at: number): void;
  /** One of these ends whole, with the activations. */
  end(unit: number, side: 'high' | 'low'): End;
  /** Sums of the unit (see `SUMS`). */
  sums(unit: number): Float64Array;
  statistics(unit: number): { min: number; max: number; mean: number; sd: number };
}

/** The two sides of a unit, in the order of `FLIPS`. */
const SIDES = { high: 0, low: 1 } as const;
type Side = keyof typeof SIDES;

/**
 * Finds the extreme images of many units in one pass over the images, in memory that doesn't grow with their number. At
 * least one image must be given before results are asked for.
 *
 * Both ends are those of one order, by activation and on equal activation by number, so that no image stands in both as
 * long as 2 · depth ≤ images. They and the statistics depend on the images alone, not on the order in which they come.
 */
export function findExtremes(size: Size): Extremes {
  const { images, depth, deal, block } = size;
  const { shared, at, places, slots, most, sideBytes, apart } = layOut(size);
  const { buffer } = shared.memory;
  const here = kernelsOf(shared);
  const words = new Int32Array(buffer);
  const sums = new Float64Array(buffer, at.sums, SUMS * places);
  const merged = new Float64Array(SUMS);
  /** Each layer's first unit, and the place of its sums; the units, and the place of the sums of each. */
  let layout = { layers: [] as { units: number; first: number; place: number }[], places: new Int32Array(0) };

  const {
    windows,
    argumentsFor: windowArguments,
    ranked: rankedInWindows,
  } = at.windows
    ? findWindows(buffer, at.windows, size.sought!)
    : { windows: undefined, argumentsFor: () => [0, 0, 0, 0, 0], ranked: undefined };

  const sideOf = (unit: number, side: Side) => 2 * unit + SIDES[side];
  const headAt = (side: number) => at.heads + HEAD.bytes * side;
  const valuesAt = (side: number) => at.sides + sideBytes * side;
  /** Where the ranks of a side stand, and how many there are. */
  const ranked = (unit: number, end: Side) => {
    const side = sideOf(unit, end);
    return { first: valuesAt(side), count: Math.min(words[(headAt(side) + HEAD.count) / 4]!, depth) };
  };
  const from = (rank: number) => ({ at: (unit: number) => valuesAt(2 * unit) + apart + 4 * rank, sideBytes });
  const activation = (unit: number, side: Side) => floatOf(words[valuesAt(sideOf(unit, side)) / 4]!);
  const endOf = (unit: number, side: Side): End => {
    const { first, count } = ranked(unit, side);
    return {
      values: Float32Array.from(new Int32Array(buffer, first, count), floatOf),
      images: new Int32Array(buffer, first + apart, count).slice(),
    };
  };
  const sumsOf = (unit: number) => {
    const own = new Float64Array(SUMS);
    for (let part = 0; part < SUMS; part++) own[part] = sums[part * places + layout.places[unit]!]!;
    return own;
  };
  const offer = (unit: number, side: Side, { values, images }: End) => {
    const [head, held] = [headAt(sideOf(unit, side)), valuesAt(sideOf(unit, side))];
    const flip = side === 'high' ? -1 : 0;
    const tile = at.tiles[0]!;
    for (let from = 0; from < values.length; from += ROWS) {
      const bar = (HIGHEST - words[(head + HEAD.bar) / 4]!) | 0;
      let count = 0;
      for (let i = from; i < Math.min(from + ROWS, values.length); i++, count++) {
        const value = ordered(values[i]!);
        if ((value ^ flip) > bar) break;
        words[tile / 4 + count] = value;
        words[tile / 4 + ROWS + count] = images[i]!;
      }
      if (count === 0) return;
      here.offer!(tile, tile + 4 * ROWS, count, head, held, slots, depth, most, flip, apart, tile + TILE);
    }
  };

  return {
    shared,
    windows,
    dealing: at.deal && deal?.by.find(buffer, at.deal, deal, from(0), rankedInWindows ?? from(deal.queries)),
    rooms: at.rooms.map((room) => new Uint8Array(buffer, room, block.bytes)),
    begin(layers) {
      let [first, place] = [0, 0];
      const placed = layers.map((units) => {
        const layer = { units, first, place };
        first += units;
        place = Math.ceil((place + units) / GROUP) * GROUP;
        return layer;
      });
      const all = placed.flatMap((layer) => Array.from({ length: layer.units }, (_, i) => layer.place + i));
      if (layers.length > size.layers || all.length > size.units)
        throw new Error('there are more units than was said');
      layout = { layers: placed, places: Int32Array.from(all) };
      sums.fill(0);
      words.fill(0, at.heads / 4, (at.heads + 2 * HEAD.bytes * all.length) / 4);
    },
    add(batches) {
      for (const [i, { images }] of batches.entries()) words.set(images, at.numbers[i]! / 4);
      const calls = layout.layers.flatMap((layer, l) =>
        steps(layer.units, CALL).map(([from, to]) => {
          const [sum, side] = [layer.place + from, 2 * (layer.first + from)];
          return batches.map(({ columns, images }, i) => {
            const { values, at: first, stride } = columns[l]!;
            return [
              ...[values.byteOffset + 4 * (first + from), 4 * stride, to - from, images.length],
              ...[at.numbers[i]!, at.sums + 8 * sum, 8 * places, headAt(side), valuesAt(side), sideBytes],
              ...[slots, depth, most, apart, ...windowArguments(layer.first + from)],
            ];
          });
        }),
      );
      return { kernel: 'add', ranges: cut(calls, at.tiles) };
    },
    isFinite: (unit) => Number.isFinite(sums[2 * places + layout.places[unit]!]),
    merge(unit, high, low, more) {
      offer(unit, 'high', high);
      offer(unit, 'low', low);
      merged.set(sumsOf(unit));
      addSums(merged, 0, more, 0);
      for (let part = 0; part < SUMS; part++) sums[part * places + layout.places[unit]!] = merged[part]!;
    },
    finish(from, to) {
      const calls = steps(to - from, CALL).map(([first, end]) => {
        const side = 2 * (from + first);
        return [headAt(side), valuesAt(side), sideBytes, end - first, depth, apart];
      });
      return { kernel: 'finish', ranges: cutAny(calls, at.scratch) };
    },
    firsts(unit, side, count, target, at) {
      const first = (valuesAt(sideOf(unit, side)) + apart) / 4;
      for (let i = 0; i < count; i++) target[at + i] = words[first + i]!;
    },
    end: endOf,
    sums: sumsOf,
    statistics(unit) {
      const [min, max] = [activation(unit, 'low'), activation(unit, 'high')];
      if (min === max) return { min, max, mean: min, sd: 0 };
      return { min, max, ...momentsOf(sumsOf(unit), 0, images) };
    },
  };
}
