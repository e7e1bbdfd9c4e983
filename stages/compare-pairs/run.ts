import type { Task } from '../../engine/stage.ts';
import { openExplanations, tasksOf, unitSet } from '../../tables/explanations.ts';
import { numberImages } from '../../tables/images.ts';
import { writeMargins } from '../../tables/margins.ts';
import { sameShards } from '../../tables/shards.ts';
import { drawUnits } from '../../tables/unit-sample.ts';
import { pickUnits, readUnitStats } from '../../tables/unit-stats.ts';
import { shownPath } from '../../vision/images/names.ts';
import { openShard } from '../../vision/images/shard.ts';
import { batchSize } from '../../vision/onnx/batch.ts';
import { GPU, inferenceOn } from '../../vision/onnx/needs.ts';
import { openPairs } from '../../vision/onnx/pairs.ts';
import { compareTasks } from './compare.ts';
import { pixelCache } from './images.ts';
import type { Params } from './index.ts';

/** Memory for preprocessed images. */
const MEMORY = 256 * 2 ** 20;

export async function comparePairs(task: Task<Params>): Promise<void> {
  const { inputs, output, preprocess, orientation, distance, sample, seed, batch } = task.params;
  const indexes = task.inputs('images');
  const places = sameShards(indexes, task.inputs('places'));
  const shards = await Promise.all(indexes.map(({ path }, s) => openShard(path, places[s]!.path)));
  const numbers = numberImages(shards);
  const stats = await readUnitStats(task.input('unit-stats').path);
  const drawn = drawUnits(stats, sample, seed);
  const inference = inferenceOn(task.resource(GPU), task.params, task.warn);
  const network = await openPairs(task.file('model'), { inputs, output, preprocess, inference });
  const table = await openExplanations(task.input('explanations').path);
  const margins = writeMargins(task.output('margins'), drawn?.length);
  const nameOf = (image: number) => shards[numbers.shards[image]!]!.paths.at(numbers.rows[image]!)!;
  const total = 4 * table.references * (drawn ? drawn.length * table.tasks : table.rows);
  try {
    await compareTasks({
      tasks: drawn ? tasksOf(unitSet(pickUnits(stats, drawn)), table) : table.batches(),
      references: table.references,
      network,
      images: pixelCache({
        read: (image) => shards[numbers.shards[image]!]!.read(numbers.rows[image]!),
        nameOf,
        preprocess: network.preprocess,
        orientation,
        memory: MEMORY,
      }),
      size: network.batch ?? batch ?? batchSize(network.preprocess.size),
      distance,
      file: network.file,
      nameOf: (image) => shownPath(nameOf(image)),
      put: margins.write,
      pause(done) {
        task.check();
        task.progress(done, total, 'pairs');
      },
    });
    margins.close();
  } finally {
    margins.abort();
    await table.close();
    await network.close();
    for (const shard of shards) await shard.close();
  }
}
