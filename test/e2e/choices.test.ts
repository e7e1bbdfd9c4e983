import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { askDuckDb, readWithHyparquet } from '../support/parquet.ts';
import { byUnit, largestMarginError, orderOf, type TaskRow, wrongImages } from '../support/recompute.ts';
import { type SmallProject, smallProject } from '../support/small.ts';
import { storedRows } from '../support/stored.ts';

let project: SmallProject;
beforeAll(async () => {
  project = await smallProject({ perClass: 20 });
});

const table = (name: string) => project.path('report/tables', `${name}.parquet`);
const run = async (...args: string[]) => {
  const { end, stderr } = await project.run(...project.config, ...args);
  expect(stderr).toBe('');
  expect(end).toMatchObject({ failed: 0, blocked: 0 });
};

describe('difficulty', { timeout: 120_000 }, () => {
  test.each([
    ['hard', 10],
    ['very-hard', 30],
    [0.3, 60],
  ])('%s: queries from rank %i of 200 on', async (difficulty, rank) => {
    await run('--set', `task.difficulty=${difficulty}`, '--set', 'task.n=3');
    const activations = await storedRows(project, project.config, ['cache-activations', 'activations']);
    const tasks = byUnit(await readWithHyparquet<TaskRow>(table('tasks')));
    for (const [layer, vectors] of activations.vectors)
      for (let unit = 0; unit < vectors.width; unit++)
        expect(wrongImages(tasks.get(`resnet ${layer} ${unit}`)!, orderOf(vectors, unit), rank)).toEqual([]);
  });
});

describe('a unit whose activation never changes', { timeout: 120_000 }, () => {
  test('has no score, no tasks, and counts as constant', async () => {
    const bytes = readFileSync(project.path('demo/models/resnet.onnx'));
    const data = Buffer.alloc(4 * 16);
    const name = Buffer.from('stem.1.weight');
    const at = bytes.lastIndexOf(name) + name.length + 2; // the field's tag and its length of 64 bytes stand before the data
    expect(bytes[at - 1]).toBe(data.length);
    bytes.fill(0, at + 4 * 5, at + 4 * 6);
    project.write('small/dead.onnx', bytes);
    const preprocess = 'preprocess: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] }';
    await run('--set', `models=[{ name: dead, model: small/dead.onnx, layers: [stem.*], ${preprocess} }]`);
    const units = await readWithHyparquet<Record<string, unknown>>(table('units'));
    const constant = units.filter((unit) => unit.constant);
    const nothing = {
      mis: null,
      mis_low: null,
      mis_high: null,
      task_accuracy: null,
      mean_margin: null,
      sd_p: null,
    };
    expect(constant).toEqual([expect.objectContaining({ layer: 'stem.1', unit: 5, ...nothing })]);
    const tasks = await readWithHyparquet<TaskRow>(table('tasks'));
    expect(tasks.length).toBe((units.length - 1) * 5);
    expect(tasks.filter(({ layer, unit }) => layer === 'stem.1' && unit === 5)).toEqual([]);
    const [model] = await readWithHyparquet<Record<string, number>>(table('models'));
    expect(model).toMatchObject({ units: units.length, constant_units: 1 });
    const scores = units.flatMap(({ mis }) => (mis === null ? [] : [mis as number]));
    expect(model!.mis).toBeCloseTo(scores.reduce((sum, mis) => sum + mis, 0) / scores.length, 9);
    expect(project.read('report/figures/constant-units.csv')).toMatch(/^dead,32,1,0\.03125/m);
  });
});

describe('two encoders', { timeout: 120_000 }, () => {
  const config = ['-c', 'small/encoders.yaml'];
  const preprocess = 'preprocess: { mean: [0.4914, 0.4822, 0.4465], std: [0.247, 0.2435, 0.2616] }';
  const encoder = (name: string, more: string) =>
    `  - { name: ${name}, model: ../demo/encoders/encoder.onnx, ${preprocess}, ${more} }\n`;

  beforeAll(async () => {
    project.write(
      'small/encoders.yaml',
      `extends: config.yaml\nencoders:\n${encoder('angle', 'similarity: cosine')}${encoder('distance', 'similarity: squared-euclidean, alpha: 0.5')}`,
    );
    const { end } = await project.run(...config);
    expect(end).toMatchObject({ failed: 0, blocked: 0 });
  }, 120_000);

  test('are told apart by a column, each with its own similarity', async () => {
    const tasks = await readWithHyparquet<TaskRow & { encoder: string }>(table('tasks'));
    expect([...new Set(tasks.map((task) => task.encoder))].sort()).toEqual(['angle', 'distance']);
    for (const [name, similarity] of [
      ['angle', 'cosine'],
      ['distance', 'squared-euclidean'],
    ] as const) {
      const stored = await storedRows(project, config, ['embed-images', 'embeddings'], `encoder=${name}`);
      const own = tasks.filter((task) => task.encoder === name);
      expect(largestMarginError(own, stored, similarity)).toBeLessThanOrEqual(1e-6);
    }
  });

  test('ask the same questions, and have an α each', async () => {
    const [same] = await askDuckDb<Record<string, number>>(`
      SELECT count(*) AS tasks, count(*) FILTER (a.query_plus = b.query_plus AND a.query_minus = b.query_minus
        AND a.references_plus = b.references_plus AND a.references_minus = b.references_minus) AS same
      FROM read_parquet('${table('tasks')}') a JOIN read_parquet('${table('tasks')}') b USING (model, layer, unit, task)
      WHERE a.encoder = 'angle' AND b.encoder = 'distance'`);
    expect(same!.tasks).toBeGreaterThan(1000);
    expect(same!.same).toBe(same!.tasks);
    const worst = await askDuckDb<Record<string, number>>(`
      WITH scores AS (
        SELECT encoder, layer, unit,
          avg(1 / (1 + exp(-margin / CASE encoder WHEN 'angle' THEN 0.16 ELSE 0.5 END))) AS mis
        FROM read_parquet('${table('tasks')}') GROUP BY ALL)
      SELECT encoder, count(*) AS units, max(abs(u.mis - s.mis)) AS difference
      FROM read_parquet('${table('units')}') u FULL JOIN scores s USING (encoder, layer, unit) GROUP BY encoder`);
    expect(worst).toHaveLength(2);
    for (const { difference } of worst) expect(difference).toBeLessThanOrEqual(1e-6);
  });
});
