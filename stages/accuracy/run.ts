import { readFile, writeFile } from 'node:fs/promises';
import { canonicalJson } from '../../common/json.ts';
import type { Received, Task } from '../../engine/stage.ts';
import { readImages } from '../../tables/images.ts';
import { readPredictions } from '../../tables/predictions.ts';
import { checkPaths, sameShards } from '../../tables/shards.ts';
import { interned } from '../../tables/texts.ts';
import { type Accuracy, accuracyOf, type Guesses } from './accuracy.ts';
import type { Params } from './index.ts';

export async function measureAccuracy(task: Task<Params>): Promise<void> {
  const predictions = task.inputs('predictions');
  const accuracy: Accuracy =
    predictions.length === 0
      ? { top1: null, top5: null, n: 0, reason: 'The model puts out no logits.' }
      : await measured(task, predictions);
  const { checkpoint } = task.params;
  await writeFile(
    task.output('accuracy'),
    `${canonicalJson({ ...accuracy, ...(checkpoint && { checkpoint }) })}\n`,
  );
}

async function measured(task: Task<Params>, predictions: readonly Received[]): Promise<Accuracy> {
  const [shards, logits] = await readGuesses(task.inputs('images'), predictions);
  return accuracyOf(shards, logits, task.params.classes ?? (await classesOf(task, logits)));
}

/** The data set's classes in the order of their numbers, where it tells them and they are as many as the logits. */
async function classesOf(task: Task<Params>, logits: number): Promise<string[] | undefined> {
  const file = task.inputIfAny('classes');
  if (!file) return undefined;
  const classes = JSON.parse(await readFile(file.path, 'utf8')) as { label: string }[];
  return classes.length === logits ? classes.map(({ label }) => label) : undefined;
}

/** Labels and guesses of every shard, and the number of logits. */
async function readGuesses(
  images: readonly Received[],
  predictions: readonly Received[],
): Promise<[shards: Guesses[], logits: number]> {
  const shards: Guesses[] = [];
  let logits = 0;
  for (const [s, { path }] of sameShards(images, predictions).entries()) {
    const { paths, labels } = await readImages(images[s]!.path);
    const { top1, top5, k, classes, ...predicted } = await readPredictions(path);
    checkPaths(path, 0, predicted.paths, paths);
    if (predicted.paths.length !== paths.length) throw new Error(`${path} lacks images of its shard`);
    logits = classes;
    shards.push({ labels: interned(labels), top1, top5, k });
  }
  return [shards, logits];
}
