import {
  type ArrowWriter,
  type Columns,
  float64,
  nullable,
  openArrow,
  readAll,
  writeArrow,
  writeTable,
} from './arrow.ts';
import {
  checkReferences,
  type ExplanationRows,
  explanationColumns,
  explanationRowsOf,
} from './explanations.ts';
import { SIMILARITY_COLUMNS, type Similarities, similaritiesOf } from './margins.ts';
import { ACTIVATION_COLUMNS, UNIT_COLUMNS, type UnitStats, unitStatsOf } from './unit-stats.ts';

type Score = readonly (number | null)[];

/**
 * Every unit of one model under one encoder, in model order; the scores of constant units are null. Where a sample of the
 * units was compared, these alone.
 */
export interface UnitScores extends UnitStats {
  /** For a sample: the number of units that aren't constant, which it was drawn from. Absent where all are here. */
  readonly drawnFrom?: number;
  /** Machine interpretability score, the mean of p over the unit's tasks: 0.5 is chance, 1 the most. */
  readonly mis: Score;
  /** 95 % bootstrap interval of it, over tasks. */
  readonly mis_low: Score;
  readonly mis_high: Score;
  /** Share of tasks with a positive margin; ties count ½. */
  readonly task_accuracy: Score;
  readonly mean_margin: Score;
  /** Standard deviation of p over the unit's tasks (divided by their number). */
  readonly sd_p: Score;
}

const SCORE_COLUMNS: Columns = {
  mis: nullable(float64()),
  mis_low: nullable(float64()),
  mis_high: nullable(float64()),
  task_accuracy: nullable(float64()),
  mean_margin: nullable(float64()),
  sd_p: nullable(float64()),
};

/** Writes the `units` table of one model under one encoder. */
export function writeUnits(path: string, units: UnitScores): void {
  const { count: _, drawnFrom, ...columns } = units;
  const notes = drawnFrom === undefined ? undefined : { 'drawn-from': `${drawnFrom}` };
  writeTable(path, { ...UNIT_COLUMNS, ...SCORE_COLUMNS, ...ACTIVATION_COLUMNS }, columns, notes);
}

/** Reads a `units` table; its columns by name. */
export async function readUnits(path: string): Promise<UnitScores> {
  const rows = await readAll(path);
  const drawnFrom = rows.metadata['drawn-from'];
  return {
    ...unitStatsOf(rows),
    ...(drawnFrom === undefined ? {} : { drawnFrom: Number(drawnFrom) }),
    mis: rows.nullableNumbers('mis'),
    mis_low: rows.nullableNumbers('mis_low'),
    mis_high: rows.nullableNumbers('mis_high'),
    task_accuracy: rows.nullableNumbers('task_accuracy'),
    mean_margin: rows.nullableNumbers('mean_margin'),
    sd_p: rows.nullableNumbers('sd_p'),
  };
}

/** Tasks of consecutive units with their images, similarities and scores, a row a (unit, task). */
export interface TaskRows extends ExplanationRows, Similarities {
  /** σ(margin / α): how surely the machine tells the queries apart. */
  readonly p: Float64Array;
}

/** How margins became p: σ(margin / α), or σ(margin · α) where α is a factor. */
export interface Scale {
  readonly alpha: number;
  readonly role: 'temperature' | 'factor';
}

/** Starts the `tasks` table of one model under one encoder, with `references` (K) explanation images a side. */
export function writeTasks(path: string, references: number, { alpha, role }: Scale): ArrowWriter {
  const columns = { ...explanationColumns(references), ...SIMILARITY_COLUMNS, p: float64() };
  return writeArrow(path, columns, { references: `${references}`, alpha: `${alpha}`, 'alpha-role': role });
}

/** A `tasks` table, open for reading: rows of a unit adjoin, units in model order, constant ones absent. */
export interface TaskTable {
  readonly rows: number;
  readonly references: number;
  readonly scale: Scale;
  batches(): AsyncGenerator<TaskRows & { readonly rows: number }, void, undefined>;
  close(): Promise<void>;
}

export async function openTasks(path: string): Promise<TaskTable> {
  const file = await openArrow(path);
  await checkReferences(file);
  return {
    rows: file.rows,
    references: Number(file.metadata.references),
    scale: {
      alpha: Number(file.metadata.alpha),
      role: file.metadata['alpha-role'] === 'factor' ? 'factor' : 'temperature',
    },
    async *batches() {
      for await (const rows of file.batches()) {
        yield {
          rows: rows.rows,
          ...explanationRowsOf(rows),
          ...similaritiesOf(rows),
          p: rows.float64('p'),
        };
      }
    },
    close: () => file.close(),
  };
}
