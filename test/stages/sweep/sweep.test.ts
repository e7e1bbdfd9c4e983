import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { beforeAll, describe, expect, it } from 'vitest';
import sweep from '../../../stages/sweep/index.ts';
import { changesOf, pointOf, rankOfDifficulty } from '../../../stages/sweep/setting.ts';
import { parseCsv } from '../../../tables/csv.ts';
import { type FakeInput, runStage, temporaryFolder } from '../../support/fake-task.ts';
import { LAYERS, marginsOf, type Point, pOf, writePoint } from './made-up.ts';

const BASE = { alpha: 0.16, n: 8, k: 3 };
const POINTS: readonly Point[] = [
  { ...BASE, setting: '' },
  ...[1e-6, 0.04, 0.64].map((alpha) => ({ ...BASE, alpha, setting: `score.alpha=${alpha}` })),
  ...[10, 2, 4].map((n) => ({ ...BASE, n, draw: `n=${n}`, setting: `task.n=${n}` })),
  { ...BASE, k: 1, draw: 'k', setting: 'task.k=1' },
  { ...BASE, shift: -0.2, draw: 'hard', setting: 'task.difficulty=hard' },
  { ...BASE, k: 1, n: 2, draw: 'both', setting: 'task.k=1,task.n=2' },
];
const MODELS = ['b-net', 'a-net'];
const IMPOSSIBLE = [
  {
    setting: 'task.difficulty=medium',
    vars: { model: 'a-net', encoder: 'e' },
    reason:
      'With difficulty medium the queries of\n 50 images start at rank 0, among the 24 explanation images.',
  },
];

async function run(
  points: readonly Point[],
  impossible: typeof IMPOSSIBLE = [],
  models = MODELS,
): Promise<string> {
  const inputs: { units: FakeInput[]; tasks: FakeInput[] } = { units: [], tasks: [] };
  const folder = temporaryFolder();
  for (const point of points) {
    for (const model of models) {
      const { units, tasks } = writePoint(folder, point, model, 'e');
      inputs.units.push(units);
      inputs.tasks.push(tasks);
    }
  }
  const params = { ...BASE, difficulty: 'easy', bootstrap: 200, seed: 1 };
  return (await runStage(sweep, { params, inputs, impossible })).output('sweep');
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
const UNITS = LAYERS.flatMap(({ name, units }) =>
  Array.from({ length: units }, (_, unit) => ({ layer: name, unit })),
);
const SCORED = UNITS.filter(({ unit }) => unit !== 1);

const misOf = (model: string, layer: string, unit: number, point: Point): number =>
  mean(marginsOf(model, layer, unit, point).map((margin) => pOf(margin, point.alpha)));
const accuracyOf = (model: string, layer: string, unit: number, point: Point): number =>
  mean(marginsOf(model, layer, unit, point).map((margin) => (margin > 0 ? 1 : 0)));

let folder: string;
const csv = (name: string) => parseCsv(readFileSync(join(folder, name), 'utf8')).rows;

beforeAll(async () => {
  folder = await run(POINTS, IMPOSSIBLE);
});

describe('sweep: tables', () => {
  it('has a row a setting and model: the own point first, then by what varies and by value', () => {
    const rows = csv('sweep.csv');
    expect(rows.filter((row) => row.model === 'a-net').map((row) => row.setting)).toEqual([
      '',
      'score.alpha=0.000001',
      'score.alpha=0.04',
      'score.alpha=0.64',
      'task.difficulty=medium',
      'task.difficulty=hard',
      'task.k=1',
      'task.n=2',
      'task.n=4',
      'task.n=10',
      'task.k=1,task.n=2',
    ]);
    for (const point of POINTS) {
      for (const model of MODELS) {
        const row = rows.find((each) => each.setting === point.setting && each.model === model)!;
        const scores = SCORED.map(({ layer, unit }) => misOf(model, layer, unit, point));
        expect(Number(row.mis)).toBeCloseTo(mean(scores), 12);
        expect(Number(row.task_accuracy)).toBeCloseTo(
          mean(SCORED.map(({ layer, unit }) => accuracyOf(model, layer, unit, point))),
          12,
        );
        expect([row.alpha, row.n, row.k, row.units, row.reason].map(String)).toEqual([
          ...[point.alpha, point.n, point.k, SCORED.length].map(String),
          'null',
        ]);
        expect(Number(row.mis_low)).toBeLessThan(Number(row.mis));
        expect(Number(row.mis)).toBeLessThan(Number(row.mis_high));
      }
    }
  });

  it('tells why a setting is missing', () => {
    const [row] = csv('sweep.csv').filter((each) => each.setting === 'task.difficulty=medium');
    expect(row).toMatchObject({ model: 'a-net', units: '0', mis: null, difficulty: 'medium', n: '8' });
    expect(row!.reason).toBe(
      'With difficulty medium the queries of 50 images start at rank 0, among the 24 explanation images.',
    );
    const text = readFileSync(join(folder, 'summary.txt'), 'utf8');
    expect(text).toContain('task.difficulty=medium: With difficulty medium');
    for (const line of text.split('\n')) expect([...line].length).toBeLessThanOrEqual(100);
  });

  it('holds every unit at every setting, constant ones without a score', async () => {
    const file = await asyncBufferFromFile(join(folder, 'units.parquet'));
    const rows = await parquetReadObjects({ file });
    expect(rows).toHaveLength(POINTS.length * MODELS.length * UNITS.length);
    for (const row of rows) {
      const point = POINTS.find((each) => each.setting === row.setting)!;
      if (row.unit === 1) expect(row.mis).toBe(null);
      else expect(row.mis).toBeCloseTo(misOf(row.model, row.layer, row.unit, point), 12);
    }
  });

  it('approaches the task accuracy as α → 0, unit by unit', async () => {
    const file = await asyncBufferFromFile(join(folder, 'units.parquet'));
    const rows = await parquetReadObjects({ file });
    const small = rows.filter((row) => row.setting === 'score.alpha=0.000001' && row.mis !== null);
    expect(small).toHaveLength(MODELS.length * SCORED.length);
    for (const row of small) expect(Math.abs(row.mis - row.task_accuracy)).toBeLessThan(1e-3);
    const gaps = csv('sweep.csv').filter((row) => row.model === 'a-net' && row.k === '3' && row.n === '8');
    const byAlpha = gaps
      .filter((row) => row.setting === '' || row.setting!.startsWith('score'))
      .sort((a, b) => Number(a.alpha) - Number(b.alpha))
      .map((row) => Number(row.accuracy_gap));
    expect(byAlpha[0]).toBeLessThan(1e-3);
    for (let i = 1; i < byAlpha.length; i++) expect(byAlpha[i]).toBeGreaterThan(byAlpha[i - 1]!);
  });
});

describe('sweep: figures', () => {
  it('lists what it drew, with all files', () => {
    const { figures } = JSON.parse(readFileSync(join(folder, 'figures', 'figures.json'), 'utf8'));
    const names = figures.map((figure: { name: string }) => figure.name);
    expect([...names].sort()).toEqual(['alpha', 'difficulty', 'explanations', 'task-count']);
    for (const { name, files } of figures)
      for (const extension of files)
        expect(existsSync(join(folder, 'figures', `${name}.${extension}`)), `${name}.${extension}`).toBe(
          true,
        );
  });

  it('with tasks fixed beforehand the difference is that of the first n, and exactly 0 at n = N', () => {
    const rows = csv('figures/task-count.csv').filter((row) => row.model === 'a-net');
    const base = POINTS[0]!;
    const fixed = rows.filter((row) => /fixed/.test(Object.values(row).join(' ')));
    expect(fixed.map((row) => Number(row.n))).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    for (const row of fixed) {
      const differences = SCORED.map(({ layer, unit }) => {
        const p = marginsOf('a-net', layer, unit, base).map((margin) => pOf(margin, base.alpha));
        return Math.abs(mean(p.slice(0, Number(row.n))) - mean(p));
      });
      expect(Number(row.difference)).toBeCloseTo(mean(differences), 12);
    }
    expect(Number(fixed.at(-1)!.difference)).toBe(0);
    const redrawn = rows.filter((row) => !fixed.includes(row) && ['2', '4'].includes(row.n!));
    for (const row of redrawn) {
      const point = POINTS.find((each) => each.setting === `task.n=${row.n}`)!;
      const differences = SCORED.map(({ layer, unit }) =>
        Math.abs(misOf('a-net', layer, unit, point) - misOf('a-net', layer, unit, base)),
      );
      expect(Number(row.difference)).toBeCloseTo(mean(differences), 12);
    }
    expect(redrawn).toHaveLength(2);
  });

  it('leaves out the figure of what is not swept', async () => {
    const other = await run(POINTS.slice(0, 4), [], ['a-net']);
    const names = readdirSync(join(other, 'figures'));
    expect(names).toContain('alpha.svg');
    for (const name of ['difficulty', 'explanations']) expect(names).not.toContain(`${name}.svg`);
  });
});

describe('settings', () => {
  it('are read off their canonical text', () => {
    expect(changesOf('')).toEqual([]);
    expect(changesOf('score.alpha=0.08,task.difficulty=hard')).toEqual([
      { path: 'score.alpha', value: '0.08' },
      { path: 'task.difficulty', value: 'hard' },
    ]);
    expect(changesOf('report.title="a, b=c"')).toEqual([{ path: 'report.title', value: 'a, b=c' }]);
    const base = { ...BASE, difficulty: 'easy' };
    expect(pointOf('task.difficulty=0.1,task.n=3', base)).toEqual({ ...base, difficulty: 0.1, n: 3 });
    expect(pointOf('task.seed=4', base)).toEqual(base);
    expect(() => changesOf('nonsense')).toThrow();
  });

  it('order difficulties by the share that they stand for', () => {
    const sorted = ['very-hard', 0.1, 'easy', 'odd', 'medium', 'hard', 0.02].sort(
      (a, b) => rankOfDifficulty(a) - rankOfDifficulty(b),
    );
    expect(sorted).toEqual(['easy', 'medium', 0.02, 'hard', 0.1, 'very-hard', 'odd']);
  });
});
