import { join } from 'node:path';
import type { Received, Stage, Task } from '../../engine/stage.ts';
import accuracy from '../../stages/accuracy/index.ts';
import similarity from '../../stages/compute-similarity/index.ts';
import selection from '../../stages/select-explanations/index.ts';
import { type Kind, shardFile } from './made-up.ts';

/** One run of a stage on the first shards of a made-up data set. */
export interface Job {
  readonly work: Work;
  readonly dir: string;
  readonly shards: number;
  /** Folder for what it puts out; the similarity finds there what the selection put out. */
  readonly out: string;
}

export type Work = keyof typeof WORKS;

interface Given {
  readonly stage: Stage;
  readonly params: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, Kind>>;
}

const task = { n: 20, k: 9, seed: 0 };
const from = (activations: Kind) => ({ images: 'images', activations }) as const;

export const WORKS = {
  selection: { stage: selection as Stage, params: { ...task, difficulty: 'easy' }, inputs: from('full') },
  'hard selection': {
    stage: selection as Stage,
    params: { ...task, difficulty: 'hard' },
    inputs: from('full'),
  },
  'selection from extremes': {
    stage: selection as Stage,
    params: { ...task, difficulty: 'easy' },
    inputs: from('extremes'),
  },
  similarity: {
    stage: similarity as Stage,
    params: { similarity: 'cosine', seed: 0 },
    inputs: { images: 'images', embeddings: 'embeddings' },
  },
  accuracy: {
    stage: accuracy as Stage,
    params: {},
    inputs: { images: 'images', predictions: 'predictions' },
  },
} as const satisfies Readonly<Record<string, Given>>;

/** Runs a stage as a run of mis does, but for the store. */
export async function runJob({ work, dir, shards, out }: Job): Promise<void> {
  const { stage, params, inputs }: Given = WORKS[work];
  const received = (path: string, shard: number): Received => ({
    path,
    digest: '',
    bytes: 0,
    vars: { shard: `${shard}`.padStart(6, '0') },
  });
  const given = (name: string): Received[] => {
    const kind = inputs[name];
    if (kind === undefined) return [];
    return Array.from({ length: shards }, (_, shard) => received(shardFile(dir, kind, shard), shard));
  };
  const of: Partial<Task> = {
    params: stage.params.parse(params),
    input: (name) => received(join(out, name), 0),
    inputIfAny: () => undefined,
    inputs: given,
    impossible: [],
    output: (name) => join(out, name),
    progress: () => {},
    warn: () => {},
    check: () => {},
  };
  await stage.run(of as Task);
}
