import type { Task } from '../../engine/stage.ts';
import { openExplanations } from '../../tables/explanations.ts';
import { numberImages, readImages } from '../../tables/images.ts';
import { writeMargins } from '../../tables/margins.ts';
import { sameShards } from '../../tables/shards.ts';
import { compareAll } from './compare.ts';
import type { Params } from './index.ts';
import { openAll } from './load.ts';

/** Memory for embeddings; tasks whose images don't fit wait for another pass over the files. */
const MEMORY = 512 * 2 ** 20;

export async function computeSimilarity(task: Task<Params>): Promise<void> {
  const images = task.inputs('images');
  const files = sameShards(images, task.inputs('embeddings')).map(({ path }) => path);
  const shards = [];
  for (const { path } of images) shards.push(await readImages(path));
  const { numbers } = numberImages(shards);
  const { similarity } = task.params;
  const paths = shards.map((shard) => shard.paths);
  const embeddings = await openAll(similarity, files, paths, numbers);
  const table = await openExplanations(task.input('explanations').path);
  const limit = Math.max(2 * (table.references + 1), Math.floor(MEMORY / (4 * embeddings.dimensions)));
  const margins = writeMargins(task.output('margins'));
  try {
    await compareAll({
      similarity,
      table,
      embeddings,
      limit,
      put: margins.write,
      pause(done) {
        task.check();
        task.progress(done, table.rows, 'tasks');
      },
    });
    margins.close();
  } finally {
    margins.abort();
    await table.close();
    await embeddings.close();
  }
}
