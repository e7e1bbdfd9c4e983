import type { Column, ColumnType } from './parquet-column.ts';

/** How hard tasks are: the name of a level, or the share of the data set above the queries. */
export type Difficulty = string | number;

/** The parameters of a score that a sweep varies. */
export interface SweepSetting {
  readonly alpha: number;
  readonly n: number;
  readonly k: number;
  readonly difficulty: Difficulty;
}

/** One row of `sweep`: a model under an encoder at one setting. Means and percentiles are over non-constant units. */
export interface SweepRow extends SweepSetting {
  /** Canonical text of what differs from the config, empty for the config's own point: `task.n=5`. */
  readonly setting: string;
  readonly model: string;
  readonly encoder: string;
  /** Units with a score. */
  readonly units: number;
  readonly mis: number | null;
  readonly mis_low: number | null;
  readonly mis_high: number | null;
  readonly mis_p05: number | null;
  readonly mis_p95: number | null;
  /** The score as α → 0. */
  readonly task_accuracy: number | null;
  /** Mean over units of |MIS − task accuracy|: how far α is from that limit. */
  readonly accuracy_gap: number | null;
  /** Why there are no scores at this setting; null where there are. */
  readonly reason: string | null;
}

/** Columns of `sweep.csv`. */
export const SWEEP_COLUMNS = [
  'setting',
  'alpha',
  'n',
  'k',
  'difficulty',
  'model',
  'encoder',
  'units',
  'mis',
  'mis_low',
  'mis_high',
  'mis_p05',
  'mis_p95',
  'task_accuracy',
  'accuracy_gap',
  'reason',
] as const;

const column = (type: ColumnType, names: string): Column[] =>
  names.split(' ').map((name) => ({ name, type }));

/** Columns of the sweep's `units.parquet`: a row a setting and unit; scores are null where the unit is constant. */
export function sweepUnitColumns(): Column[] {
  return [
    ...column('utf8', 'setting'),
    ...column('float64', 'alpha'),
    ...column('int32', 'n k'),
    ...column('utf8', 'difficulty model encoder layer'),
    ...column('int32', 'unit'),
    { name: 'mis', type: 'float64', nullable: true },
    { name: 'task_accuracy', type: 'float64', nullable: true },
  ];
}
