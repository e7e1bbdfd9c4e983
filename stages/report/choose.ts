import type { UnitScores } from '../../tables/scores.ts';

/** A unit that the report shows: its row among the model's units, and why it was chosen. */
export interface ChosenUnit {
  readonly row: number;
  readonly reason: string;
}

/**
 * Chooses `count` units of a model evenly over the order by MIS: the highest, the lowest, and those at equal steps in
 * between (so the median, when `count` is odd). Equal scores keep the model's order of units. Constant units have no
 * score and are never chosen; a model with fewer units gives what it has.
 */
export function chooseUnits(units: Pick<UnitScores, 'mis'>, count: number): ChosenUnit[] {
  const order = units.mis.flatMap((score, row) => (score === null ? [] : { score, row }));
  order.sort((a, b) => b.score - a.score || a.row - b.row);
  const shown = Math.min(count, order.length);
  return Array.from({ length: shown }, (_, i) => {
    const rank = shown === 1 ? 0 : Math.round((i * (order.length - 1)) / (shown - 1));
    return { row: order[rank]!.row, reason: reasonOf(i, shown) };
  });
}

function reasonOf(i: number, shown: number): string {
  if (i === 0) return 'highest MIS';
  if (i === shown - 1) return 'lowest MIS';
  if (2 * i === shown - 1) return 'median MIS';
  const percent = Math.round((100 * (shown - 1 - i)) / (shown - 1));
  return `${ordinal(percent)} percentile`;
}

/** 1st, 2nd, 3rd, 4th, 11th, 21st … below 100. */
function ordinal(value: number): string {
  const ending = Math.floor(value / 10) === 1 ? 'th' : (['th', 'st', 'nd', 'rd'][value % 10] ?? 'th');
  return `${value}${ending}`;
}

/** Position of the lower median of some margins: the task that stands for its unit. The first one on ties. */
export function typicalTask(margins: ArrayLike<number>): number {
  const order = Array.from(margins, (margin, task) => ({ margin, task }));
  order.sort((a, b) => a.margin - b.margin || a.task - b.task);
  return order[Math.floor((order.length - 1) / 2)]!.task;
}

/** Most models (under one encoder) whose units are shown with pictures. */
export const MOST_SHOWN_MODELS = 12;

/**
 * Which models are shown with pictures: all when they are few, else twelve evenly over the order by mean MIS, the best
 * and the worst among them. Returns positions in `scores`, ascending.
 */
export function chooseModels(scores: readonly (number | null)[]): number[] {
  const order = scores.map((score, position) => ({ score: score ?? -1, position }));
  order.sort((a, b) => b.score - a.score || a.position - b.position);
  const shown = Math.min(MOST_SHOWN_MODELS, order.length);
  const step = (order.length - 1) / Math.max(1, shown - 1);
  return Array.from({ length: shown }, (_, i) => order[Math.round(i * step)]!.position).sort((a, b) => a - b);
}
