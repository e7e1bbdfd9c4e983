import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeKept } from '../../../tables/activation-extremes.ts';
import { writeEmbeddings } from '../../../tables/embeddings.ts';
import { writeExplanations } from '../../../tables/explanations.ts';
import { writeImages } from '../../../tables/images.ts';
import { writeMargins } from '../../../tables/margins.ts';
import { writePlaces } from '../../../tables/places.ts';
import { writePredictions } from '../../../tables/predictions.ts';
import { writeTasks, writeUnits } from '../../../tables/scores.ts';
import { writeUnitStats } from '../../../tables/unit-stats.ts';
import type { Item, Kind } from './item.ts';

const paths = Array.from({ length: 23 }, (_, i) => `class/${String(i).padStart(3, '0')}.png`);
const floats = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i));
const doubles = (count: number) => Float64Array.from({ length: count }, (_, i) => Math.cos(i));
const ints = (count: number) => Int32Array.from({ length: count }, (_, i) => i % 23);
const texts = (count: number) => Array.from({ length: count }, (_, i) => `layer-${i % 3}`);

/** A table of each kind that the store holds, written as the stages write them. `folder` is for the writing. */
export function tableItems(folder: string): Item[] {
  const file = join(folder, 'table.arrow');
  const made = (kind: Kind, name: string, write: () => void): Item => {
    write();
    return { kind, name, bytes: readFileSync(file) };
  };
  const stats = unitStats(7);
  const scores = Array.from({ length: 7 }, (_, i) => (i === 2 ? null : i / 7));
  const scored = {
    mis: scores,
    mis_low: scores,
    mis_high: scores,
    task_accuracy: scores,
    mean_margin: scores,
    sd_p: scores,
  };
  return [
    made('images', 'images.arrow', () => writeImages(file, index(paths))),
    made('images', 'none.arrow', () => writeImages(file, index([]))),
    made('places', 'places.arrow', () =>
      writePlaces(file, {
        files: paths.map((path) => `/data/${path}`),
        offsets: doubles(23),
        bytes: doubles(23),
        values: new Int32Array(23).fill(-1),
      }),
    ),
    made('activations', 'activations.arrow', () => writeTwoLayers(file)),
    made('activations', 'extremes.arrow', () => writeTwoLayers(file, 3)),
    made('predictions', 'predictions.arrow', () => {
      const writer = writePredictions(file, 10);
      writer.write(paths, floats(230));
      writer.close();
    }),
    made('embeddings', 'embeddings.arrow', () => {
      const writer = writeEmbeddings(file, 6);
      writer.write(paths, floats(23 * 6));
      writer.close();
    }),
    made('explanations', 'explanations.arrow', () => {
      const writer = writeExplanations(file, { tasks: 5, references: 3, images: 23 });
      for (let unit = 0; unit < 3; unit++) writer.write(explanations(5));
      writer.close();
    }),
    made('unit-stats', 'unit-stats.arrow', () => writeUnitStats(file, stats)),
    made('margins', 'margins.arrow', () => {
      const writer = writeMargins(file);
      for (let i = 0; i < 2; i++)
        writer.write({ layer: texts(9), unit: ints(9), task: ints(9), ...similarities(9) });
      writer.close();
    }),
    made('units', 'units.arrow', () => writeUnits(file, { ...stats, ...scored })),
    made('tasks', 'tasks.arrow', () => {
      const writer = writeTasks(file, 3, { alpha: 0.16, role: 'temperature' });
      for (let i = 0; i < 2; i++) writer.write({ ...explanations(8), ...similarities(8), p: doubles(8) });
      writer.close();
    }),
  ];
}

function writeTwoLayers(file: string, depth?: number): void {
  const layer = (name: string, units: number, depth: number) =>
    ({ name, type: 'conv', op: 'Conv', tensor: `/${name}`, units, depth }) as const;
  const writer = writeKept(file, [layer('one', 8, 0), layer('two', 3, 1)], 23, depth);
  writer.write(paths, [floats(23 * 8), floats(23 * 3)]);
  writer.close();
}

const index = (names: readonly string[]) => ({
  paths: names,
  bytes: doubles(names.length),
  digests: names.map(() => 'ab'.repeat(32)),
  labels: names.map((_, i) => (i % 4 === 0 ? null : 'class')),
  widths: ints(names.length),
  heights: ints(names.length),
});

const explanations = (rows: number) => ({
  layer: texts(rows),
  unit: ints(rows),
  task: ints(rows),
  query_plus: ints(rows),
  query_minus: ints(rows),
  references_plus: ints(rows * 3),
  references_minus: ints(rows * 3),
});

const similarities = (rows: number) => ({
  s_plus_plus: doubles(rows),
  s_plus_minus: doubles(rows),
  s_minus_plus: doubles(rows),
  s_minus_minus: doubles(rows),
  margin: doubles(rows),
});

const unitStats = (count: number) => ({
  count,
  layer: texts(count),
  layer_type: texts(count),
  depth: ints(count),
  relative_depth: doubles(count),
  width: ints(count),
  relative_width: doubles(count),
  unit: ints(count),
  constant: Array.from({ length: count }, (_, i) => i === 2),
  activation_min: doubles(count),
  activation_max: doubles(count),
  activation_mean: doubles(count),
  activation_sd: doubles(count),
});
