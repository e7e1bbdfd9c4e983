import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { askDuckDb, readWithHyparquet } from '../support/parquet.ts';
import { copyProject, type Ended, type Project, startIn } from '../support/project.ts';
import { byUnit, largestMarginError, orderOf, type TaskRow, wrongImages } from '../support/recompute.ts';
import { storedRows } from '../support/stored.ts';
import { readTar } from '../support/tar.ts';

const FIGURES = [
  'model-ranking',
  'accuracy',
  'distributions',
  'layer-types',
  'depth',
  'width',
  'training',
  'training-layers',
  'untrained',
  'similarity-functions',
  'task-count',
  'alpha',
  'difficulty',
  'explanations',
  'constant-units',
  'tasks',
  'extremes',
];
const TABLES = ['images', 'layers', 'models', 'tasks', 'units', 'checkpoints', 'checkpoint-units', 'trained'];
/** The α of each encoder, as the configs give them. */
const ALPHAS = { simclr: 0.16, lpips: 0.23, dists: 0.056 };
/** Networks whose every unit is computed again: of the main encoder, for the time that it takes. */
const AGAIN = ['densenet', 'resnet', 'vit'];
const [N, K] = [20, 9];

let project: Project;
let first: Ended;
let models: string[];
const table = (name: string) => project.path('report/tables', `${name}.parquet`);
const read = (name: string) => `read_parquet('${table(name)}')`;

/** The default, as `npm start` runs it: the whole zoo and all figures, on a fifth of the images for the time that it takes. */
beforeAll(async () => {
  project = await copyProject();
  project.edit('configs/datasets/cifar10.yaml', '{00000..00004}', '{00000..00000}');
  models = readdirSync(project.path('configs/models'))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => file.replace('.yaml', ''))
    .sort();
  first = await startIn(project.folder, 'npm', ['start']).ended;
}, 700_000);

describe('npm start', { timeout: 120_000 }, () => {
  test('ends with a table of scores and the place of the report', () => {
    expect(first.stderr.replace(/^npm (warn|notice).*\n/gm, '')).toBe('');
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/Model\s+MIS.*Units.*Top-1/);
    for (const model of models)
      expect(first.stdout).toMatch(new RegExp(`^${model} +0\\.\\d{3} .*\\d{2}\\.\\d %$`, 'm'));
    expect(first.stdout).toContain(project.path('report/index.html'));
  });

  test('leaves a page that needs nothing but its folder', () => {
    const page = project.read('report/index.html');
    expect(page).not.toMatch(
      /(src|srcset|action)="?(https?:)?\/\/|url\(\s*['"]?https?:|@import|<link[^>]*https?:/i,
    );
    const local = [...page.matchAll(/(?:src|href)="([^"#:]+)"/g)].map((match) => match[1]!);
    expect(local.length).toBeGreaterThan(0);
    for (const file of local) expect(existsSync(project.path('report', file)), file).toBe(true);
    for (const model of models) expect(page).toContain(model);
  });

  test('leaves every table and every figure', () => {
    for (const name of TABLES) expect(statSync(table(name)).size).toBeGreaterThan(0);
    for (const name of ['images', 'layers', 'models', 'units', 'checkpoints', 'trained', 'sweep'])
      expect(project.read(`report/tables/${name}.csv`).split('\n').length).toBeGreaterThan(1);
    for (const name of FIGURES) {
      const file = (ending: string) => readFileSync(project.path('report/figures', `${name}.${ending}`));
      expect(file('csv').toString().split('\n').length, name).toBeGreaterThan(2);
      expect(JSON.parse(file('json').toString()).$schema, name).toMatch(/vega-lite/);
      expect(file('svg').toString(), name).toMatch(/^(<\?xml.*\?>\s*)?<svg[\s\S]*<\/svg>\s*$/);
      expect(file('png').subarray(1, 4).toString(), name).toBe('PNG');
      expect(file('pdf').subarray(0, 5).toString(), name).toBe('%PDF-');
    }
  });

  test('does nothing the second time, and says so', async () => {
    const again = await startIn(project.folder, 'npm', ['start']).ended;
    expect(again.code).toBe(0);
    expect(again.stdout).toMatch(/Nothing to do: \d+ tasks up to date/);
    expect(again.stdout).toContain(project.path('report/index.html'));
    const { end } = await project.run();
    expect(end).toMatchObject({ ran: 0, failed: 0 });
  });
});

describe('the tables, by other programs', { timeout: 120_000 }, () => {
  test('hyparquet and DuckDB read the same rows', async () => {
    for (const name of TABLES) {
      const rows = await readWithHyparquet<Record<string, unknown>>(table(name), 10_000);
      expect(rows.length, name).toBeGreaterThan(0);
      const others = await askDuckDb<Record<string, unknown>>(`SELECT * FROM ${read(name)} LIMIT 10000`);
      expect(others.length, name).toBe(rows.length);
      const different = rows.findIndex((row, i) => JSON.stringify(row) !== JSON.stringify(others[i]));
      expect(rows[different], name).toEqual(others[different]);
    }
  });

  test('scores of units follow from their tasks', async () => {
    const alpha = `CASE encoder ${Object.entries(ALPHAS)
      .map(([encoder, value]) => `WHEN '${encoder}' THEN ${value}`)
      .join(' ')} END`;
    const [differences] = await askDuckDb<Record<string, number>>(`
      WITH scores AS (
        SELECT model, encoder, layer, unit, count(*) AS tasks, avg(1 / (1 + exp(-margin / ${alpha}))) AS mis, avg(margin) AS margin,
          avg(CASE WHEN margin > 0 THEN 1.0 WHEN margin = 0 THEN 0.5 ELSE 0.0 END) AS accuracy,
          stddev_pop(1 / (1 + exp(-margin / ${alpha}))) AS sd
        FROM ${read('tasks')} GROUP BY ALL)
      SELECT count(*) AS units, count(s.mis) AS scored, count(*) FILTER (constant) AS constant, min(s.tasks) AS tasks,
        count(*) FILTER ((u.mis IS NULL) <> (s.mis IS NULL) OR (u.mis IS NULL) <> u.constant) AS odd,
        max(abs(u.mis - s.mis)) AS mis, max(abs(u.task_accuracy - s.accuracy)) AS accuracy,
        max(abs(u.mean_margin - s.margin)) AS margin, max(abs(u.sd_p - s.sd)) AS sd,
        count(*) FILTER (NOT u.constant AND NOT (mis_low <= u.mis AND u.mis <= mis_high)) AS outside
      FROM ${read('units')} u FULL JOIN scores s USING (model, encoder, layer, unit)`);
    expect(differences).toMatchObject({ odd: 0, tasks: N, outside: 0 });
    expect(differences!.scored! + differences!.constant!).toBe(differences!.units);
    for (const what of ['mis', 'accuracy', 'margin', 'sd'])
      expect(differences![what], what).toBeLessThanOrEqual(1e-6);
  });

  test('scores of layers and models are means over the units that are not constant', async () => {
    for (const [name, keys, counted] of [
      ['layers', 'model, encoder, layer', 'true'],
      ['models', 'model, encoder', "layer_type <> 'direction'"],
    ] as const) {
      const [worst] = await askDuckDb<Record<string, number>>(`
        WITH means AS (
          SELECT ${keys}, avg(mis) AS mis, avg(task_accuracy) AS accuracy, count(*) AS units,
            quantile_cont(mis, 0.05) AS low, quantile_cont(mis, 0.95) AS high, count(*) FILTER (constant) AS constant
          FROM ${read('units')} WHERE ${counted} GROUP BY ALL)
        SELECT max(abs(t.mis - m.mis)) AS mis, max(abs(t.task_accuracy - m.accuracy)) AS accuracy,
          max(abs(t.mis_p05 - m.low)) AS low, max(abs(t.mis_p95 - m.high)) AS high,
          max(abs(t.units - m.units)) AS units, max(abs(t.constant_units - m.constant)) AS constant,
          count(*) FILTER (NOT (t.mis_low <= t.mis AND t.mis <= t.mis_high)) AS outside
        FROM ${read(name)} t FULL JOIN means m USING (${keys})`);
      for (const [what, error] of Object.entries(worst!)) expect(error, what).toBeLessThanOrEqual(1e-9);
    }
  });
});

const names = AGAIN.map((name) => `'${name}'`).join(', ');
const tasksAgain = () =>
  askDuckDb<TaskRow>(`SELECT * FROM ${read('tasks')} WHERE encoder = 'simclr' AND model IN (${names})`);

describe('the numbers, computed again from what is stored', { timeout: 240_000 }, () => {
  test('images of every unit are those of its order, bin by bin, and none stands twice', async () => {
    const tasks = byUnit(await tasksAgain());
    const images = await readWithHyparquet<{ image: number; path: string }>(table('images'));
    let units = 0;
    for (const model of AGAIN) {
      const activations = await storedRows(
        project,
        [],
        ['cache-activations', 'activations'],
        `model=${model}`,
      );
      expect(images.map(({ path }) => path)).toEqual(activations.paths);
      expect(images.every(({ image }, row) => image === row)).toBe(true);
      for (const [layer, vectors] of activations.vectors) {
        for (let unit = 0; unit < vectors.width; unit++, units++) {
          const rows = tasks.get(`${model} ${layer} ${unit}`);
          const order = orderOf(vectors, unit);
          const value = (rank: number) => vectors.values[order.at(rank)! * vectors.width + unit]!;
          const constant = value(0) - value(-1) < 1e-8;
          if (constant !== (rows === undefined))
            expect.fail(`${model} ${layer} ${unit}: constant is ${constant}`);
          if (rows) expect(wrongImages(rows, order, N * K)).toEqual([]);
        }
      }
    }
    const [{ all } = { all: 0 }] = await askDuckDb<{ all: number }>(
      `SELECT count(*) AS all FROM ${read('units')} WHERE encoder = 'simclr' AND model IN (${names})`,
    );
    expect(units).toBe(all);
  });

  test('similarities and margins are those over all pairs of images', async () => {
    const tasks = await tasksAgain();
    const embeddings = await storedRows(project, [], ['embed-images', 'embeddings'], 'encoder=simclr');
    expect(largestMarginError(tasks, embeddings)).toBeLessThanOrEqual(1e-6);
  });

  test('accuracy is that of the predictions on the labels in the tars', async () => {
    const labels = new Map<string, number>();
    for (const tar of readdirSync(project.path('demo/cifar10')).filter((name) => name.endsWith('00000.tar')))
      for (const [member, bytes] of readTar(readFileSync(join(project.folder, 'demo/cifar10', tar))))
        if (member.endsWith('.cls'))
          labels.set(`${tar}/${member.replace('.cls', '.png')}`, Number(bytes.toString()));
    const told = await askDuckDb<{ model: string; top1: number; top5: number }>(
      `SELECT DISTINCT model, top1, top5 FROM ${read('models')}`,
    );
    expect(told.map(({ model }) => model).sort()).toEqual(models);
    for (const { model, top1, top5 } of told) {
      const stored = await storedRows(project, [], ['cache-activations', 'predictions'], `model=${model}`);
      expect(stored.paths.length).toBe(labels.size);
      const [best, five] = [stored.numbers.get('top1')!, stored.vectors.get('top5')!];
      const right = stored.paths.filter((path, i) => best[i] === labels.get(path)).length;
      const near = stored.paths.filter((path, i) =>
        five.values.subarray(i * five.width, (i + 1) * five.width).includes(labels.get(path)!),
      ).length;
      expect(top1).toBeCloseTo(right / labels.size, 12);
      expect(top5).toBeCloseTo(near / labels.size, 12);
      expect(top1).toBeGreaterThanOrEqual(0.7);
    }
  });

  test('mis path leads into the store', async () => {
    const [found] = await project.paths('report', 'report/tables/units.parquet');
    expect(dirname(found!.path)).toContain(project.path('.mis'));
    expect(readFileSync(found!.path).equals(readFileSync(table('units')))).toBe(true);
  });
});
