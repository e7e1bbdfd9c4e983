// Selection, similarity and scoring of one model under one encoder by the stages themselves, as a process of its own.
import { join } from 'node:path';
import type { Stage, Task } from '../../engine/stage.ts';
import similarity from '../../stages/compute-similarity/index.ts';
import scoring from '../../stages/score-mis/index.ts';
import selection from '../../stages/select-explanations/index.ts';
import { timed } from '../measure.ts';
import type { Data, Size } from './data.ts';

const { data, size, out } = JSON.parse(process.argv[2]!) as { data: Data; size: Size; out: string };

type Files = Readonly<Record<string, string | readonly string[]>>;

/** Runs a stage with nothing around it; the seconds that it took. */
async function run<Params>(stage: Stage<Params>, given: object, inputs: Files): Promise<[number, number]> {
  const received = (name: string) =>
    [inputs[name] ?? []]
      .flat()
      .map((path, shard) => ({ path, digest: '', bytes: 0, vars: { shard: `${shard}` } }));
  const task: Task<Params> = {
    params: stage.params.parse(given),
    fingerprint: '',
    input: (name) => received(name)[0]!,
    inputIfAny: (name) => received(name)[0],
    inputs: received,
    impossible: [],
    file: () => '',
    fileIfAny: () => undefined,
    files: () => [],
    output: (name) => join(out, name),
    listOutput: () => '',
    kept: (name) => join(out, name),
    progress() {},
    warn() {},
    check() {},
  };
  const { wall, cpu } = await timed(() => stage.run(task));
  return [wall, cpu];
}

const { shards } = data;
const images = shards.map((shard) => shard.images);
const explanations = join(out, 'explanations');
const stats = { 'unit-stats': join(out, 'unit-stats') };
const seconds = {
  selection: await run(
    selection,
    { n: size.tasks, k: size.references, difficulty: 'easy', seed: 1 },
    { images, activations: shards.map((shard) => shard.activations) },
  ),
  similarity: await run(
    similarity,
    { similarity: 'cosine' },
    { images, explanations, embeddings: shards.map((shard) => shard.embeddings) },
  ),
  scoring: await run(
    scoring,
    { similarity: 'cosine', alpha: 0.16, seed: 1 },
    { explanations, ...stats, margins: join(out, 'margins') },
  ),
};
process.stdout.write(JSON.stringify(seconds));
