import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ReadColumn, readParquetColumns } from '../../tables/parquet-read.ts';
import type { ModelRow } from '../../tables/report-tables.ts';

/** Every unit of a report by column. */
export interface ReportUnits {
  readonly count: number;
  readonly model: readonly string[];
  readonly encoder: readonly string[];
  readonly layer: readonly string[];
  readonly layer_type: readonly string[];
  readonly unit: readonly number[];
  /** Null where the unit is constant, or has no score under this encoder. */
  readonly mis: readonly (number | null)[];
  readonly task_accuracy: readonly (number | null)[];
}

/** A report as it is compared. */
export interface Report {
  readonly models: readonly ModelRow[];
  readonly units: ReportUnits;
  /** Names of the figures that have a specification, sorted. */
  readonly figures: readonly string[];
}

/** Reads a report's folder: `summary.json`, `tables/units.parquet`, and which figures there are. */
export async function readReport(folder: string): Promise<Report> {
  const summary = JSON.parse(await readFile(join(folder, 'summary.json'), 'utf8')) as { models: ModelRow[] };
  const drawn = join(folder, 'figures');
  const found = existsSync(drawn) ? await readdir(drawn) : [];
  const figures = found
    .filter((name) => name.endsWith('.json') && found.includes(name.replace(/json$/, 'csv')))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();
  const encoders = [...new Set(summary.models.map((row) => row.encoder))];
  const units = await readUnitTable(join(folder, 'tables', 'units.parquet'), encoders[0] ?? '');
  return { models: summary.models, units, figures };
}

/**
 * Reads the table of units.
 *
 * @param encoder the only one, where the table has no column of them
 */
async function readUnitTable(path: string, encoder: string): Promise<ReportUnits> {
  const names = ['model', 'encoder', 'layer', 'layer_type', 'unit', 'mis', 'task_accuracy'];
  const { rows, columns } = await readParquetColumns(path, names);
  const column = <T>(name: string): readonly T[] => {
    const found: ReadColumn | undefined = columns.get(name);
    if (!found) throw new Error(`${path} has no column ${name}`);
    return found as unknown as readonly T[];
  };
  return {
    count: rows,
    model: column('model'),
    encoder: columns.has('encoder') ? column('encoder') : new Array<string>(rows).fill(encoder),
    layer: column('layer'),
    layer_type: column('layer_type'),
    unit: column('unit'),
    mis: column('mis'),
    task_accuracy: column('task_accuracy'),
  };
}

/** The specification of a figure of a report, and its table's text. */
export async function readFigure(folder: string, name: string): Promise<{ spec: unknown; csv: string }> {
  const read = (extension: string) => readFile(join(folder, 'figures', `${name}.${extension}`), 'utf8');
  return { spec: JSON.parse(await read('json')), csv: await read('csv') };
}
