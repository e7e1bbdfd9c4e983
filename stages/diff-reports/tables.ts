import { join } from 'node:path';
import { type TableRow, writeCsv } from '../../tables/csv.ts';
import { type Column, writeParquet } from '../../tables/parquet.ts';
import { METRICS, type ModelChange } from './models.ts';
import type { UnitChange } from './units.ts';

/** Tables with more rows than this have no CSV beside them. */
const MOST_CSV_ROWS = 50_000;

const text = (name: string): Column => ({ name, type: 'utf8' });
const number = (name: string): Column => ({ name, type: 'float64', nullable: true });

const UNIT_COLUMNS: readonly Column[] = [
  ...['model', 'encoder', 'layer', 'layer_type'].map(text),
  { name: 'unit', type: 'int32' },
  text('in'),
  ...['mis_a', 'mis_b', 'change', 'task_accuracy_a', 'task_accuracy_b'].map(number),
];

const MODEL_COLUMNS: readonly Column[] = [
  ...['model', 'encoder', 'in'].map(text),
  ...METRICS.flatMap((name) => [`${name}_a`, `${name}_b`, `${name}_change`]).map(number),
];

/** `units`: every unit of either run (see `UnitChange`). Returns the names of the files. */
export function writeUnitChanges(folder: string, units: readonly UnitChange[]): string[] {
  return writeBoth(folder, 'units', UNIT_COLUMNS, units as unknown as readonly TableRow[]);
}

/** `models`: every model under every encoder of either run; for each metric `_a`, `_b`, `_change`. */
export function writeModelChanges(folder: string, models: readonly ModelChange[]): string[] {
  const rows = models.map(({ model, encoder, in: where, metrics }): TableRow => {
    const cells = METRICS.flatMap((name) => {
      const { a, b, change } = metrics[name];
      return [
        [`${name}_a`, a],
        [`${name}_b`, b],
        [`${name}_change`, change],
      ];
    });
    return { model, encoder, in: where, ...Object.fromEntries(cells) };
  });
  return writeBoth(folder, 'models', MODEL_COLUMNS, rows);
}

function writeBoth(folder: string, name: string, columns: readonly Column[], rows: readonly TableRow[]) {
  writeParquet(join(folder, `${name}.parquet`), columns, rows);
  if (rows.length > MOST_CSV_ROWS) return [`${name}.parquet`];
  const names = columns.map((column) => column.name);
  writeCsv(join(folder, `${name}.csv`), names, rows);
  return [`${name}.parquet`, `${name}.csv`];
}
