import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { writeKept } from '../../tables/activation-extremes.ts';
import type { ActivationLayer } from '../../tables/activations.ts';
import { writeEmbeddings } from '../../tables/embeddings.ts';
import { writeImages } from '../../tables/images.ts';
import { writePlaces } from '../../tables/places.ts';
import { writePredictions } from '../../tables/predictions.ts';
import { pictureFacts, pictureFile } from './pictures.ts';

/** Sizes of a made-up data set, and of the network and the encoder that it was run through. */
export interface MadeUp {
  /** Folder of its files, and the one that pictures were laid out in. */
  readonly dir: string;
  readonly pictures: string;
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

export type Kind = 'images' | 'places' | 'full' | 'extremes' | 'embeddings' | 'predictions';

export const shardFile = (dir: string, kind: Kind, shard: number): string => join(dir, `${kind}-${shard}`);

/** Writes all files of a data set. They depend on the sizes alone. */
export function make(sizes: MadeUp): void {
  mkdirSync(sizes.dir, { recursive: true });
  for (let shard = 0; shard < sizes.shards; shard++) makeShard(sizes, shard);
}

function makeShard(sizes: MadeUp, shard: number): void {
  const { dir, shards, images, units, dimensions, depth } = sizes;
  const random = randomFrom(shard + 1);
  const file = (kind: Kind) => shardFile(dir, kind, shard);
  const rows = Array.from({ length: images }, (_, row) => {
    const label = random() % CLASSES;
    const number = row * shards + shard;
    const name = `${random().toString(16).padStart(8, '0')}_${String(number).padStart(8, '0')}.png`;
    return { path: `train/n0${label}/${name}`, label, file: pictureFile(sizes.pictures, number) };
  }).sort((a, b) => (a.path < b.path ? -1 : 1));
  const paths = rows.map(({ path }) => path);
  const picture = pictureFacts(sizes.pictures);
  const all = <T>(value: T): T[] => new Array<T>(images).fill(value);
  const bytes = Float64Array.from(all(picture.bytes));
  const side = Int32Array.from(all(picture.side));
  writeImages(file('images'), {
    paths,
    bytes,
    digests: all(picture.digest.toString('hex')),
    labels: rows.map(({ label }) => `${label}`),
    widths: side,
    heights: side,
  });
  writePlaces(file('places'), {
    files: rows.map((row) => row.file),
    offsets: new Float64Array(images),
    bytes,
    values: Int32Array.from(all(-1)),
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
