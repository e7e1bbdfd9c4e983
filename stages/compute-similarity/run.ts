import { UserError } from '../../common/errors.ts';
import type { Task } from '../../engine/stage.ts';
import { openExplanations, tasksOf, type UnitSet, unitSet } from '../../tables/explanations.ts';
import { numberImages, readImages } from '../../tables/images.ts';
import { writeMargins } from '../../tables/margins.ts';
import { sameShards } from '../../tables/shards.ts';
import { drawUnits } from '../../tables/unit-sample.ts';
import { pickUnits, readUnitStats } from '../../tables/unit-stats.ts';
import { compareAll } from './compare.ts';
import type { Params } from './index.ts';
import { openAll } from './load.ts';

/** Memory for embeddings; tasks whose images don't fit wait for another pass over the files. */
const MEMORY = 512 * 2 ** 20;

export async function computeSimilarity(task: Task<Params>): Promise<void> {
  const { similarity, sample, seed } = task.params;
  if (similarity === 'pairwise') {
    throw new UserError(
      'A pairwise encoder has no embeddings to compare: in pipeline.yaml it belongs to compare-pairs, and compute-similarity runs over the other encoders (`where: {similarity: [cosine, squared-euclidean]}`).',
    );
  }
  const images = task.inputs('images');
  const files = sameShards(images, task.inputs('embeddings')).map(({ path }) => path);
  const shards = [];
  for (const { path } of images) shards.push(await readImages(path));
  const { numbers } = numberImages(shards);
  const paths = shards.map((shard) => shard.paths);
  const embeddings = await openAll(similarity, files, paths, numbers);
  const table = await openExplanations(task.input('explanations').path);
  const drawn = sample === undefined ? undefined : await drawnFrom(task, sample, seed);
  const limit = Math.max(2 * (table.references + 1), Math.floor(MEMORY / (4 * embeddings.dimensions)));
  const margins = writeMargins(task.output('margins'), drawn?.length);
  try {
    await compareAll({
      similarity,
      table: drawn ? { ...table, batches: () => tasksOf(drawn.units, table) } : table,
      embeddings,
      limit,
      put: margins.write,
      pause(done) {
        task.check();
        task.progress(done, drawn ? drawn.length * table.tasks : table.rows, 'tasks');
      },
    });
    margins.close();
  } finally {
    margins.abort();
    await table.close();
    await embeddings.close();
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
