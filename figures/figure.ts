import type { TopLevelSpec } from 'vega-lite';
import type { TableRow } from '../tables/csv.ts';
import type { LayerRow, ModelRow } from '../tables/report-tables.ts';
import type { PictureTask } from './task-pictures.ts';

/** A unit that isn't constant, as figures need it. */
export interface UnitPoint {
  readonly model: string;
  readonly encoder: string;
  readonly layer_type: string;
  readonly relative_depth: number;
  readonly relative_width: number;
  readonly mis: number;
}

/** Everything that figures are made from: the report's tables. Rows come sorted by encoder, then model. */
export interface FigureData {
  readonly models: readonly ModelRow[];
  readonly layers: readonly LayerRow[];
  readonly units: readonly UnitPoint[];
  readonly tasks: readonly PictureTask[];
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

/** A figure: a pure function from the report's tables. Undefined when the data has nothing to show in it. */
export interface Figure {
  readonly name: string;
  readonly title: string;
  make(data: FigureData): FigureResult | undefined;
}

/** Names of the encoders in the rows, in order. */
export function encodersOf(rows: readonly { readonly encoder: string }[]): string[] {
  return [...new Set(rows.map((row) => row.encoder))];
}

/** Rows in groups by key, in order of first appearance. */
export function groupBy<Row>(rows: readonly Row[], key: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group) group.push(row);
    else groups.set(key(row), [row]);
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
