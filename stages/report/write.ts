import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Task } from '../../engine/stage.ts';
import { FIGURES } from '../../figures/index.ts';
import type { Picture, PictureTask } from '../../figures/task-pictures.ts';
import { parseCsv } from '../../tables/csv.ts';
import { type ImageIndex, type ImageNumbers, numberImages, readImages } from '../../tables/images.ts';
import { sameShards } from '../../tables/shards.ts';
import { isDirection } from './directions.ts';
import { chooseExtremes, imagesOf, withPictures } from './extremes.ts';
import { drawFigures, points } from './figures.ts';
import { type ChosenTask, readSkipped } from './gather.ts';
import type { Params } from './index.ts';
import { pageHtml } from './page.ts';
import type { Sample } from './page-parts.ts';
import { makePictures } from './pictures.ts';
import { type Scores, sumUp, writeScores, writeTasks } from './scores.ts';
import type { Study } from './study.ts';
import { summaryText } from './summary.ts';
import { type WrittenTable, writeImages } from './tables.ts';

/** Writes the whole report folder: tables first, then pictures, figures, and the page over them. */
export async function writeReport(task: Task<Params>): Promise<void> {
  const { params } = task;
  const inside = (name: string) => join(task.output('report'), name);
  await Promise.all(['tables', 'figures', 'images'].map((name) => mkdir(inside(name), { recursive: true })));
  const step = stepper(task, 4 + FIGURES.length);

  const scores = await sumUp(task);
  step();
  const scoreTables = writeScores(inside('tables'), scores);
  const { chosen, shape, scales, table } = await writeTasks(task, inside('tables'), scores);
  step();
  const data = await readDataSet(task);
  const images = writeImages(inside('tables'), data.shards, data.numbers);
  const tables = [...scoreTables, table, images, ...(await copySweep(task, inside('tables')))];
  step();
  const { tasks, extremes } = await drawPictures(task, scores, chosen, data.numbers, inside('images'));
  step();
  const { study, models, layers } = scores;
  const figures = await drawFigures(task, inside('figures'), figureData(task, scores, tasks, extremes), step);
  const page = pageHtml({
    ...{ params, models, layers, tasks, shape, scales, figures, tables },
    encoders: study.encoders,
    samples: samplesOf(study),
    checkpoints: scores.checkpoints,
    trained: scores.trained,
    data: { images: data.numbers.count, classes: data.classes, skipped: data.skipped },
  });
  await writeFile(inside('index.html'), page);
  await writeFile(inside('summary.txt'), summaryText({ ...scores, encoders: study.encoders }));
  await writeFile(inside('summary.json'), `${JSON.stringify({ models }, null, 2)}\n`);
}

/** Counts steps for the progress, and lets an interrupted run stop between them. */
function stepper(task: Task<Params>, total: number): () => void {
  let done = 0;
  return () => {
    task.check();
    task.progress(++done, total, 'steps');
  };
}

/** Copies the table of a sweep beside the report's own. */
async function copySweep(task: Task<Params>, folder: string): Promise<WrittenTable[]> {
  const sweep = task.inputIfAny('sweep');
  if (!sweep) return [];
  const [from, name] = [join(sweep.path, 'sweep.csv'), 'sweep.csv'];
  await copyFile(from, join(folder, name));
  const { rows } = parseCsv(await readFile(from, 'utf8'));
  return [{ name: 'sweep', rows: rows.length, files: [name] }];
}

async function readDataSet(task: Task<Params>) {
  const shards: ImageIndex[] = [];
  for (const { path } of task.inputs('images')) shards.push(await readImages(path));
  const labels = new Set<string | null>();
  for (const shard of shards) for (const label of shard.labels) labels.add(label);
  labels.delete(null);
  const skipped = await readSkipped(task.inputs('skipped')[0]);
  return { shards, numbers: numberImages(shards), classes: labels.size, skipped };
}

/** The chosen tasks and extreme units with pictures in place of image numbers; the pictures' files go into `folder`. */
async function drawPictures(
  task: Task<Params>,
  { study, runs }: Scores,
  chosen: readonly ChosenTask[],
  numbers: ImageNumbers,
  folder: string,
) {
  const images = task.inputs('images');
  const places = sameShards(images, task.inputs('places'));
  const files = images.map(({ path }, i) => ({ images: path, places: places[i]!.path }));
  const shown = task.params['show-units'] > 0;
  const extremes = await chooseExtremes(study, runs, shown ? task.inputs('extremes') : []);
  const wanted = chosen.flatMap((one) => [
    one.query_plus,
    one.query_minus,
    ...one.references_plus,
    ...one.references_minus,
  ]);
  const { orientation } = task.params;
  const all = [...wanted, ...imagesOf(extremes)];
  const pictures = await makePictures(all, new Set(wanted), files, numbers, folder, orientation, task.check);
  const picture = (image: number) => pictures.get(image)!;
  return {
    tasks: chosen.map((one) => pictured(one, picture)),
    extremes: withPictures(extremes, picture),
  };
}

function pictured(one: ChosenTask, picture: (image: number) => Picture): PictureTask {
  return {
    ...one,
    query_plus: picture(one.query_plus),
    query_minus: picture(one.query_minus),
    references_plus: one.references_plus.map(picture),
    references_minus: one.references_minus.map(picture),
  };
}

/** Sizes of the samples of units, for encoders that judged samples. */
function samplesOf({ zoo }: Study): Map<string, Sample> {
  const samples = new Map<string, Sample>();
  for (const { encoder, units } of zoo) {
    if (units.drawnFrom === undefined) continue;
    const { least, most } = samples.get(encoder) ?? { least: units.count, most: units.count };
    samples.set(encoder, { least: Math.min(least, units.count), most: Math.max(most, units.count) });
  }
  return samples;
}

/** What the figures are made from. */
function figureData(
  { params }: Task<Params>,
  { study, models, layers, stateModels }: Scores,
  tasks: readonly PictureTask[],
  extremes: ReturnType<typeof withPictures>,
) {
  const { zoo, states, checkpoints, encoders } = study;
  const training = { checkpoints, models: stateModels, units: points(states) };
  return {
    ...{ models, encoders, extremes },
    tasks: tasks.filter((one) => !isDirection(one)),
    layers: layers.filter((row) => !isDirection(row)),
    units: points(zoo),
    mark: params.mark,
    training: checkpoints.length > 0 ? training : undefined,
    bootstrap: { resamples: params.bootstrap, seed: params.seed },
  };
}
