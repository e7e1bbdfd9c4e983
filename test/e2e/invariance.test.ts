import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { askDuckDb } from '../support/parquet.ts';
import { type SmallProject, smallProject } from '../support/small.ts';

let project: SmallProject;
let stores = 0;
const TABLES = ['images', 'layers', 'models', 'tasks', 'units'];

/** Runs everything in a store of its own; digests of the tables of the report. */
async function tablesOf(...args: string[]): Promise<Record<string, string>> {
  const { end } = await project.run(...project.config, '--store', `store-${stores++}`, ...args);
  expect(end).toMatchObject({ hit: 0, failed: 0, blocked: 0 });
  return Object.fromEntries(
    TABLES.map((name) => {
      const bytes = readFileSync(project.path('report/tables', `${name}.parquet`));
      return [name, createHash('sha256').update(bytes).digest('hex')];
    }),
  );
}

let base: Record<string, string>;
beforeAll(async () => {
  project = await smallProject({ models: ['resnet', 'vgg'], perClass: 12 });
  base = await tablesOf();
  project.write('base.parquet', readFileSync(project.path('report/tables/units.parquet')));
}, 120_000);

describe('the tables are the same bytes', { timeout: 120_000 }, () => {
  test('whatever the number of tasks at a time', async () => {
    expect(await tablesOf('--jobs', '1')).toEqual(base);
  });

  test('whatever the number of shards', async () => {
    expect(await tablesOf('--set', 'dataset.shards=5')).toEqual(base);
    expect(await tablesOf('--set', 'dataset.shards=1')).toEqual(base);
  });

  test('whatever the order of the models', async () => {
    expect(await tablesOf('--set', 'models=[small/models/vgg.yaml, small/models/resnet.yaml]')).toEqual(base);
  });

  test('but not with another seed', async () => {
    const other = await tablesOf('--set', 'task.seed=1');
    expect(other.images).toBe(base.images);
    expect(other.tasks).not.toBe(base.tasks);
  });
});

describe('scores are the same within rounding', { timeout: 120_000 }, () => {
  test.each([1, 50])('in batches of %i', async (batch) => {
    const tables = await tablesOf('--set', `inference.batch=${batch}`);
    expect(tables.images).toBe(base.images);
    const [worst] = await askDuckDb<Record<string, number>>(`
      SELECT count(*) AS units, max(abs(a.mis - b.mis)) AS mis, max(abs(a.mean_margin - b.mean_margin)) AS margin,
        count(*) FILTER (a.mis IS NULL OR b.mis IS NULL) AS missing
      FROM read_parquet('${project.path('base.parquet')}') a
      FULL JOIN read_parquet('${project.path('report/tables/units.parquet')}') b USING (model, layer, unit)`);
    expect(worst!.units).toBeGreaterThan(1000);
    expect(worst!.missing).toBe(0);
    expect(worst!.mis).toBeLessThanOrEqual(1e-6);
    expect(worst!.margin).toBeLessThanOrEqual(1e-6);
  });
});
