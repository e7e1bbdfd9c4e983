import { alone } from '../common/wasm/threads.ts';
import { type Columns, type Extremes, findExtremes } from '../stats/extremes.ts';
import type { ActivationLayer } from './activations.ts';

/** Activations that are taken at a time: at most so many bytes, and images. */
const BLOCK_BYTES = 4 * 2 ** 20;
const MOST_ROWS = 512;

/** What is kept of the activations of consecutive images. */
export interface Kept {
  /** Takes the activations of the next images, layer by layer [images × units]; `first` is the row of the first one. */
  take(paths: readonly string[], activations: readonly Float32Array[], first: number): void;
  finish(): Extremes;
}

/**
 * Keeps the extremes of all units of the layers, of `images` images in all, `depth` from either end. Throws when an activation
 * is not a finite number.
 */
export function keepExtremes(layers: readonly ActivationLayer[], images: number, depth: number): Kept {
  const units = layers.reduce((sum, layer) => sum + layer.units, 0);
  const width = layers.reduce((most, layer) => Math.max(most, layer.units), 0);
  const rows = Math.max(1, Math.min(MOST_ROWS, Math.floor(BLOCK_BYTES / (4 * units))));
  const block = { rows, width, bytes: 4 * units * rows };
  const extremes = findExtremes({ layers: layers.length, units, images, depth, block, rooms: 1, pieces: 1 });
  extremes.begin(layers.map((layer) => layer.units));
  const run = alone(extremes.shared);
  const room = new Float32Array(extremes.rooms[0]!.buffer, extremes.rooms[0]!.byteOffset, units * rows);
  const check = (paths: readonly string[], columns: readonly Columns[]) => {
    let unit = 0;
    for (const [l, { name, units: count }] of layers.entries()) {
      for (let own = 0; own < count; own++, unit++) {
        if (extremes.isFinite(unit)) continue;
        const { at, stride } = columns[l]!;
        const bad = paths.find((_, row) => !Number.isFinite(room[at + row * stride + own]));
        throw new Error(`unit ${own} of ${name} is not finite for ${bad}`);
      }
    }
  };
  return {
    take(paths, activations, first) {
      for (let from = 0; from < paths.length; from += rows) {
        const part = paths.slice(from, from + rows);
        let at = 0;
        const columns = layers.map(({ units: stride }, l) => {
          const own = { values: room, at, stride };
          room.set(activations[l]!.subarray(from * stride, (from + part.length) * stride), at);
          at += part.length * stride;
          return own;
        });
        const numbers = Int32Array.from(part, (_, row) => first + from + row);
        run(extremes.add([{ columns, images: numbers }]));
        check(part, columns);
      }
    },
    finish() {
      run(extremes.finish(0, units));
      return extremes;
    },
  };
}
