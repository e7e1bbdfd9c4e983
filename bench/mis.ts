import { cpSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openActivations } from '../tables/activations.ts';
import { type Case, type Images, type Laid, preprocessOf } from './cases.ts';
import { type Ended, runChild, succeeded } from './measure.ts';

const MIS = fileURLToPath(new URL('../bin/mis.js', import.meta.url));
const STAGE = 'cache-activations';
/** The machine's own store, remote and options of Node are no part of this. */
const ENV = { MIS_STORE: undefined, MIS_REMOTE: undefined, NODE_OPTIONS: undefined };

/** One measurement of mis. */
export interface Measured {
  /** Images a second, without the start. */
  readonly rate: number;
  /** Seconds from the start of `mis run` to its first image, as far as images don't count. */
  readonly startUp: number;
  /** Seconds of processor time for an image. */
  readonly cpu: number;
  /** Bytes. */
  readonly peak: number;
  /** Mean activation of every unit on every image by layer, flat [images × units] in the order of the paths. */
  readonly activations: ReadonlyMap<string, Float32Array>;
}

/**
 * Indexes the images and gives what measures `mis run cache-activations` with as many tasks at once as there are cores:
 * each time in a store that has nothing but the index.
 */
export async function misSide(
  laid: Laid,
  of: Case,
  dir: string,
  cores: number,
): Promise<() => Promise<Measured>> {
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
  const run = async (store: string, images: readonly string[]) => {
    const args = ['run', STAGE, ...images, '--jobs', `${cores}`, '--json'];
    const ended = await mis('mis run', store, args);
    const { hit, ran } = JSON.parse(linesOf(ended).at(-1)!) as { hit: number; ran: number };
    if (hit !== 1 || ran !== cores)
      throw new Error(`${ran} tasks ran and ${hit} were there, not ${cores} and 1`);
    return ended;
  };
  return async () => {
    const short = await fresh((store) => run(store, few));
    return fresh(async (store) => {
      const long = await run(store, all);
      const found = await mis('mis path', store, ['path', STAGE, 'activations', ...all, '--json']);
      const files = linesOf(found).map((line) => (JSON.parse(line) as { path: string }).path);
      const activations = await readActivations(files, laid.all.paths);
      return { ...difference(short, long, laid), peak: long.peak, activations };
    });
  };
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
        logits: 'none',
        preprocess: preprocessOf(of),
      },
    ],
  };
}

/** What more images cost: the run on all less the run on few. What every run costs, as the start does, falls out. */
function difference(
  short: Ended,
  long: Ended,
  { few, all }: Laid,
): Pick<Measured, 'rate' | 'startUp' | 'cpu'> {
  const more = all.paths.length - few.paths.length;
  const seconds = long.wall - short.wall;
  if (seconds <= 0)
    throw new Error(
      `mis took ${long.wall} s for ${all.paths.length} images and ${short.wall} s for ${few.paths.length}: too much else goes on on this machine`,
    );
  return {
    rate: more / seconds,
    startUp: short.wall - (few.paths.length * seconds) / more,
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
