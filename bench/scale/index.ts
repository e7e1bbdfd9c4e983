import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Benchmark } from '../benchmark.ts';
import { type Ended, runChild, succeeded } from '../measure.ts';
import type { Known } from './known.ts';
import type { MadeUp } from './made-up.ts';
import { folderOf, layPictures, networkFile, writeNetworks } from './pictures.ts';
import { costOf, memoryOf, type Point } from './points.ts';
import type { Job, Work } from './stages.ts';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const MIB = 2 ** 20;

const benchmark: Benchmark = {
  summary: 'processor time per image and peak memory of the stages that see all images, by their number',
  async run(bench) {
    const sizes = bench.quick ? [1000, 5000, 20_000] : [1000, 10_000, 100_000, 1_000_000];
    await layPictures(bench.dir, sizes.at(-1)!, sizes);
    writeNetworks(bench.dir);
    await onPictures(bench, sizes);
    await onTables(bench, sizes);
  },
};

export default benchmark;

/** Indexes folders of pictures, all in one shard, and runs a network over the first of them. */
async function onPictures(bench: Bench, sizes: readonly number[]): Promise<void> {
  const outs = sizes.map((images) => ({ images, out: join(bench.dir, `indexed-${images}`) }));
  for (const { images, out } of outs) {
    mkdirSync(out);
    const folder = folderOf(bench.dir, images);
    const known: Known = { folder, pictures: bench.dir, file: join(out, 'known') };
    await child('known', known);
  }
  const indexing = outs.map(({ images, out }) => ({
    images,
    job: { dir: folderOf(bench.dir, images), shards: 1, out },
  }));
  await measure(
    bench,
    'index of what is known',
    indexing,
    'one shard; 200 images are new, the others as they were',
  );
  const counts = bench.quick ? [500, 1000, 2000] : [1000, 20_000, 40_000];
  for (const work of ['caching of activations', 'embedding'] as const) {
    const model = networkFile(bench.dir, 'one');
    const { images: shard, out } = outs.at(-1)!;
    const jobs = counts.map((limit) => ({ images: limit, job: { dir: '', shards: 1, out, model, limit } }));
    const text = `a network of 8 × 8 pixels, 8 units and 10 logits; the first of a shard of ${shard} images`;
    await measure(bench, work, jobs, text, { listed: shard });
  }
  for (const { out } of outs) rmSync(out, { recursive: true });
}

const FULL = { images: 5000, units: 448, dimensions: 64, depth: 200 };

/** Works on tables that are made up. Larger sizes are the first shards of one; the smallest, less than a shard, is one of its own. */
async function onTables(bench: Bench, sizes: readonly number[]): Promise<void> {
  const units = bench.quick ? 32 : FULL.units;
  const [least, ...others] = sizes as [number, ...number[]];
  const common = { ...FULL, units, pictures: bench.dir };
  const small: MadeUp = { ...common, dir: join(bench.dir, 'small'), shards: 1, images: least };
  const large: MadeUp = { ...common, dir: join(bench.dir, 'large'), shards: others.at(-1)! / FULL.images };
  for (const made of [small, large]) {
    bench.say(`Making up ${made.shards * made.images} images with ${made.units} units …`);
    await child('make', made);
  }
  const jobs = sizes.map((images) => {
    const { dir } = images === least ? small : large;
    const shards = Math.max(1, images / FULL.images);
    const out = join(bench.dir, `out-${images}`);
    mkdirSync(out);
    return { images, job: { dir, shards, out, model: networkFile(bench.dir, 'pair') } };
  });
  const text = `${units} units, shards of ${FULL.images} images`;
  await measure(bench, 'selection', jobs, text);
  if (!bench.quick) await measure(bench, 'hard selection', jobs.slice(1), text);
  await measure(bench, 'selection from extremes', jobs, text);
  await measure(bench, 'similarity', jobs, `${text}, ${FULL.dimensions} dimensions`);
  await measure(bench, 'accuracy', jobs, text);
  // These read tables of tasks, which are no longer for more images. What follows shows the same tasks of more and more.
  const [tasks, most] = jobs.slice(-2) as [Sized, Sized];
  for (const work of ['scoring', 'sweep'] as const)
    await measure(bench, work, [tasks, most], text, { rounds: 1 });
  const half = most.images / 2;
  const onSame = [
    tasks,
    { ...most, images: half, job: { ...most.job, shards: half / FULL.images } },
    most,
  ].map(({ images, job }) => ({ images, job: { ...job, out: tasks.job.out } }));
  // What images add is little beside the rest of the work: more rounds tell it better.
  const often = { rounds: bench.quick ? 1 : 6 };
  await measure(bench, 'report', onSame, text, often);
  await measure(bench, 'pairs of a sample', onSame, `${text}, 5 units compared`, often);
}

interface Sized {
  readonly images: number;
  readonly job: Omit<Job, 'work'>;
}

/**
 * Runs a piece of work on each size, and tells what an image costs, where there are sizes to compare, and the peak of memory.
 * `listed`: how many images there are, where the last size is that of a part.
 */
async function measure(
  bench: Bench,
  work: Work,
  jobs: readonly Sized[],
  text: string,
  { rounds = bench.quick ? 1 : 3, listed }: { readonly rounds?: number; readonly listed?: number } = {},
): Promise<void> {
  const points: Point[] = [];
  for (const { images, job } of bench.quick ? jobs.slice(-2) : jobs) {
    const runs: Ended[] = [];
    for (let round = 0; round < rounds; round++) runs.push(await child('run', { ...job, work }));
    const cpu = Math.min(...runs.map((run) => Number(run.stdout)));
    const peak = Math.max(...runs.map((run) => run.peak));
    points.push({ images, cpu, peak });
    const mib = Math.round(peak / MIB);
    bench.say(`${work}, ${images} images: ${cpu.toFixed(2)} s of processor time, ${mib} MiB`);
  }
  if (jobs.length > 2) bench.result(costOf(work, points, { quick: bench.quick, rounds, text }));
  bench.result(memoryOf(work, points, text, listed));
}

async function child(what: string, given: MadeUp | Known | Job): Promise<Ended> {
  const args = ['--import', 'tsx', CHILD, what, JSON.stringify(given)];
  return succeeded(`${what} ${JSON.stringify(given)}`, await runChild(process.execPath, args));
}
