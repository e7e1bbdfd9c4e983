import { copyFileSync, linkSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readTar } from '../test/support/tar.ts';
import type { Preprocess } from '../vision/images/preprocess-spec.ts';
import { shardOf } from '../vision/images/shard.ts';
import { readModel } from '../vision/onnx/model.ts';
import { type Depth, resnet, type Weight } from './networks.ts';
import { photograph } from './photographs.ts';

/** A network and images for both sides. */
export interface Case {
  readonly name: string;
  /** Name in files. */
  readonly id: string;
  readonly target?: number;
  /** What hooks.py builds. */
  readonly network: string;
  /** Shorter side to resize to, and the square to crop; undefined where images have the network's size. */
  readonly resize?: { readonly shorter: number; readonly crop: number };
  readonly mean: [number, number, number];
  readonly std: [number, number, number];
  /** Images in a batch of PyTorch; mis chooses its own. */
  readonly batch: number;
  /** True: class scores are kept too. Else convolutions of which only the mean is asked for, as ResNet-18's last, aren't computed. */
  readonly logits?: boolean;
  /** What the images are. */
  readonly images: string;
  readonly counts: Readonly<Record<'full' | 'quick', Counts>>;
  /** The ONNX file, and the weights in it by the names of PyTorch's state. */
  load(): Promise<{ readonly bytes: Uint8Array; readonly state: ReadonlyMap<string, Weight> }>;
  /** The encoded images, and the ending of their names. */
  files(count: number): AsyncIterable<Uint8Array>;
  readonly ending: string;
}

/** Numbers of images. */
export interface Counts {
  /** Of mis' short run, which shows what the start costs: the probe of batch sizes is over then, where the counts are full. */
  readonly few: number;
  /** Of what is measured. */
  readonly all: number;
  /** For each setting of PyTorch that is tried. */
  readonly tried: number;
}

const DEMO = fileURLToPath(new URL('../demo/', import.meta.url));

export const CASES: readonly Case[] = [
  photographs(18, { full: { few: 160, all: 960, tried: 160 }, quick: { few: 32, all: 256, tried: 0 } }),
  photographs(50, { full: { few: 160, all: 928, tried: 96 }, quick: { few: 8, all: 56, tried: 0 } }),
  {
    name: 'resnet-w050 of the demo at 32 px',
    id: 'small',
    network: 'demo:resnet-w050',
    mean: [0.4914, 0.4822, 0.4465],
    std: [0.247, 0.2435, 0.2616],
    batch: 128,
    images: 'PNG files of 32 × 32',
    counts: { full: { few: 2400, all: 12_400, tried: 2500 }, quick: { few: 2400, all: 12_400, tried: 0 } },
    async load() {
      const { bytes, graph } = await readModel(join(DEMO, 'models/resnet-w050.onnx'));
      const state = graph.initializer.map(({ name, dims, rawData }): [string, Weight] => [
        name,
        { dims: dims.map(Number), values: new Float32Array(Uint8Array.from(rawData).buffer) },
      ]);
      return { bytes, state: new Map(state) };
    },
    files: demoImages,
    ending: 'png',
  },
];

function photographs(depth: Depth, counts: Case['counts']): Case {
  return {
    name: `ResNet-${depth} at 224 px`,
    id: `resnet${depth}`,
    target: 1.8,
    network: `torchvision:resnet${depth}`,
    resize: { shorter: 256, crop: 224 },
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    batch: 32,
    images: 'JPEG files of 500 × 375, 100 KB each',
    counts,
    load: async () => resnet(depth),
    async *files(count) {
      for (let i = 0; i < count; i++) yield photograph(i);
    },
    ending: 'jpg',
  };
}

/** Images of the demo, from the first again when all were given. */
async function* demoImages(count: number): AsyncGenerator<Uint8Array> {
  const folder = join(DEMO, 'cifar10');
  const tars = readdirSync(folder).filter((name) => name.endsWith('.tar'));
  for (let given = 0; ; ) {
    for (const name of tars.sort()) {
      for (const [member, bytes] of readTar(readFileSync(join(folder, name)))) {
        if (!member.endsWith('.png')) continue;
        if (given++ === count) return;
        yield bytes;
      }
    }
    if (given === 0) throw new Error(`there are no images in ${folder}`);
  }
}

/** What is done to the images of a case. */
export function preprocessOf({ resize, mean, std }: Case): Preprocess {
  const sized = resize && { resize: resize.shorter, crop: resize.crop };
  return { ...sized, mean, std };
}

/** A case on disk. */
export interface Laid {
  readonly model: string;
  /** JSON file of the weights, for hooks.py. */
  readonly weights: string;
  /** Data sets for mis: folders of images, by number of images. */
  readonly few: Images;
  readonly all: Images;
}

export interface Images {
  readonly folder: string;
  /** Files relative to the folder, sorted. */
  readonly paths: readonly string[];
  /** Text file with the absolute path of each, a line each. */
  readonly list: string;
}

/**
 * Writes model, weights and images. Images are named so that every one of `shards` shards gets as many: with thousands a
 * shard, as data sets have, it would be so by itself.
 */
export async function layOut(
  { id, load, files, ending }: Case,
  dir: string,
  shards: number,
  { few, all }: Counts,
): Promise<Laid> {
  const model = join(dir, `${id}.onnx`);
  const weights = join(dir, `${id}.json`);
  const { bytes, state } = await load();
  writeFileSync(model, bytes);
  writeWeights(weights, state);
  const names: string[] = [];
  const folder = join(dir, `${id}-all`);
  mkdirSync(join(folder, CLASS), { recursive: true });
  for await (const image of files(all)) {
    const name = nameIn(names.length, shards, ending);
    writeFileSync(join(folder, name), image);
    names.push(name);
  }
  const less = join(dir, `${id}-few`);
  mkdirSync(join(less, CLASS), { recursive: true });
  for (const name of names.slice(0, few)) linkOrCopy(join(folder, name), join(less, name));
  return {
    model,
    weights,
    few: listed(less, names.slice(0, few)),
    all: listed(folder, names),
  };
}

const CLASS = 'images';

/** A name for image `index` that falls in shard `index` modulo `shards`. */
function nameIn(index: number, shards: number, ending: string): string {
  for (let attempt = 0; ; attempt++) {
    const name = `${CLASS}/${String(index).padStart(6, '0')}-${attempt}.${ending}`;
    if (Number(shardOf(name, shards)) === index % shards) return name;
  }
}

function listed(folder: string, names: readonly string[]): Images {
  const paths = [...names].sort();
  const list = `${folder}.txt`;
  writeFileSync(list, paths.map((path) => `${join(folder, path)}\n`).join(''));
  return { folder, paths, list };
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/** The form that hooks.py reads: shapes and places in JSON, beside it all values in one file. */
export function writeWeights(file: string, state: ReadonlyMap<string, Weight>): void {
  let offset = 0;
  const entries: Record<string, { dims: readonly number[]; offset: number }> = {};
  for (const [name, { dims, values }] of state) {
    entries[name] = { dims, offset };
    offset += values.length;
  }
  writeFileSync(file, JSON.stringify(entries));
  const parts = [...state.values()].map(({ values }) =>
    Buffer.from(values.buffer, values.byteOffset, values.byteLength),
  );
  writeFileSync(file.replace(/\.json$/, '.f32'), Buffer.concat(parts));
}
