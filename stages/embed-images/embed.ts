import type { Task } from '../../engine/stage.ts';
import { writeEmbeddings } from '../../tables/embeddings.ts';
import { openShard } from '../../vision/images/shard.ts';
import { forward } from '../../vision/onnx/forward.ts';
import { GPU, inferenceOn } from '../../vision/onnx/needs.ts';
import { openNetwork } from '../../vision/onnx/network.ts';
import type { Params } from './index.ts';

/** Runs the task's encoder over the task's shard and writes the embeddings, batch by batch. */
export async function embedImages(task: Task<Params>): Promise<void> {
  const { output, preprocess, batch, orientation } = task.params;
  const shard = await openShard(task.input('images').path, task.input('places').path);
  const inference = inferenceOn(task.resource(GPU), task.params, task.warn);
  const options = { layers: [], tokens: 'mean', output, outputNeeded: true, preprocess, inference } as const;
  const network = await openNetwork(task.file('model'), options);
  const embeddings = writeEmbeddings(task.output('embeddings'), network.output!.length);
  try {
    let done = 0;
    for await (const results of forward(network, shard, { batch, orientation })) {
      task.check();
      embeddings.write(results.paths, results.output!);
      done += results.paths.length;
      task.progress(done, shard.rows, 'images');
    }
    embeddings.close();
  } finally {
    embeddings.abort();
    await network.close();
    await shard.close();
  }
}
