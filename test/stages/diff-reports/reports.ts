import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { writeParquet } from '../../../tables/parquet.ts';
import type { ModelRow } from '../../../tables/report-tables.ts';
import { unitColumns } from '../../../tables/report-tables.ts';
import { temporaryFolder } from '../../support/fake-task.ts';

/** A unit of a made-up report: model, layer, number, MIS (null: constant), task accuracy. */
export type Unit = readonly [string, string, number, number | null, number?];

/** A report folder with as much in it as the comparison reads. One encoder has no column in the tables. */
export function report(
  models: readonly (Partial<ModelRow> & { model: string })[],
  units: Readonly<Record<string, readonly Unit[]>>,
  figures: Readonly<Record<string, { spec: object; csv: string }>> = {},
): string {
  const folder = temporaryFolder();
  for (const name of ['tables', 'figures']) mkdirSync(join(folder, name));
  const encoders = Object.keys(units);
  const rows = Object.entries(units).flatMap(([encoder, of]) => of.map((unit) => ({ encoder, unit })));
  writeParquet(
    join(folder, 'tables', 'units.parquet'),
    unitColumns(encoders.length > 1),
    rows.map(({ encoder, unit: [model, layer, unit, mis, task_accuracy = null] }) => {
      const numbers = ['depth', 'relative_depth', 'width', 'relative_width'];
      const activations = ['min', 'max', 'mean', 'sd'].map((name) => `activation_${name}`);
      const zeros = Object.fromEntries([...numbers, ...activations].map((name) => [name, 0]));
      return {
        ...zeros,
        model,
        encoder,
        layer,
        layer_type: 'conv',
        unit,
        constant: mis === null,
        mis,
        task_accuracy,
      };
    }),
  );
  writeFileSync(join(folder, 'summary.json'), JSON.stringify({ models }));
  for (const [name, { spec, csv }] of Object.entries(figures)) {
    writeFileSync(join(folder, 'figures', `${name}.json`), JSON.stringify(spec));
    writeFileSync(join(folder, 'figures', `${name}.csv`), csv);
  }
  return folder;
}
