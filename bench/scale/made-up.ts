import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeKept } from '../../tables/activation-extremes.ts';
import type { ActivationLayer } from '../../tables/activations.ts';
import { writeEmbeddings } from '../../tables/embeddings.ts';
import { writeImages } from '../../tables/images.ts';
import { writePredictions } from '../../tables/predictions.ts';

/** Sizes of a made-up data set, and of the network and the encoder that it was run through. */
export interface MadeUp {
  /** Folder of its files. */
  readonly dir: string;
  readonly shards: number;
  /** Images of each shard. */
  readonly images: number;
  readonly units: number;
  readonly dimensions: number;
  /** Images that the extremes keep from either end. */
  readonly depth: number;
}

export const CLASSES = 10;
const LAYERS = 4;
/** Images that are written at a time. */
const BATCH = 500;

export const KINDS = ['images', 'full', 'extremes', 'embeddings', 'predictions'] as const;
export type Kind = (typeof KINDS)[number];

export const shardFile = (dir: string, kind: Kind, shard: number): string => join(dir, `${kind}-${shard}`);

/** Writes all files of a data set. They depend on the sizes alone. */
export function make(sizes: MadeUp): void {
  mkdirSync(sizes.dir, { recursive: true });
  for (let shard = 0; shard < sizes.shards; shard++) makeShard(sizes, shard);
}

function makeShard({ dir, shards, images, units, dimensions, depth }: MadeUp, shard: number): void {
  const random = randomFrom(shard + 1);
  const file = (kind: Kind) => shardFile(dir, kind, shard);
  const rows = Array.from({ length: images }, (_, row) => {
    const label = random() % CLASSES;
    const number = String(row * shards + shard).padStart(8, '0');
    return { path: `train/n0${label}/${random().toString(16).padStart(8, '0')}_${number}.JPEG`, label };
  }).sort((a, b) => (a.path < b.path ? -1 : 1));
  const paths = rows.map(({ path }) => path);
  writeImages(file('images'), {
    paths,
    bytes: new Float64Array(images).fill(110_000),
    digests: paths.map(() => random().toString(16).padStart(8, '0').repeat(8)),
    labels: rows.map(({ label }) => `${label}`),
    widths: new Int32Array(images).fill(500),
    heights: new Int32Array(images).fill(375),
  });
  const layers = Array.from({ length: LAYERS }, (_, i): ActivationLayer => {
    return { name: `layer${i}`, type: 'conv', op: 'Conv', tensor: `t${i}`, units: units / LAYERS, depth: i };
  });
  const full = writeKept(file('full'), layers, images, undefined);
  const extremes = writeKept(file('extremes'), layers, images, depth);
  const embeddings = writeEmbeddings(file('embeddings'), dimensions);
  const predictions = writePredictions(file('predictions'), CLASSES);
  for (let from = 0; from < images; from += BATCH) {
    const names = paths.slice(from, from + BATCH);
    const numbers = (width: number) =>
      Float32Array.from({ length: names.length * width }, () => random() / 2 ** 31 - 1);
    const activations = layers.map((layer) => numbers(layer.units));
    // A few units with many equal activations.
    for (const values of activations)
      for (let i = 0; i < values.length; i += 16) values[i] = Math.round(values[i]! * 20) / 20;
    full.write(names, activations);
    extremes.write(names, activations);
    embeddings.write(names, numbers(dimensions));
    predictions.write(names, numbers(CLASSES));
  }
  for (const writer of [full, extremes, embeddings, predictions]) writer.close();
}

/** Whole numbers below 2³² [Marsaglia, Xorshift RNGs]. */
function randomFrom(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b9) | 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
