import type { TopLevelSpec } from 'vega-lite';
import type { TableRow } from '../tables/csv.ts';
import type { LayerRow, ModelRow } from '../tables/report-tables.ts';
import type { ExtremesData, PictureTask } from './task-pictures.ts';

/** A unit that isn't constant, as figures need it. */
export interface UnitPoint {
  readonly model: string;
  readonly encoder: string;
  readonly layer: string;
  readonly layer_type: string;
  /** Number of the unit in its layer. */
  readonly unit: number;
  readonly relative_depth: number;
  readonly relative_width: number;
  readonly mis: number;
}

/** A model that is the state of a training run after so many epochs (0: the initial weights). */
export interface Checkpoint {
  readonly model: string;
  readonly run: string;
  readonly epoch: number;
}

/** States of training runs. Models and units of those that belong to the zoo too are in `FigureData` alone. */
export interface TrainingData {
  readonly checkpoints: readonly Checkpoint[];
  readonly models: readonly ModelRow[];
  readonly units: readonly UnitPoint[];
}

/** Everything that figures are made from: the report's tables. Rows come sorted by encoder, then model. */
export interface FigureData {
  readonly models: readonly ModelRow[];
  readonly layers: readonly LayerRow[];
  readonly units: readonly UnitPoint[];
  readonly tasks: readonly PictureTask[];
  /** Similarity functions in the config's order. Pictures show the first, tables hold all. */
  readonly encoders: readonly string[];
  /** Names of models to be marked. */
  readonly mark?: readonly string[] | undefined;
  readonly training?: TrainingData | undefined;
  readonly extremes?: ExtremesData | undefined;
  /** Resamples and seed of the bootstrap intervals that a figure computes itself. */
  readonly bootstrap: Bootstrap;
}

export interface Bootstrap {
  readonly resamples: number;
  readonly seed: number;
}

/** A Vega-Lite specification that carries its data. */
export type Spec = TopLevelSpec;

/** A figure as it comes out: first a table, then a picture of it. */
export interface FigureResult {
  /** Columns of the table in order, and its rows (written as CSV). */
  readonly columns: readonly string[];
  readonly table: readonly TableRow[];
  readonly spec: Spec;
  /** What it shows, of how many, computed from what, with which intervals: plain text. */
  readonly caption: string;
}

/** A figure: a pure function of tables. Undefined when the data has nothing to show in it. */
export interface Figure<Data = FigureData> {
  readonly name: string;
  readonly title: string;
  make(data: Data): FigureResult | undefined;
}

/** Names of the encoders in the rows, in the config's order; those that it doesn't name come last. */
export function encodersOf(
  rows: readonly { readonly encoder: string }[],
  order: readonly string[] = [],
): string[] {
  const present = new Set(rows.map((row) => row.encoder));
  return [...order.filter((name) => present.has(name)), ...[...present].filter((n) => !order.includes(n))];
}

/** What a caption says where pictures show one similarity function of several; else nothing. */
export function shownWords(encoders: readonly string[]): string {
  if (encoders.length < 2) return '';
  return ` Similarity function: ${encoders[0]}; the table holds all ${encoders.length}.`;
}

/** Rows in groups by key, in order of first appearance. */
export function groupBy<Row>(rows: readonly Row[], key: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const name = key(row);
    const group = groups.get(name);
    if (group) group.push(row);
    else groups.set(name, [row]);
  }
  return groups;
}

/** The columns of a figure's table: `encoder` only when there are several. */
export function columnsFor(encoders: readonly string[], columns: readonly string[]): string[] {
  return columns.filter((name) => name !== 'encoder' || encoders.length > 1);
}

/** "1 model", "3 models", "12,340 units". */
export function counted(count: number, thing: string): string {
  return `${count.toLocaleString('en-US')} ${thing}${count === 1 ? '' : 's'}`;
}

/** Numbers as they are in a caption: "0.123", with a true minus sign. */
export function fixed(value: number, digits: number): string {
  return value.toFixed(digits).replace('-', '−');
}

/** NaN as null, as tables have it. */
export function orNull(value: number): number | null {
  return Number.isNaN(value) ? null : value;
}

/** Order of two names by their code units. */
export function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
