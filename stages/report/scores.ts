import type { Task } from '../../engine/stage.ts';
import type { CheckpointRow, LayerRow, ModelRow, TrainedRow } from '../../tables/report-tables.ts';
import type { Scale } from '../../tables/scores.ts';
import { layerRows, modelRow } from './aggregate.ts';
import { chooseModels } from './choose.ts';
import { type ChosenTask, passTasks, type TaskShape } from './gather.ts';
import type { Params } from './index.ts';
import { checkpointRows, finder, type Run, runsOf, trainedRows } from './runs.ts';
import { nameOf, readStudy, type Study } from './study.ts';
import {
  openTaskTable,
  type WrittenTable,
  writeCheckpoints,
  writeCheckpointUnits,
  writeLayers,
  writeModels,
  writeTrained,
  writeUnits,
} from './tables.ts';

/** Everything that the scores add up to. */
export interface Scores {
  readonly study: Study;
  /** Training runs with two states or more. */
  readonly runs: readonly Run[];
  /** Rows of the zoo, by encoder, then model. */
  readonly models: readonly ModelRow[];
  readonly layers: readonly LayerRow[];
  /** Rows of the states that don't belong to the zoo. */
  readonly stateModels: readonly ModelRow[];
  /** All states of the runs, those of the zoo too. */
  readonly checkpoints: readonly CheckpointRow[];
  readonly trained: readonly TrainedRow[];
}

/** Sums the scores up over layers, models and training runs. */
export async function sumUp(task: Task<Params>): Promise<Scores> {
  const bootstrap = { resamples: task.params.bootstrap, seed: task.params.seed };
  const study = await readStudy(task);
  const { zoo, states, accuracies, checkpoints, encoders } = study;
  const runs = runsOf(checkpoints);
  const inRuns = runs.flatMap((run) => run.states);
  const row = (subject: (typeof zoo)[number]) => {
    task.check();
    return modelRow(subject, accuracies.get(subject.model) ?? { top1: null, top5: null }, bootstrap);
  };
  const [models, stateModels] = [zoo.map(row), states.map(row)];
  return {
    ...{ study, runs, models, stateModels },
    layers: zoo.flatMap((subject) => {
      task.check();
      return layerRows(subject, bootstrap);
    }),
    checkpoints: checkpointRows(inRuns, [...models, ...stateModels], encoders),
    trained: trainedRows(runs, [...zoo, ...states], encoders, bootstrap),
  };
}

/** Writes the tables of scores; those of training runs only where there are any. */
export function writeScores(
  folder: string,
  { study, models, layers, checkpoints, trained }: Scores,
): WrittenTable[] {
  const several = study.encoders.length > 1;
  const find = finder([...study.zoo, ...study.states]);
  const states = checkpoints.map(({ run, epoch, encoder, model }) => {
    return { run, epoch, subject: find(encoder, model)! };
  });
  return [
    writeModels(folder, models, several),
    writeLayers(folder, layers, several),
    writeUnits(folder, study.zoo, several),
    ...(checkpoints.length > 0 ? [writeCheckpoints(folder, checkpoints, several)] : []),
    ...(checkpoints.length > 0 ? [writeCheckpointUnits(folder, states, several)] : []),
    ...(trained.length > 0 ? [writeTrained(folder, trained, several)] : []),
  ];
}

/**
 * Writes the table of the zoo's tasks, and picks out the typical ones of the units that are shown: under the main encoder,
 * of models evenly over the ranking.
 */
export async function writeTasks(task: Task<Params>, folder: string, { study, models }: Scores) {
  const { zoo, encoders } = study;
  const main = zoo.flatMap((subject, i) => (subject.encoder === encoders[0] ? [i] : []));
  const shown = new Set(chooseModels(main.map((i) => models[i]!.mis)).map((position) => main[position]!));
  const inputs = new Map(
    task
      .inputs('tasks')
      .map(({ path, vars }) => [`${nameOf(vars, 'encoder')}\u0000${nameOf(vars, 'model')}`, path]),
  );
  const writer = openTaskTable(folder, encoders.length > 1);
  const chosen: ChosenTask[] = [];
  let shape: TaskShape = { tasks: 0, references: 0 };
  const scales = new Map<string, Scale>();
  try {
    for (const [i, subject] of zoo.entries()) {
      const path = inputs.get(`${subject.encoder}\u0000${subject.model}`);
      if (path === undefined) throw new Error(`no tasks of ${subject.model} under ${subject.encoder}`);
      const show = shown.has(i) ? task.params['show-units'] : 0;
      const passed = await passTasks(subject, path, show, writer, task.check);
      chosen.push(...passed.chosen);
      scales.set(subject.encoder, passed.scale);
      if (passed.shape.tasks > shape.tasks) shape = passed.shape;
    }
  } finally {
    writer.close();
  }
  return { chosen, shape, scales, table: writer.written() };
}
