import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Bench, Benchmark, Result } from '../benchmark.ts';
import { type Ended, median, runChild, succeeded } from '../measure.ts';
import type { MadeUp } from './made-up.ts';
import { type Job, WORKS, type Work } from './stages.ts';

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
/** Memory that no stage may take. */
const MOST_MIB = 2048;
const MIB = 2 ** 20;

/** What a stage took for some number of images: processor seconds, and bytes at its peak. */
interface Point {
  readonly images: number;
  readonly cpu: number;
  readonly peak: number;
}

/** A number of images, and where they lie. */
interface Size {
  readonly images: number;
  readonly dir: string;
  readonly shards: number;
}

const benchmark: Benchmark = {
  summary: 'processor time per image and peak memory of the stages that see all images, by their number',
  async run(bench) {
    const rounds = bench.quick ? 1 : 3;
    const sizes = await prepare(bench);
    for (const work of Object.keys(WORKS) as Work[]) {
      if (work === 'hard selection' && bench.quick) continue;
      const points: Point[] = [];
      for (const size of sizes) {
        if (work === 'hard selection' && size.images < 10_000) continue;
        const runs: Ended[] = [];
        for (let round = 0; round < rounds; round++) runs.push(await runOn(bench, work, size));
        const cpu = median(runs.map((run) => Number(run.stdout)));
        const peak = Math.max(...runs.map((run) => run.peak));
        points.push({ images: size.images, cpu, peak });
        bench.say(
          `${work}, ${size.images} images: ${cpu.toFixed(2)} s of processor time, ${Math.round(peak / MIB)} MiB`,
        );
      }
      for (const result of resultsOf(work, points, bench.quick, rounds)) bench.result(result);
    }
  },
};

export default benchmark;

const FULL = { images: 5000, units: 512, dimensions: 64, depth: 200 };

/** Makes the data sets. Larger sizes are the first shards of one; the smallest, less than a shard, is one of its own. */
async function prepare(bench: Bench): Promise<Size[]> {
  const units = bench.quick ? 32 : FULL.units;
  const shards = bench.quick ? [2, 10] : [2, 20, 200];
  const small: MadeUp = { ...FULL, units, dir: join(bench.dir, 'small'), shards: 1, images: 1000 };
  const large: MadeUp = { ...FULL, units, dir: join(bench.dir, 'large'), shards: shards.at(-1)! };
  for (const made of [small, large]) {
    bench.say(`Making up ${made.shards * made.images} images with ${made.units} units …`);
    await child('make', made);
  }
  return [
    { images: small.images, dir: small.dir, shards: 1 },
    ...shards.map((count) => ({ images: count * large.images, dir: large.dir, shards: count })),
  ];
}

function runOn(bench: Bench, work: Work, { images, dir, shards }: Size): Promise<Ended> {
  const out = join(bench.dir, `out-${images}`);
  mkdirSync(out, { recursive: true });
  const job: Job = { work, dir, shards, out };
  return child('run', job);
}

async function child(what: string, given: MadeUp | Job): Promise<Ended> {
  const args = ['--import', 'tsx', CHILD, what, JSON.stringify(given)];
  return succeeded(`${what} ${JSON.stringify(given)}`, await runChild(process.execPath, args));
}

/**
 * Flatness: what an image costs up to the last size but one, over what it costs from there to the last. What it costs is the
 * slope between two sizes, so that what is done once doesn't count, such as compiling code. Small sizes are too short for
 * slopes: `quick` divides by the number of images.
 */
export function resultsOf(work: string, points: readonly Point[], quick: boolean, rounds: number): Result[] {
  const [before, from, to] = points.slice(-3) as [Point, Point, Point];
  const cost = (a: Point, b: Point) =>
    (1e6 * (b.cpu - (quick ? 0 : a.cpu))) / (b.images - (quick ? 0 : a.images));
  const [few, many] = [cost(before, from), cost(from, to)];
  const units = quick ? 32 : FULL.units;
  const sizes = `${units} units, shards of ${FULL.images} images, ${FULL.dimensions} dimensions, median of ${rounds}; processor time ${quick ? 'for' : `from ${before.images} to`} ${from.images} images, and ${quick ? '' : 'on to '}${to.images}`;
  const peak = to.peak / MIB;
  return [
    {
      case: `${work}: cost of an image`,
      ratio: few / many,
      of: many,
      to: few,
      unit: 'µs/image',
      ...(quick ? {} : { target: 0.9 }),
      sizes,
      more: Object.fromEntries(points.map(({ images, cpu }) => [`${images} images (s)`, cpu])),
    },
    {
      case: `${work}: memory for ${to.images} images`,
      ratio: MOST_MIB / peak,
      of: peak,
      to: MOST_MIB,
      unit: 'MiB',
      target: 1,
      sizes: `${units} units, peak of the whole process`,
      more: Object.fromEntries(points.map(({ images, peak }) => [`${images} images (MiB)`, peak / MIB])),
    },
  ];
}
