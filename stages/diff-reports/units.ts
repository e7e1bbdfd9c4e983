import { pearson, spearman } from '../../stats/correlation.ts';
import { meanInterval } from '../../stats/mean-interval.ts';
import { randomStreams } from '../../stats/random.ts';
import { mean } from '../../stats/summary.ts';
import type { ReportUnits } from './read.ts';

/** A unit in one run or both. Scores are null where it is constant, or isn't there. */
export interface UnitChange {
  readonly model: string;
  readonly encoder: string;
  readonly layer: string;
  readonly layer_type: string;
  readonly unit: number;
  readonly in: 'a' | 'b' | 'both';
  readonly mis_a: number | null;
  readonly mis_b: number | null;
  /** mis_b − mis_a */
  readonly change: number | null;
  readonly task_accuracy_a: number | null;
  readonly task_accuracy_b: number | null;
}

/** How the units of a model under an encoder changed, or all of them together. Null where there are too few to tell. */
export interface UnitSummary {
  readonly model: string | null;
  readonly encoder: string | null;
  /** Units with a score in both runs. All that follows is over these, unless it says otherwise. */
  readonly units: number;
  readonly mean_change: number | null;
  /** 95 % bootstrap interval of the mean change; units are drawn with both their scores. */
  readonly mean_change_low: number | null;
  readonly mean_change_high: number | null;
  readonly mean_absolute_change: number | null;
  readonly largest_rise: number | null;
  readonly largest_fall: number | null;
  /** Units whose score changed by more than the parameter `moved`. */
  readonly moved: number;
  readonly moved_up: number;
  readonly moved_down: number;
  readonly pearson: number | null;
  readonly spearman: number | null;
  /** Units of one run that the other doesn't have. */
  readonly only_a: number;
  readonly only_b: number;
  /** Units of both runs that have a score in one alone. */
  readonly lost_score: number;
  readonly gained_score: number;
}

/** Joins the units of two reports by model, encoder, layer and number: those of B in its order, then those of A alone. */
export function joinUnits(a: ReportUnits, b: ReportUnits): UnitChange[] {
  const keyOf = ({ model, encoder, layer, unit }: ReportUnits, row: number): string =>
    `${model[row]}\u0000${encoder[row]}\u0000${layer[row]}\u0000${unit[row]}`;
  const left = new Map<string, number>();
  for (let row = 0; row < a.count; row++) left.set(keyOf(a, row), row);
  const joined: UnitChange[] = [];
  for (let row = 0; row < b.count; row++) {
    const key = keyOf(b, row);
    const other = left.get(key);
    left.delete(key);
    joined.push(changeOf(a, other, b, row));
  }
  for (const row of left.values()) joined.push(changeOf(a, row, b, undefined));
  return joined;
}

function changeOf(a: ReportUnits, i: number | undefined, b: ReportUnits, j: number | undefined): UnitChange {
  const [table, row] = j === undefined ? [a, i!] : [b, j];
  const at = (from: readonly (number | null)[], place: number | undefined) =>
    place === undefined ? null : (from[place] ?? null);
  const [old, now] = [at(a.mis, i), at(b.mis, j)];
  return {
    model: table.model[row]!,
    encoder: table.encoder[row]!,
    layer: table.layer[row]!,
    layer_type: table.layer_type[row]!,
    unit: table.unit[row]!,
    in: i === undefined ? 'b' : j === undefined ? 'a' : 'both',
    mis_a: old,
    mis_b: now,
    change: old === null || now === null ? null : now - old,
    task_accuracy_a: at(a.task_accuracy, i),
    task_accuracy_b: at(b.task_accuracy, j),
  };
}

export interface SummaryOptions {
  readonly moved: number;
  readonly bootstrap: number;
  readonly seed: number;
}

/** Sums up each model under each encoder, in the order of the units. */
export function summarise(units: readonly UnitChange[], options: SummaryOptions): UnitSummary[] {
  const groups = new Map<string, UnitChange[]>();
  for (const unit of units) {
    const key = `${unit.encoder}\u0000${unit.model}`;
    const group = groups.get(key);
    if (group) group.push(unit);
    else groups.set(key, [unit]);
  }
  return [...groups.values()].map((group) => {
    const { model, encoder } = group[0]!;
    return { ...summaryOf(group, options, [encoder, model]), model, encoder };
  });
}

/** Sums up units, whatever their model. `names` picks the random numbers of the bootstrap. */
export function summaryOf(
  units: readonly UnitChange[],
  { moved, bootstrap, seed }: SummaryOptions,
  names: readonly string[] = [],
): UnitSummary {
  const scored = units.filter(({ change }) => change !== null);
  const changes = Float64Array.from(scored, ({ change }) => change!);
  const [a, b] = [scored.map((unit) => unit.mis_a!), scored.map((unit) => unit.mis_b!)];
  const { low, high } = meanInterval(changes, randomStreams(seed, 'diff', ...names), bootstrap);
  const count = (holds: (unit: UnitChange) => boolean) => units.filter(holds).length;
  const both = (unit: UnitChange) => unit.in === 'both';
  const [up, down] = [count(({ change }) => change! > moved), count(({ change }) => change! < -moved)];
  return {
    model: null,
    encoder: null,
    units: scored.length,
    mean_change: known(mean(changes)),
    mean_change_low: known(low),
    mean_change_high: known(high),
    mean_absolute_change: known(mean(changes.map(Math.abs))),
    largest_rise: known(extreme(changes, 1)),
    largest_fall: known(extreme(changes, -1)),
    moved: up + down,
    moved_up: up,
    moved_down: down,
    pearson: known(pearson(a, b)),
    spearman: known(spearman(a, b)),
    only_a: count((unit) => unit.in === 'a'),
    only_b: count((unit) => unit.in === 'b'),
    lost_score: count((unit) => both(unit) && unit.mis_a !== null && unit.mis_b === null),
    gained_score: count((unit) => both(unit) && unit.mis_a === null && unit.mis_b !== null),
  };
}

const known = (value: number): number | null => (Number.isFinite(value) ? value : null);

/** The largest change in a direction; NaN when none goes there. */
function extreme(changes: Float64Array, sign: 1 | -1): number {
  let most = 0;
  for (const change of changes) if (sign * change > sign * most) most = change;
  return most === 0 ? Number.NaN : most;
}

/** The units that rose most (sign 1) or fell most (−1), the largest change first, equal ones as the table has them. */
export function furthest(units: readonly UnitChange[], sign: 1 | -1, most: number): UnitChange[] {
  return units
    .filter(({ change }) => change !== null && sign * change > 0)
    .sort((a, b) => sign * (b.change! - a.change!))
    .slice(0, most);
}
