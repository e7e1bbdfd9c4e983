import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Task } from '../../engine/stage.ts';
import { type DrawnFigure, type Origin, writeFigure } from '../../figures/files.ts';
import { SWEEP_FIGURES } from '../../figures/index.ts';
import { writeManifest } from '../../figures/manifest.ts';
import { type SweepData, type SweepPoint, sweepRow } from '../../figures/sweep.ts';
import { mean } from '../../stats/summary.ts';
import { type TableRow, writeCsv } from '../../tables/csv.ts';
import { openParquet, type ParquetFile } from '../../tables/parquet.ts';
import { SWEEP_COLUMNS, type SweepRow, sweepUnitColumns } from '../../tables/sweep-tables.ts';
import type { Params } from './index.ts';
import { missingRows } from './missing.ts';
import { type Place, placesOf, probabilities, type Scores, scoresAt } from './points.ts';
import { compareSettings } from './setting.ts';
import { sweepSummary } from './summary.ts';

/** Writes the folder of a sweep: the long table, the units at every setting, the figures and a text for the terminal. */
export async function writeSweep(task: Task<Params>): Promise<void> {
  const { alpha, n, k, difficulty, bootstrap: resamples, seed } = task.params;
  const base = { alpha, n, k, difficulty };
  const inside = (name: string) => join(task.output('sweep'), name);
  await mkdir(inside('figures'), { recursive: true });
  const places = await placesOf(task.inputs('units'), task.inputs('tasks'), base);
  const steps = stepper(task, places.length + SWEEP_FIGURES.length);
  const bootstrap = { resamples, seed };

  const units = openParquet(inside('units.parquet'), sweepUnitColumns());
  const points: SweepPoint[] = [];
  const rows: SweepRow[] = [];
  try {
    for (const place of places) {
      const scores = await scoresAt(place);
      const point = await pointAt(place, scores, task.check);
      appendUnits(units, place, scores);
      points.push(point);
      rows.push(rowOf(place, point, bootstrap));
      steps();
    }
  } finally {
    units.close();
  }
  const all = [...rows, ...missingRows(task, base)].sort(compareSettings);
  writeCsv(inside('sweep.csv'), SWEEP_COLUMNS, all as unknown as TableRow[]);
  const drawn = await drawFigures(inside('figures'), { points, bootstrap }, task, steps);
  await writeManifest(inside('figures'), drawn);
  await writeFile(inside('summary.txt'), sweepSummary(all));
}

/** Counts steps for the progress, and lets an interrupted run stop between them. */
function stepper(task: Task<Params>, total: number): () => void {
  let done = 0;
  return () => {
    task.check();
    task.progress(++done, total, 'steps');
  };
}

/** The scores at a place as figures take them; p of the single tasks at the config's own point alone. */
async function pointAt(place: Place, scores: Scores, check: () => void): Promise<SweepPoint> {
  const { setting, alpha, n, k, difficulty, model, encoder } = place;
  const { mis, task_accuracy } = scores;
  const point = { setting, alpha, n, k, difficulty, model, encoder, mis, task_accuracy };
  return setting === '' ? { ...point, p: await probabilities(place, scores, check) } : point;
}

function appendUnits(file: ParquetFile, place: Place, scores: Scores): void {
  const count = scores.unit.length;
  const same = <T>(value: T): T[] => new Array<T>(count).fill(value);
  const orNull = (values: Float64Array) => Array.from(values, (v) => (Number.isNaN(v) ? null : v));
  file.append(count, {
    setting: same(place.setting),
    alpha: same(place.alpha),
    n: same(place.n),
    k: same(place.k),
    difficulty: same(`${place.difficulty}`),
    model: same(place.model),
    encoder: same(place.encoder),
    layer: scores.layer,
    unit: scores.unit,
    mis: orNull(scores.mis),
    task_accuracy: orNull(scores.task_accuracy),
  });
}

function rowOf(
  { setting, alpha, n, k, difficulty, model, encoder }: Place,
  point: SweepPoint,
  bootstrap: SweepData['bootstrap'],
): SweepRow {
  const gaps = [...point.mis]
    .map((mis, row) => Math.abs(mis - point.task_accuracy[row]!))
    .filter((gap) => !Number.isNaN(gap));
  return {
    ...{ setting, alpha, n, k, difficulty, model, encoder },
    ...sweepRow(point, bootstrap),
    accuracy_gap: gaps.length === 0 ? null : mean(gaps),
    reason: null,
  };
}

/** Draws the figures of the parameters that are swept, one after the other (Vega numbers its clip paths through). */
async function drawFigures(
  folder: string,
  data: SweepData,
  origin: Origin,
  drawn: () => void,
): Promise<DrawnFigure[]> {
  const figures: DrawnFigure[] = [];
  for (const figure of SWEEP_FIGURES) {
    const result = figure.make(data);
    if (result) figures.push(await writeFigure(folder, figure, result, origin));
    drawn();
  }
  return figures;
}
