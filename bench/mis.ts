import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { UserError } from '../common/errors.ts';
import type { Event } from '../engine/run/events.ts';
import { openActivations } from '../tables/activations.ts';
import { type Case, type Images, type Laid, preprocessOf } from './cases.ts';
import { type Ended, runChild, succeeded } from './measure.ts';

const MIS = fileURLToPath(new URL('../bin/mis.js', import.meta.url));
const STAGE = 'cache-activations';
/** The machine's own store, remote and options of Node are no part of this. */
const ENV = { MIS_STORE: undefined, MIS_REMOTE: undefined, NODE_OPTIONS: undefined };

/** A run of mis. */
interface Run extends Ended {
  /**
   * Seconds that a task of the stage took, the mean of all. They are as many as cores and begin together, and no two end at
   * the same moment; of hundreds of shards, as data sets have, the next one would begin then.
   */
  readonly tasks: number;
  /** Seconds from the start of the stage's first task to the end of its last. */
  readonly span: number;
}

/** A short and a long run. */
export interface Runs {
  readonly short: Run;
  readonly long: Run;
  /** Of the long one: mean activation of every unit on every image by layer, flat [images × units] in the order of the paths. */
  readonly activations: ReadonlyMap<string, Float32Array>;
}

/** One measurement of mis. */
export interface Measured extends Cost {
  /** Bytes. */
  readonly peak: number;
  readonly activations: Runs['activations'];
}

/** Indexes the images and gives what measures `mis run cache-activations` on them; see `misRuns`. */
export async function misSide(
  ...[laid, of, dir, cores]: Parameters<typeof misRuns>
): Promise<() => Promise<Measured>> {
  const counts = { few: laid.few.paths.length, all: laid.all.paths.length };
  const runs = await misRuns(laid, of, dir, cores);
  return async () => {
    const { activations, ...ended } = await runs();
    return { ...costOf(ended, counts), peak: ended.long.peak, activations };
  };
}

/**
 * Indexes the images and gives what runs `mis run cache-activations` with as many tasks at once as there are cores, on few
 * of them and on all: each time in a store that has nothing but the index.
 */
export async function misRuns(
  laid: Laid,
  of: Case,
  dir: string,
  cores: number,
): Promise<() => Promise<Runs>> {
  const indexed = join(dir, `${of.id}-indexed`);
  const config = (images: Images) => {
    const file = `${images.folder}.yaml`;
    writeFileSync(file, JSON.stringify(settings(laid.model, of, images, cores)));
    return ['-c', file];
  };
  const few = config(laid.few);
  const all = config(laid.all);
  const mis = (what: string, store: string, args: readonly string[]) =>
    runChild(process.execPath, [MIS, ...args, '--store', store], { cwd: dir, env: ENV }).then((ended) =>
      succeeded(what, ended),
    );
  for (const each of [few, all])
    await mis('mis run index-dataset', indexed, ['run', 'index-dataset', ...each]);

  const fresh = async <T>(work: (store: string) => Promise<T>): Promise<T> => {
    const store = join(dir, `${of.id}-store`);
    cpSync(indexed, store, { recursive: true });
    try {
      return await work(store);
    } finally {
      rmSync(store, { recursive: true, force: true });
    }
  };
  const run = async (store: string, images: readonly string[]): Promise<Run> => {
    const args = ['run', STAGE, ...images, '--jobs', `${cores}`, '--json'];
    const ended = await mis('mis run', store, args);
    return { ...ended, ...tasksOf(ended, cores) };
  };
  await fresh((store) => run(store, few)); // reads files and code that later runs find in memory
  return async () => {
    const short = await fresh((store) => run(store, few));
    return fresh(async (store) => {
      const long = await run(store, all);
      const found = await mis('mis path', store, ['path', STAGE, 'activations', ...all, '--json']);
      const files = linesOf(found).map((line) => (JSON.parse(line) as { path: string }).path);
      const activations = await readActivations(files, laid.all.paths);
      return { short, long, activations };
    });
  };
}

/** Times of the stage's tasks; all of them ran, on an index that was there. */
function tasksOf(ended: Ended, count: number): Pick<Run, 'tasks' | 'span'> {
  const events = linesOf(ended).map((line) => JSON.parse(line) as Event);
  const end = events.at(-1);
  if (end?.event !== 'run' || end.hit !== 1 || end.ran !== count)
    throw new Error(`not the tasks that should have run: ${JSON.stringify(end)}`);
  const at = (kind: 'begin' | 'task') =>
    events.flatMap((event) => (event.event === kind && event.stage === STAGE ? [event.at! / 1000] : []));
  const [begun, done] = [at('begin'), at('task')];
  const sum = (times: readonly number[]) => times.reduce((a, b) => a + b, 0);
  return { tasks: (sum(done) - sum(begun)) / count, span: Math.max(...done) - Math.min(...begun) };
}

const linesOf = ({ stdout }: Ended): string[] => stdout.split('\n').filter(Boolean);

function settings(model: string, of: Case, { folder }: Images, cores: number) {
  return {
    dataset: { path: folder, format: 'folder', shards: cores, orientation: 'ignore' },
    models: [
      {
        name: 'network',
        model,
        layers: ['conv', 'batch-norm'],
        logits: of.logits ? 'auto' : 'none',
        preprocess: preprocessOf(of),
      },
    ],
  };
}

/** What an image costs. */
export interface Cost {
  /** Images a second that the tasks did together. */
  readonly rate: number;
  /** Images a second until the last of the tasks had ended. */
  readonly untilLast: number;
  /** Seconds that a run takes beside what its images take. */
  readonly startUp: number;
  /** Seconds of processor time for an image. */
  readonly cpu: number;
}

/**
 * What more images cost: the tasks on `all` less those on `few`. What every run costs, as loading the model does, falls out.
 * Throws an Error when the longer one was over sooner.
 */
export function costOf(
  { short, long }: { readonly [run in 'short' | 'long']: Pick<Run, 'wall' | 'tasks' | 'span' | 'cpu'> },
  { few, all }: { readonly few: number; readonly all: number },
): Cost {
  const more = all - few;
  const seconds = long.tasks - short.tasks;
  if (seconds <= 0)
    throw new UserError(
      `mis took ${long.tasks} s for ${all} images and ${short.tasks} s for ${few}: too much else goes on on this machine. Run the benchmark on a quiet one.`,
    );
  return {
    rate: more / seconds,
    untilLast: more / (long.span - short.span),
    startUp: short.wall - (few * seconds) / more,
    cpu: (long.cpu - short.cpu) / more,
  };
}

/** Reads the shards' files into the order of `paths`. */
async function readActivations(
  files: readonly string[],
  paths: readonly string[],
): Promise<Map<string, Float32Array>> {
  const rowOf = new Map(paths.map((path, row) => [path, row]));
  const all = new Map<string, Float32Array>();
  for (const each of files) {
    const file = await openActivations(each);
    for await (const batch of file.batches()) {
      const rows = batch.paths.map((path) => rowOf.get(path)!);
      for (const [i, { name, units }] of file.layers.entries()) {
        if (!all.has(name)) all.set(name, new Float32Array(paths.length * units));
        const values = batch.layer(i);
        rows.forEach((row, at) => {
          all.get(name)!.set(values.subarray(at * units, (at + 1) * units), row * units);
        });
      }
    }
    await file.close();
  }
  return all;
}
