import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { writeParquet } from '../../tables/parquet.ts';
import { readParquetColumns } from '../../tables/parquet-read.ts';
import { temporaryFolder } from '../support/fake-task.ts';
import { readWithHyparquet } from '../support/parquet.ts';

const COLUMNS = [
  { name: 'name', type: 'utf8' },
  { name: 'label', type: 'utf8', nullable: true },
  { name: 'unit', type: 'int32' },
  { name: 'bytes', type: 'int64' },
  { name: 'constant', type: 'bool' },
  { name: 'mis', type: 'float64', nullable: true },
] as const;

it('columns read back as they were written, over several row groups, as another reader has them', async () => {
  const rows = Array.from({ length: 1000 }, (_, i) => ({
    name: `Schicht ${i % 7} ✓`,
    label: i % 3 === 0 ? null : `label ${i}`,
    unit: i - 500,
    bytes: 3_000_000_000 + i,
    constant: i % 5 === 0,
    mis: i % 5 === 0 ? null : i / 7,
  }));
  const path = join(temporaryFolder(), 'a.parquet');
  writeParquet(path, COLUMNS, rows, { rowGroupRows: 300 });
  const names = [...COLUMNS.map(({ name }) => name), 'absent'];
  const { rows: count, columns } = await readParquetColumns(path, names);
  expect(count).toBe(1000);
  const read = rows.map((_, i) => Object.fromEntries([...columns].map(([name, cells]) => [name, cells[i]])));
  expect(read).toEqual(rows);
  expect(await readWithHyparquet(path)).toEqual(read);
  expect([...(await readParquetColumns(path, ['mis'])).columns.keys()]).toEqual(['mis']);
});

it('no rows; not Parquet', async () => {
  const path = join(temporaryFolder(), 'a.parquet');
  writeParquet(path, COLUMNS, []);
  expect(await readParquetColumns(path, ['mis'])).toEqual({ rows: 0, columns: new Map([['mis', []]]) });
  writeFileSync(path, 'something else, long enough to have a footer');
  await expect(readParquetColumns(path, ['mis'])).rejects.toThrow("can't be read as Parquet");
});
