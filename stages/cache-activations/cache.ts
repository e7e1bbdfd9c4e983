import type { Task } from '../../engine/stage.ts';
import { writeActivations } from '../../tables/activations.ts';
import { writePredictions } from '../../tables/predictions.ts';
import { openShard } from '../../vision/images/shard.ts';
import { forward } from '../../vision/onnx/forward.ts';
import { GPU, inferenceOn } from '../../vision/onnx/needs.ts';
import { openNetwork } from '../../vision/onnx/network.ts';
import { readDirections } from './directions.ts';
import type { Params } from './index.ts';

/** Runs the task's model over the task's shard and writes what comes out, batch by batch. */
export async function cacheActivations(task: Task<Params>): Promise<void> {
  const { layers, tokens, logits, preprocess, batch, orientation } = task.params;
  const shard = await openShard(task.input('images').path, task.input('places').path);
  const listed = task.fileIfAny('directions');
  const directions = listed === undefined ? [] : await readDirections(listed);
  const inference = inferenceOn(task.resource(GPU), task.params, task.warn);
  const options = { layers, directions, tokens, output: logits, preprocess, inference };
  const network = await openNetwork(task.file('model'), options);
  if (network.candidates.length > 1) {
    task.warn(
      `The model ${network.file} has several outputs of two axes (${network.candidates.join(', ')}), so its accuracy isn't computed. Say which one holds the class scores (\`logits: NAME\`), or \`logits: none\`.`,
    );
  }
  const activations = writeActivations(task.output('activations'), network.layers);
  const classes = network.output?.length;
  const predictions = classes ? writePredictions(task.output('predictions'), classes) : undefined;
  try {
    let done = 0;
    for await (const results of forward(network, shard, { batch, orientation })) {
      task.check();
      activations.write(results.paths, results.activations);
      predictions?.write(results.paths, results.output!);
      done += results.paths.length;
      task.progress(done, shard.rows, 'images');
    }
    activations.close();
    predictions?.close();
  } finally {
    activations.abort();
    predictions?.abort();
    await network.close();
    await shard.close();
  }
}
