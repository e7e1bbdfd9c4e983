import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { UserError } from '../../common/errors.ts';
import type { Bench, Benchmark } from '../benchmark.ts';
import { alternate, type Ended, median, runChild, succeeded } from '../measure.ts';
import { fillStore } from './fill.ts';
import { type Shape, writeProject } from './project.ts';
import { writeSnakemakeProject } from './snakemake.ts';

const MIS = fileURLToPath(new URL('../../bin/mis.js', import.meta.url));
const ENV = { MIS_STORE: undefined, MIS_REMOTE: undefined, NODE_OPTIONS: undefined };
/** What the project wants of a whole command on graphs of these shapes: seconds, and bytes of memory at its peak. */
const GOALS: readonly (Shape & { readonly seconds: number; readonly bytes: number })[] = [
  { models: 100, shards: 32, seconds: 1, bytes: 1 << 30 },
  { models: 835, shards: 313, seconds: 5, bytes: 1 << 30 },
];
/** The largest shape on which Snakemake has its say within a few minutes. */
const COMPARED: Shape = { models: 300, shards: 100 };
const SNAKEMAKE = ['-c1', '--quiet'];
/** A digest isn't remembered of a file that changed less than two seconds before; see cache/memo.ts. */
const SETTLED_MS = 2500;
const MIB = 1 << 20;

const benchmark: Benchmark = {
  summary: 'a run with nothing to do, and Snakemake on a graph of the same size and shape',
  async versions() {
    const { stdout } = await snakemake(['--version'], '.');
    return { snakemake: stdout.trim() };
  },
  async run(bench) {
    const rounds = bench.quick ? 1 : 5;
    const goals = bench.quick ? GOALS.slice(0, 1) : GOALS;
    const compared = bench.quick ? goals[0]! : COMPARED;
    const done = new Map<string, Done>();
    for (const shape of [...goals, compared])
      if (!done.has(named(shape))) done.set(named(shape), await prepared(bench, shape));
    for (const goal of goals) await againstGoal(bench, goal, done.get(named(goal))!, rounds);
    await againstSnakemake(bench, compared, done.get(named(compared))!, bench.quick ? 1 : 3);
  },
};
export default benchmark;

/** A folder with a config and a store in which all of it is done. */
interface Done {
  readonly tasks: number;
  mis(...args: readonly string[]): Promise<Ended>;
}

async function prepared(bench: Bench, shape: Shape): Promise<Done> {
  const dir = join(bench.dir, `mis-${named(shape)}`);
  mkdirSync(dir, { recursive: true });
  const config = writeProject(dir, shape);
  bench.say(`Making the results of ${shape.models} models × ${shape.shards} shards …`);
  const tasks = await fillStore(config, join(dir, '.mis'), shape);
  await sleep(SETTLED_MS);
  const mis = (...args: readonly string[]) =>
    runChild(process.execPath, [MIS, ...args, '-c', config], { cwd: dir, env: ENV }).then((ended) =>
      succeeded(`mis ${args.join(' ')}`, ended),
    );
  const { stdout } = await mis('run');
  if (!stdout.includes(`Nothing to do: ${tasks} tasks up to date`))
    throw new Error(`mis run found something to do on the generated graph:\n${stdout}`);
  await mis('run');
  return { tasks, mis };
}

async function againstGoal(
  bench: Bench,
  goal: (typeof GOALS)[number],
  { tasks, mis }: Done,
  rounds: number,
): Promise<void> {
  const took = await alternate(rounds, {
    run: () => mis('run'),
    status: () => mis('status'),
    dry: () => mis('run', '--dry-run'),
  });
  const seconds = (ended: readonly Ended[]) => median(ended.map(({ wall }) => wall));
  const peak = Math.max(...Object.values(took).flatMap((all) => all.map((each) => each.peak)));
  bench.result({
    case: `mis run, ${shown(goal)}: seconds wanted`,
    ratio: goal.seconds / seconds(took.run),
    of: seconds(took.run),
    to: goal.seconds,
    unit: 's',
    target: 1,
    sizes: `${tasks} tasks, all up to date; the whole command; median of ${rounds}`,
    more: {
      'mis status (s)': seconds(took.status),
      'mis run --dry-run (s)': seconds(took.dry),
      'processor time of mis run (s)': median(took.run.map(({ cpu }) => cpu)),
      'peak memory (MiB)': peak / MIB,
      'peak memory wanted (MiB)': goal.bytes / MIB,
    },
  });
}

async function againstSnakemake(
  bench: Bench,
  shape: Shape,
  { tasks, mis }: Done,
  rounds: number,
): Promise<void> {
  const dir = join(bench.dir, `snakemake-${named(shape)}`);
  mkdirSync(dir, { recursive: true });
  writeSnakemakeProject(dir, shape);
  bench.say(`Running mis and Snakemake in turn, ${rounds} times …`);
  const took = await alternate(rounds, {
    mis: () => mis('run'),
    snakemake: async () => {
      const ended = succeeded('snakemake', await snakemake(SNAKEMAKE, dir));
      if (!`${ended.stdout}${ended.stderr}`.includes('Nothing to be done'))
        throw new Error(`Snakemake found something to do:\n${ended.stderr.slice(-2000)}`);
      return ended;
    },
  });
  const of = median(took.mis.map(({ wall }) => wall));
  const to = median(took.snakemake.map(({ wall }) => wall));
  bench.result({
    case: `mis run and snakemake, ${shown(shape)}`,
    ratio: to / of,
    of,
    to,
    unit: 's',
    // Of a small graph both take as long as they take to start.
    ...(bench.quick ? {} : { target: 10 }),
    sizes:
      `${tasks} tasks, all up to date; snakemake ${SNAKEMAKE.join(' ')} with its default rerun triggers (mtime, params, ` +
      `input, software-env, code) and no metadata of earlier jobs to read; whole commands, alternating, median of ${rounds}`,
    more: {
      'peak memory of mis (MiB)': Math.max(...took.mis.map(({ peak }) => peak)) / MIB,
      'peak memory of snakemake (MiB)': Math.max(...took.snakemake.map(({ peak }) => peak)) / MIB,
    },
  });
}

async function snakemake(args: readonly string[], cwd: string): Promise<Ended> {
  const ended = await runChild('snakemake', args, { cwd }).catch(() => undefined);
  if (!ended || ended.code === 127)
    throw new UserError('snakemake is missing, which this compares with: apt-get install snakemake.');
  return ended;
}

const named = ({ models, shards }: Shape): string => `${models}x${shards}`;
const shown = ({ models, shards }: Shape): string => `${models} models × ${shards} shards`;
