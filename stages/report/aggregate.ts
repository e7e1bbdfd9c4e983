import { meanInterval } from '../../stats/mean-interval.ts';
import { randomStreams } from '../../stats/random.ts';
import { mean, percentiles } from '../../stats/summary.ts';
import type { LayerRow, ModelRow } from '../../tables/report-tables.ts';
import type { UnitScores } from '../../tables/scores.ts';
import { isDirection } from './directions.ts';

/** The units of one model under one encoder. */
export interface Subject {
  readonly model: string;
  readonly encoder: string;
  readonly units: UnitScores;
}

export interface Bootstrap {
  readonly resamples: number;
  readonly seed: number;
}

export interface Accuracy {
  readonly top1: number | null;
  readonly top5: number | null;
}

/** Sums up each layer of a subject, in execution order ([MIS] §3; percentile bootstrap over non-constant units). */
export function layerRows({ model, encoder, units }: Subject, bootstrap: Bootstrap): LayerRow[] {
  const rows = new Map<string, number[]>();
  units.layer.forEach((layer, row) => {
    const members = rows.get(layer);
    if (members) members.push(row);
    else rows.set(layer, [row]);
  });
  return [...rows].map(([layer, members]) => {
    const first = members[0]!;
    return {
      model,
      encoder,
      layer,
      layer_type: units.layer_type[first]!,
      depth: units.depth[first]!,
      relative_depth: units.relative_depth[first]!,
      width: units.width[first]!,
      relative_width: units.relative_width[first]!,
      units: members.length,
      constant_units: constantOf(units, members),
      ...spread(units, members, bootstrap, ['layer', model, encoder, layer]),
      task_accuracy: meanOf(units.task_accuracy, members),
    };
  });
}

/** Sums up a subject: all its units alike, whatever their layer; directions that are no units are left out. */
export function modelRow(
  { model, encoder, units }: Subject,
  accuracy: Accuracy,
  bootstrap: Bootstrap,
): ModelRow {
  const all = [...units.layer_type.keys()].filter(
    (row) => !isDirection({ layer_type: units.layer_type[row]! }),
  );
  return {
    model,
    encoder,
    ...spread(units, all, bootstrap, ['model', model, encoder]),
    task_accuracy: meanOf(units.task_accuracy, all),
    mean_margin: meanOf(units.mean_margin, all),
    layers: new Set(all.map((row) => units.layer[row])).size,
    units: all.length,
    constant_units: constantOf(units, all),
    top1: accuracy.top1,
    top5: accuracy.top5,
  };
}

/** Mean MIS over the rows that have one, its 95 % interval, and the 5th and 95th percentile; nulls for no unit. */
function spread(
  units: UnitScores,
  rows: readonly number[],
  { resamples, seed }: Bootstrap,
  key: readonly string[],
) {
  const values = present(units.mis, rows);
  if (values.length === 0) return { mis: null, mis_low: null, mis_high: null, mis_p05: null, mis_p95: null };
  const { low, high } = meanInterval(values, randomStreams(seed, ...key), resamples);
  const [p05, p95] = percentiles(values, [0.05, 0.95]);
  return { mis: mean(values), mis_low: low, mis_high: high, mis_p05: p05!, mis_p95: p95! };
}

function constantOf(units: UnitScores, rows: readonly number[]): number {
  return rows.reduce((count, row) => count + (units.constant[row] ? 1 : 0), 0);
}

function present(values: readonly (number | null)[], rows: readonly number[]): number[] {
  return rows.flatMap((row) => values[row] ?? []);
}

function meanOf(values: readonly (number | null)[], rows: readonly number[]): number | null {
  const some = present(values, rows);
  return some.length === 0 ? null : mean(some);
}
