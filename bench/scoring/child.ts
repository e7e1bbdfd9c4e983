// Selection, similarity and scoring of one model under one encoder by the stages themselves, as a process of its own, with the
// engine set up as for mis.
import '../../bin/flags.js';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Stage, Task } from '../../engine/stage.ts';
import similarity from '../../stages/compute-similarity/index.ts';
import scoring from '../../stages/score-mis/index.ts';
import selection from '../../stages/select-explanations/index.ts';
import { timed } from '../measure.ts';
import { ALPHA, type Data, type Size } from './data.ts';
import type { Parts, Runs } from './mis.ts';

type Files = Readonly<Record<string, string | readonly string[]>>;

/** Runs a stage with nothing around it. */
async function run<Params>(stage: Stage<Params>, given: object, inputs: Files, out: string): Promise<void> {
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
    resource: () => undefined,
    kept: (name) => join(out, name),
    progress() {},
    warn() {},
    check() {},
  };
  await stage.run(task);
}

/** All three, and the seconds that they took. */
async function scoreAll({ folder, shards }: Data, { tasks, references }: Size): Promise<Parts> {
  const out = join(folder, 'out');
  rmSync(out, { recursive: true, force: true }); // Tasks write to empty folders.
  mkdirSync(out);
  const images = shards.map((shard) => shard.images);
  const activations = shards.map((shard) => shard.activations);
  const embeddings = shards.map((shard) => shard.embeddings);
  const explanations = join(out, 'explanations');
  const stats = { 'unit-stats': join(out, 'unit-stats') };
  const margins = join(out, 'margins');
  const settings = { n: tasks, k: references, difficulty: 'easy', seed: 1 };
  const [cosine, scored] = [{ similarity: 'cosine' }, { similarity: 'cosine', alpha: ALPHA, seed: 1 }];
  return {
    selection: (await timed(() => run(selection, settings, { images, activations }, out))).wall,
    similarity: (await timed(() => run(similarity, cosine, { images, explanations, embeddings }, out))).wall,
    scoring: (await timed(() => run(scoring, scored, { explanations, ...stats, margins }, out))).wall,
  };
}

const given = JSON.parse(process.argv[2]!) as Readonly<Record<'few' | 'all', { data: Data; size: Size }>>;
// Loads the code, as numpy's is loaded before its time is taken.
await scoreAll(given.few.data, given.few.size);
const all = () => scoreAll(given.all.data, given.all.size);
process.stdout.write(JSON.stringify({ first: await all(), again: await all() } satisfies Runs));
