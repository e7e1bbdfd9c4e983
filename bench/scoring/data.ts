import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ActivationLayer, writeActivations } from '../../tables/activations.ts';
import { writeEmbeddings } from '../../tables/embeddings.ts';
import { writeImages } from '../../tables/images.ts';

/** How much there is to score. */
export interface Size {
  readonly units: number;
  readonly images: number;
  /** D, the length of an embedding. */
  readonly dimensions: number;
  /** N and K. */
  readonly tasks: number;
  readonly references: number;
  /** The first so many units are those that numpy evaluates; what it takes is scaled to all of them. */
  readonly sample: number;
}

/** Files of made-up data: what the stages read, and the same numbers for numpy. */
export interface Data {
  readonly folder: string;
  /** Image index, activations and embeddings of every shard. */
  readonly shards: readonly {
    readonly images: string;
    readonly activations: string;
    readonly embeddings: string;
  }[];
  /** Raw float32: activations of the sampled units, [units × images], and embeddings, [images × D]; images by number. */
  readonly raw: { readonly activations: string; readonly embeddings: string };
}

/** Scale of the margins. */
export const ALPHA = 0.16;
const SHARDS = 8;
const LAYERS = 10;
/** Images that are made at a time. */
const BLOCK = 500;

/**
 * Writes data of the given size: activations are independent of one another, so that units share as few images as can be;
 * embeddings are positive, so that similarities are neither all near 0 nor all near 1.
 */
export function layOut(folder: string, size: Size): Data {
  mkdirSync(folder);
  const { units, images, dimensions, sample } = size;
  const layers = layersOf(units);
  const random = numbers();
  const raw = {
    activations: new Float32Array(sample * images),
    embeddings: new Float32Array(images * dimensions),
  };
  const shards = Array.from({ length: SHARDS }, (_, shard) => {
    const place = (kind: string) => join(folder, `${kind}-${shard}.arrow`);
    const files = {
      images: place('images'),
      activations: place('activations'),
      embeddings: place('embeddings'),
    };
    const from = Math.floor((images * shard) / SHARDS);
    const to = Math.floor((images * (shard + 1)) / SHARDS);
    const paths = Array.from({ length: to - from }, (_, i) => `${from + i}`.padStart(9, '0').concat('.jpg'));
    writeIndex(files.images, paths);
    const activations = writeActivations(files.activations, layers);
    const embeddings = writeEmbeddings(files.embeddings, dimensions);
    for (let first = 0; first < paths.length; first += BLOCK) {
      const names = paths.slice(first, first + BLOCK);
      const all = new Float32Array(names.length * units).map(random);
      activations.write(names, columns(all, names.length, layers));
      for (let unit = 0; unit < sample; unit++) {
        for (let i = 0; i < names.length; i++)
          raw.activations[unit * images + from + first + i] = all[i * units + unit]!;
      }
      const vectors = new Float32Array(names.length * dimensions).map(random);
      embeddings.write(names, vectors);
      raw.embeddings.set(vectors, (from + first) * dimensions);
    }
    activations.close();
    embeddings.close();
    return files;
  });
  const file = (kind: 'activations' | 'embeddings') => {
    const path = join(folder, `${kind}.raw`);
    writeFileSync(path, raw[kind]);
    return path;
  };
  return { folder, shards, raw: { activations: file('activations'), embeddings: file('embeddings') } };
}

function layersOf(units: number): ActivationLayer[] {
  return Array.from({ length: LAYERS }, (_, depth) => ({
    name: `layer${depth}`,
    type: 'conv',
    op: 'Conv',
    tensor: `tensor${depth}`,
    units: Math.floor((units * (depth + 1)) / LAYERS) - Math.floor((units * depth) / LAYERS),
    depth,
  }));
}

/** Activations [images × units] layer by layer. */
function columns(all: Float32Array, images: number, layers: readonly ActivationLayer[]): Float32Array[] {
  const width = all.length / images;
  let start = 0;
  return layers.map(({ units }) => {
    const part = new Float32Array(images * units);
    for (let i = 0; i < images; i++)
      part.set(all.subarray(i * width + start, i * width + start + units), i * units);
    start += units;
    return part;
  });
}

function writeIndex(file: string, paths: readonly string[]): void {
  const ones = new Int32Array(paths.length).fill(1);
  writeImages(file, {
    paths,
    bytes: Float64Array.from(ones),
    digests: paths,
    labels: paths.map(() => null),
    widths: ones,
    heights: ones,
  });
}

/** Numbers in (0, 1) from xorshift32 (Marsaglia 2003), the same in every run. */
function numbers(): () => number {
  let state = 2_463_534_242;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
