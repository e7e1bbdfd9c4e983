import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Task } from '../../engine/stage.ts';
import type { FigureData } from '../../figures/figure.ts';
import { type DrawnFigure, writeFigure } from '../../figures/files.ts';
import { FIGURES } from '../../figures/index.ts';
import type { PictureTask } from '../../figures/task-pictures.ts';
import { type ImageIndex, type ImageNumbers, numberImages, readImages } from '../../tables/images.ts';
import type { LayerRow, ModelRow } from '../../tables/report-tables.ts';
import type { Scale } from '../../tables/scores.ts';
import { sameShards } from '../../tables/shards.ts';
import { layerRows, modelRow, type Subject } from './aggregate.ts';
import { chooseModels } from './choose.ts';
import {
  type ChosenTask,
  nameOf,
  passTasks,
  readAccuracies,
  readSkipped,
  readSubjects,
  type TaskShape,
} from './gather.ts';
import type { Params } from './index.ts';
import { pageHtml } from './page.ts';
import { makePictures } from './pictures.ts';
import { summaryText } from './summary.ts';
import {
  openTaskTable,
  type WrittenTable,
  writeImages,
  writeLayers,
  writeModels,
  writeUnits,
} from './tables.ts';

/** Writes the whole report folder: tables first, then pictures, figures, and the page over them. */
export async function writeReport(task: Task<Params>): Promise<void> {
  const { params } = task;
  const inside = (name: string) => join(task.output('report'), name);
  await Promise.all(['tables', 'figures', 'images'].map((name) => mkdir(inside(name), { recursive: true })));
  const step = stepper(task, 4 + FIGURES.length);

  const scores = await sumUp(task);
  const { subjects, encoders, models, layers } = scores;
  step();
  const scoreTables = writeScores(inside('tables'), scores);
  const { chosen, shape, scales, table } = await writeTasks(task, inside('tables'), scores);
  step();
  const data = await readDataSet(task);
  const tables = [...scoreTables, table, writeImages(inside('tables'), data.shards, data.numbers)];
  step();
  const tasks = await withPictures(task, chosen, data.numbers, inside('images'));
  step();
  const bootstrap = { resamples: params.bootstrap, seed: params.seed };
  const figures = await drawFigures(
    inside('figures'),
    { models, layers, units: points(subjects), tasks, bootstrap },
    step,
  );
  const facts = { images: data.numbers.count, classes: data.classes, skipped: data.skipped };
  const page = pageHtml({
    params,
    encoders,
    models,
    layers,
    tasks,
    shape,
    scales,
    data: facts,
    figures,
    tables,
  });
  await writeFile(inside('index.html'), page);
  await writeFile(inside('summary.txt'), summaryText(models));
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

interface Scores {
  readonly subjects: readonly Subject[];
  readonly encoders: readonly string[];
  readonly models: readonly ModelRow[];
  readonly layers: readonly LayerRow[];
}

async function sumUp(task: Task<Params>): Promise<Scores> {
  const bootstrap = { resamples: task.params.bootstrap, seed: task.params.seed };
  const subjects = await readSubjects(task.inputs('units'));
  const accuracies = await readAccuracies(task.inputs('accuracy'));
  const [models, layers]: [ModelRow[], LayerRow[]] = [[], []];
  for (const subject of subjects) {
    task.check();
    layers.push(...layerRows(subject, bootstrap));
    models.push(modelRow(subject, accuracies.get(subject.model) ?? { top1: null, top5: null }, bootstrap));
  }
  return { subjects, encoders: [...new Set(subjects.map((subject) => subject.encoder))], models, layers };
}

function writeScores(folder: string, { subjects, encoders, models, layers }: Scores): WrittenTable[] {
  const several = encoders.length > 1;
  return [
    writeModels(folder, models, several),
    writeLayers(folder, layers, several),
    writeUnits(folder, subjects, several),
  ];
}

/** The table of tasks, and the typical ones of the units that are shown. */
async function writeTasks(task: Task<Params>, folder: string, { subjects, encoders, models }: Scores) {
  const shown = new Set(
    encoders.flatMap((encoder) => {
      const own = subjects.flatMap((subject, i) => (subject.encoder === encoder ? [i] : []));
      return chooseModels(own.map((i) => models[i]!.mis)).map((position) => own[position]!);
    }),
  );
  const writer = openTaskTable(folder, encoders.length > 1);
  const chosen: ChosenTask[] = [];
  let shape: TaskShape = { tasks: 0, references: 0 };
  const scales = new Map<string, Scale>();
  try {
    for (const [i, subject] of subjects.entries()) {
      const input = task
        .inputs('tasks')
        .find(
          ({ vars }) =>
            nameOf(vars, 'model') === subject.model && nameOf(vars, 'encoder') === subject.encoder,
        );
      if (!input) throw new Error(`no tasks of ${subject.model} under ${subject.encoder}`);
      const passed = await passTasks(
        subject,
        input.path,
        shown.has(i) ? task.params['show-units'] : 0,
        writer,
        task.check,
      );
      chosen.push(...passed.chosen);
      scales.set(subject.encoder, passed.scale);
      if (passed.shape.tasks > shape.tasks) shape = passed.shape;
    }
  } finally {
    writer.close();
  }
  return { chosen, shape, scales, table: writer.written() };
}

async function readDataSet(task: Task<Params>) {
  const shards: ImageIndex[] = [];
  for (const { path } of task.inputs('images')) shards.push(await readImages(path));
  const labels = new Set(shards.flatMap((shard) => [...new Set(shard.labels)]));
  labels.delete(null);
  const skipped = await readSkipped(task.inputs('skipped')[0]);
  return { shards, numbers: numberImages(shards), classes: labels.size, skipped };
}

/** The chosen tasks with pictures in place of image numbers; the pictures' files go into `folder`. */
async function withPictures(
  task: Task<Params>,
  chosen: readonly ChosenTask[],
  numbers: ImageNumbers,
  folder: string,
): Promise<PictureTask[]> {
  const images = task.inputs('images');
  const places = sameShards(images, task.inputs('places'));
  const files = images.map(({ path }, i) => ({ images: path, places: places[i]!.path }));
  const wanted = chosen.flatMap((one) => [
    one.query_plus,
    one.query_minus,
    ...one.references_plus,
    ...one.references_minus,
  ]);
  const pictures = await makePictures(wanted, files, numbers, folder, task.params.orientation, task.check);
  const picture = (image: number) => pictures.get(image)!;
  return chosen.map((one) => ({
    ...one,
    query_plus: picture(one.query_plus),
    query_minus: picture(one.query_minus),
    references_plus: one.references_plus.map(picture),
    references_minus: one.references_minus.map(picture),
  }));
}

/** Every scored unit as a point for figures. */
function points(subjects: readonly Subject[]): FigureData['units'] {
  return subjects.flatMap(({ model, encoder, units }) =>
    units.mis.flatMap((mis, row) => {
      if (mis === null) return [];
      const place = {
        relative_depth: units.relative_depth[row]!,
        relative_width: units.relative_width[row]!,
      };
      return [{ model, encoder, layer_type: units.layer_type[row]!, ...place, mis }];
    }),
  );
}

/** Draws what the data allows, one after the other (Vega numbers its clip paths through). */
async function drawFigures(folder: string, data: FigureData, drawn: () => void): Promise<DrawnFigure[]> {
  const figures: DrawnFigure[] = [];
  for (const figure of FIGURES) {
    const result = figure.make(data);
    if (result) figures.push(await writeFigure(folder, figure, result));
    drawn();
  }
  return figures;
}
