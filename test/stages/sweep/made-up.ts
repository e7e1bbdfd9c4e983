import { join } from 'node:path';
import { randomStreams } from '../../../stats/random.ts';
import { writeTasks, writeUnits } from '../../../tables/scores.ts';
import type { FakeInput } from '../../support/fake-task.ts';

/** Layers of the made-up model; unit 1 of each is constant. */
export const LAYERS = [
  { name: 'stem', units: 5 },
  { name: 'head', units: 4 },
];

/** A setting of the sweep, and what the tasks are made with. */
export interface Point {
  readonly setting: string;
  readonly alpha: number;
  readonly n: number;
  readonly k: number;
  /** Added to every margin: what a change of difficulty or K does. */
  readonly shift?: number;
  /** Tells apart the draws of tasks. */
  readonly draw?: string;
}

/** Margins of a unit's tasks, the same for the same draw: the first n of an endless row. */
export function marginsOf(
  model: string,
  layer: string,
  unit: number,
  { n, shift = 0, draw = '' }: Point,
): number[] {
  const random = randomStreams('sweep test', model, layer, draw).start(unit);
  return Array.from({ length: n }, () => random.next() / 2 ** 32 - 0.35 + 0.05 * unit + shift);
}

/** p of a margin: the logistic function, written the long way round. */
export function pOf(margin: number, alpha: number): number {
  return (1 + Math.tanh(margin / alpha / 2)) / 2;
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

/** Writes units and tasks of a model under an encoder at a setting, as the stage receives them. */
export function writePoint(
  folder: string,
  point: Point,
  model: string,
  encoder: string,
): { units: FakeInput; tasks: FakeInput } {
  const { n, k, alpha } = point;
  const file = (kind: string) => join(folder, `${kind} ${point.setting} ${model} ${encoder}.arrow`);
  const table = writeTasks(file('tasks'), k, { alpha, role: 'temperature' });
  const rows = LAYERS.flatMap(({ name, units }) =>
    Array.from({ length: units }, (_, unit) => ({ layer: name, unit, constant: unit === 1 })),
  );
  const scores: { mis: number | null; accuracy: number | null }[] = [];
  for (const { layer, unit, constant } of rows) {
    if (constant) {
      scores.push({ mis: null, accuracy: null });
      continue;
    }
    const margins = marginsOf(model, layer, unit, point);
    const p = margins.map((margin) => pOf(margin, alpha));
    const zeros = new Float64Array(n);
    table.write({
      layer: new Array<string>(n).fill(layer),
      unit: new Int32Array(n).fill(unit),
      task: Int32Array.from({ length: n }, (_, i) => i),
      query_plus: new Int32Array(n),
      query_minus: new Int32Array(n),
      references_plus: new Int32Array(n * k),
      references_minus: new Int32Array(n * k),
      ...{ s_plus_plus: zeros, s_plus_minus: zeros, s_minus_plus: zeros, s_minus_minus: zeros },
      margin: Float64Array.from(margins),
      p: Float64Array.from(p),
    });
    scores.push({ mis: mean(p), accuracy: mean(margins.map((x) => (x > 0 ? 1 : 0))) });
  }
  table.close();
  const numbers = (value: number) => new Float64Array(rows.length).fill(value);
  const mis = scores.map((score) => score.mis);
  writeUnits(file('units'), {
    count: rows.length,
    layer: rows.map(({ layer }) => layer),
    layer_type: rows.map(() => 'conv'),
    depth: new Int32Array(rows.length),
    relative_depth: numbers(0),
    width: new Int32Array(rows.length).fill(5),
    relative_width: numbers(1),
    unit: Int32Array.from(rows, ({ unit }) => unit),
    constant: rows.map(({ constant }) => constant),
    ...{ mis, mis_low: mis, mis_high: mis, mean_margin: mis, sd_p: mis },
    task_accuracy: scores.map((score) => score.accuracy),
    ...{ activation_min: numbers(0), activation_max: numbers(1) },
    ...{ activation_mean: numbers(0.5), activation_sd: numbers(0.1) },
  });
  const vars = { model, encoder, setting: point.setting };
  return { units: { path: file('units'), vars }, tasks: { path: file('tasks'), vars } };
}
