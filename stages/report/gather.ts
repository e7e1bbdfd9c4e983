import { readFile } from 'node:fs/promises';
import type { Received } from '../../engine/stage.ts';
import type { PictureTask } from '../../figures/task-pictures.ts';
import { openTasks, type Scale, type TaskRows } from '../../tables/scores.ts';
import type { Subject } from './aggregate.ts';
import { type ChosenUnit, chooseUnits, typicalTask } from './choose.ts';
import { scoresOf } from './directions.ts';
import type { TaskTableWriter } from './tables.ts';

/** An image that couldn't be decoded and was left out of the data set. */
export interface SkippedImage {
  readonly path: string;
  readonly reason: string;
}

/** Reads which images were left out. */
export async function readSkipped(input: Received | undefined): Promise<SkippedImage[]> {
  return input ? (JSON.parse(await readFile(input.path, 'utf8')) as SkippedImage[]) : [];
}

type PictureName = 'query_plus' | 'query_minus' | 'references_plus' | 'references_minus';

/** A task of a chosen unit, with image numbers where pictures will stand. */
export interface ChosenTask extends Omit<PictureTask, PictureName> {
  readonly query_plus: number;
  readonly query_minus: number;
  readonly references_plus: readonly number[];
  readonly references_minus: readonly number[];
}

/** N tasks a unit and K references a side, as the tables show them. */
export interface TaskShape {
  readonly tasks: number;
  readonly references: number;
}

/**
 * Copies the tasks of one subject into the report's table, batch by batch, and returns the chosen units' typical tasks
 * (the one with the median margin). Rows of a unit adjoin, so one unit is held at a time.
 */
export async function passTasks(
  subject: Subject,
  path: string,
  show: number,
  writer: TaskTableWriter,
  check: () => void,
): Promise<{ chosen: ChosenTask[]; shape: TaskShape; scale: Scale }> {
  const chosen = [false, true].flatMap((directions) =>
    chooseUnits({ mis: scoresOf(subject.units, directions) }, show),
  );
  const wanted = new Map(
    chosen.map((unit) => [unitKey(subject.units.layer[unit.row]!, subject.units.unit[unit.row]!), unit]),
  );
  const collected = new Map<string, ChosenTask[]>();
  const table = await openTasks(path);
  let tasks = 0;
  try {
    for await (const batch of table.batches()) {
      check();
      writer.append(subject.model, subject.encoder, batch, table.references);
      for (let row = 0; row < batch.unit.length; row++) {
        tasks = Math.max(tasks, batch.task[row]! + 1);
        const key = unitKey(batch.layer[row]!, batch.unit[row]!);
        const unit = wanted.get(key);
        if (unit)
          collected.set(key, [
            ...(collected.get(key) ?? []),
            taskOf(subject, unit, batch, row, table.references),
          ]);
      }
    }
  } finally {
    await table.close();
  }
  const typical = [...wanted.keys()].map((key) => {
    const own = collected.get(key);
    if (!own) throw new Error(`${path} has no tasks of the scored unit ${key}`);
    return own[typicalTask(own.map((task) => task.margin))]!;
  });
  return { chosen: typical, shape: { tasks, references: table.references }, scale: table.scale };
}

function unitKey(layer: string, unit: number): string {
  return `${unit} ${layer}`;
}

function taskOf(
  { model, encoder, units }: Subject,
  { row: unitRow, reason }: ChosenUnit,
  batch: TaskRows,
  row: number,
  references: number,
): ChosenTask {
  const side = (flat: Int32Array) => [...flat.subarray(row * references, (row + 1) * references)];
  return {
    model,
    encoder,
    layer: units.layer[unitRow]!,
    layer_type: units.layer_type[unitRow]!,
    unit: units.unit[unitRow]!,
    mis: units.mis[unitRow]!,
    mis_low: units.mis_low[unitRow]!,
    mis_high: units.mis_high[unitRow]!,
    task_accuracy: units.task_accuracy[unitRow]!,
    reason,
    task: batch.task[row]!,
    margin: batch.margin[row]!,
    p: batch.p[row]!,
    query_plus: batch.query_plus[row]!,
    query_minus: batch.query_minus[row]!,
    references_plus: side(batch.references_plus),
    references_minus: side(batch.references_minus),
  };
}
