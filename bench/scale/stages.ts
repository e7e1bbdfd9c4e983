import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Received, Stage, Task } from '../../engine/stage.ts';
import accuracy from '../../stages/accuracy/index.ts';
import activations from '../../stages/cache-activations/index.ts';
import pairs from '../../stages/compare-pairs/index.ts';
import similarity from '../../stages/compute-similarity/index.ts';
import embeddings from '../../stages/embed-images/index.ts';
import indexing from '../../stages/index-dataset/index.ts';
import report from '../../stages/report/index.ts';
import scoring from '../../stages/score-mis/index.ts';
import selection from '../../stages/select-explanations/index.ts';
import sweep from '../../stages/sweep/index.ts';
import { type Kind, shardFile } from './made-up.ts';

/** One run of a stage. */
export interface Job {
  readonly work: Work;
  /** Folder of the made-up data set, of which it sees the first shards; or the folder of pictures that it indexes. */
  readonly dir: string;
  readonly shards: number;
  /** Folder for what it puts out; later stages find there what earlier ones did. */
  readonly out: string;
  /** Networks by the name of the file input. */
  readonly model?: string;
  /** It is stopped after so many images. */
  readonly limit?: number;
}

export type Work = keyof typeof WORKS;

export interface Given {
  readonly stage: Stage;
  readonly params: Readonly<Record<string, unknown>>;
  /** What it takes of the made-up data set; it finds other inputs in the folder that it writes to. */
  readonly inputs: Readonly<Record<string, Kind>>;
}

const task = { n: 20, k: 9, seed: 0 };
const easy = { ...task, difficulty: 'easy' };
const cosine = { similarity: 'cosine', seed: 0 };
const on = { device: 'cpu' };
const from = (activations: Kind) => ({ images: 'images', activations }) as const;
const pictures = { images: 'images', places: 'places' } as const;

/** In this order: later ones take what earlier ones put out. */
export const WORKS = {
  'index of what is known': { stage: indexing as Stage, params: { shards: 1 }, inputs: {} },
  'caching of activations': { stage: activations as Stage, params: on, inputs: {} },
  embedding: { stage: embeddings as Stage, params: on, inputs: {} },
  selection: { stage: selection as Stage, params: easy, inputs: from('full') },
  'hard selection': {
    stage: selection as Stage,
    params: { ...task, difficulty: 'hard' },
    inputs: from('full'),
  },
  'selection from extremes': { stage: selection as Stage, params: easy, inputs: from('extremes') },
  similarity: {
    stage: similarity as Stage,
    params: cosine,
    inputs: { images: 'images', embeddings: 'embeddings' },
  },
  scoring: { stage: scoring as Stage, params: { ...cosine, alpha: 0.16 }, inputs: {} },
  sweep: { stage: sweep as Stage, params: { ...easy, alpha: 0.16 }, inputs: {} },
  accuracy: {
    stage: accuracy as Stage,
    params: {},
    inputs: { images: 'images', predictions: 'predictions' },
  },
  report: { stage: report as Stage, params: { bootstrap: 1000 }, inputs: pictures },
  'pairs of a sample': { stage: pairs as Stage, params: { ...on, seed: 0, sample: 5 }, inputs: pictures },
} as const satisfies Readonly<Record<string, Given>>;

/** How a run ends that has seen enough. */
class Enough extends Error {}

/** Runs a stage as a run of mis does, but for the store. */
export async function runJob({ work, dir, shards, out, model, limit }: Job): Promise<void> {
  const { stage, params, inputs }: Given = WORKS[work];
  const received = (path: string, shard = 0): Received => {
    return { path, digest: '', bytes: 0, vars: { shard: `${shard}`.padStart(6, '0') } };
  };
  const given = (name: string): Received[] => {
    const kind = inputs[name];
    if (kind !== undefined)
      return Array.from({ length: shards }, (_, shard) => received(shardFile(dir, kind, shard), shard));
    return existsSync(join(out, name)) ? [received(join(out, name))] : [];
  };
  for (const [name, { kind }] of Object.entries(stage.outputs)) {
    if (kind === 'folder') {
      rmSync(join(out, name), { recursive: true, force: true });
      mkdirSync(join(out, name));
    }
  }
  // What it keeps from run to run it finds as it was.
  if (existsSync(join(out, 'known'))) copyFileSync(join(out, 'known'), join(out, 'kept'));
  let seen = 0;
  const of: Partial<Task> = {
    params: stage.params.parse(params),
    fingerprint: '0'.repeat(64),
    input: (name) => received(join(out, name)),
    inputIfAny: () => undefined,
    inputs: given,
    impossible: [],
    file: () => model!,
    fileIfAny: () => undefined,
    files: () => [dir],
    resource: () => undefined,
    output: (name) => join(out, name),
    listOutput: (_list, _element, name) => join(out, name),
    kept: () => join(out, 'kept'),
    progress: (done) => {
      seen = done;
    },
    warn: () => {},
    check: () => {
      if (seen >= (limit ?? Number.POSITIVE_INFINITY)) throw new Enough();
    },
  };
  await stage.run(of as Task).catch((error: unknown) => {
    if (!(error instanceof Enough)) throw error;
  });
}
