import { availableParallelism } from 'node:os';
import { UserError } from '../../common/errors.ts';
import { several } from '../../common/read-ahead.ts';
import { collectGarbage } from '../../common/wasm/collect.ts';
import type { Task } from '../../engine/stage.ts';
import { openExplanations, tasksOf, type UnitSet, unitSet } from '../../tables/explanations.ts';
import { numberImages, readPaths } from '../../tables/images.ts';
import { writeMargins } from '../../tables/margins.ts';
import { sameShards } from '../../tables/shards.ts';
import { drawUnits } from '../../tables/unit-sample.ts';
import { pickUnits, readUnitStats } from '../../tables/unit-stats.ts';
import { compareAll } from './compare.ts';
import type { Params } from './index.ts';
import { openAll } from './load.ts';

/** Memory for embeddings; dimensions that do not fit wait for another pass: seven for 1,281,167 images of 1,792. */
const MEMORY = 1280 * 2 ** 20;
/** Memory for the tasks that are listed at a time. */
const LISTS = 64 * 2 ** 20;
/** Bytes of embeddings from which their memory is given back at once. */
const LARGE = 64 * 2 ** 20;
/** Most threads of one task of the graph: others may run beside it. */
const THREADS = 4;
/** Multiply-adds from which helper threads are worth their start, and rounding its trouble. */
const MUCH = 1e9;

export async function computeSimilarity(task: Task<Params>): Promise<void> {
  const { similarity, sample, seed } = task.params;
  if (similarity === 'pairwise') {
    throw new UserError(
      'A pairwise encoder has no embeddings to compare: in pipeline.yaml it belongs to compare-pairs, and compute-similarity runs over the other encoders (`where: {similarity: [cosine, squared-euclidean]}`).',
    );
  }
  const images = task.inputs('images');
  const files = sameShards(images, task.inputs('embeddings')).map(({ path }) => path);
  const paths = await several(images, ({ path }) => readPaths(path));
  const { numbers } = numberImages(paths.map((shard) => ({ rows: shard.length, paths: shard })));
  const embeddings = await openAll(files, paths, numbers);
  const table = await openExplanations(task.input('explanations').path);
  const drawn = sample === undefined ? undefined : await drawnFrom(task, sample, seed);
  const tasks = drawn ? drawn.length * table.tasks : table.rows;
  const work = tasks * (2 * table.references + 4) * embeddings.dimensions;
  const threads = work < MUCH ? 1 : Math.min(THREADS, availableParallelism());
  const some = () => tasksOf(drawn!.units, table);
  const margins = writeMargins(task.output('margins'), drawn?.length);
  try {
    await compareAll({
      similarity,
      tasks,
      table: drawn ? { ...table, names: some, shown: some } : table,
      embeddings,
      means: { embeddings: MEMORY, lists: LISTS, threads, rounds: work >= MUCH },
      put: margins.write,
      pause(share) {
        task.check();
        task.progress(Math.floor(share * tasks), tasks, 'tasks');
      },
    });
    margins.close();
  } finally {
    margins.abort();
    await table.close();
    await embeddings.close();
    if (4 * table.images * embeddings.dimensions >= LARGE) collectGarbage();
  }
}

/** The units of a sample, and how many they are; undefined where it asks for no fewer than there are. */
async function drawnFrom(
  task: Task<Params>,
  sample: number,
  seed: number,
): Promise<{ units: UnitSet; length: number } | undefined> {
  const stats = await readUnitStats(task.input('unit-stats').path);
  const rows = drawUnits(stats, sample, seed);
  return rows && { units: unitSet(pickUnits(stats, rows)), length: rows.length };
}
