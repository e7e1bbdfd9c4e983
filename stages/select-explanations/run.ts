import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { several } from '../../common/read-ahead.ts';
import { withHelpers } from '../../common/wasm/threads.ts';
import type { Task } from '../../engine/stage.ts';
import { numberImages, readPaths } from '../../tables/images.ts';
import { sameShards } from '../../tables/shards.ts';
import { writeUnitStats } from '../../tables/unit-stats.ts';
import type { Params } from './index.ts';
import { checkDepth, planTasks } from './plan.ts';
import { openAll } from './rows.ts';
import { type Selection, selectAll } from './select.ts';
import { explanationWriter, extremeWriter } from './table.ts';

/** Memory for candidates; units that don't fit wait for another pass over the files. */
const MEMORY = 512 * 2 ** 20;

/** Most threads of one task of the graph: others may run beside it. */
const THREADS = 4;
/** Bytes of activations from which helper threads are worth their start. */
const MUCH = 8e7;

/** Images of the sample by which queries far from the ends are found. */
const SAMPLE = 2 ** 16;

export async function selectExplanations(task: Task<Params>): Promise<void> {
  const files = sameShards(task.inputs('images'), task.inputs('activations')).map(({ path }) => path);
  const bytes = files.reduce((sum, file) => sum + statSync(file).size, 0);
  const threads = bytes < MUCH ? 1 : Math.min(THREADS, availableParallelism());
  // They start while files are opened.
  await withHelpers(threads - 1, (helpers) => select(task, files, { threads, helpers }));
}

async function select(
  task: Task<Params>,
  files: readonly string[],
  threads: Pick<Selection, 'threads' | 'helpers'>,
): Promise<void> {
  const images = task.inputs('images');
  const paths = await several(images, ({ path }) => readPaths(path));
  const numbers = numberImages(paths.map((names) => ({ rows: names.length, paths: names })));
  const { n, k, difficulty } = task.params;
  const plan = planTasks(numbers.count, n, k, difficulty);
  const activations = await openAll(files, paths, numbers);
  const nameOf = (image: number) => paths[numbers.shards[image]!]![numbers.rows[image]!]!;
  const table = explanationWriter(task.output('explanations'), plan, numbers.count);
  const extremes = extremeWriter(task.output('extremes'), plan);
  try {
    checkDepth(plan, activations.depth);
    const units = await selectAll({
      activations,
      images: numbers.count,
      nameOf,
      plan,
      seed: task.params.seed,
      memory: MEMORY,
      ...threads,
      sample: SAMPLE,
      put(units) {
        table.write(units);
        extremes.write(units);
      },
      meanwhile: table.work,
      pause(done, total) {
        task.check();
        task.progress(done, total, 'images');
      },
    });
    table.close();
    extremes.close();
    writeUnitStats(task.output('unit-stats'), units);
  } finally {
    table.abort();
    extremes.abort();
    await activations.close();
  }
}
