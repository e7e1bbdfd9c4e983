import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import stage from '../../../stages/diff-reports/index.ts';
import { readReport } from '../../../stages/diff-reports/read.ts';
import { joinUnits, summarise, summaryOf } from '../../../stages/diff-reports/units.ts';
import { parseCsv } from '../../../tables/csv.ts';
import { FINGERPRINT, runStage } from '../../support/fake-task.ts';
import { readWithHyparquet } from '../../support/parquet.ts';
import { report, type Unit } from './reports.ts';

const OPTIONS = { moved: 0.01, bootstrap: 200, seed: 0 };
const bars = (values: readonly number[]) => ({
  spec: {
    title: 'Bars',
    data: { values: values.map((y, x) => ({ x, y })) },
    mark: 'bar',
    encoding: { x: { field: 'x', type: 'ordinal' }, y: { field: 'y', type: 'quantitative' } },
  },
  csv: `x,y\r\n${values.map((y, x) => `${x},${y}\r\n`).join('')}`,
});

const UNITS_A: readonly Unit[] = [
  ['cnn', 'conv1', 0, 0.5, 0.75],
  ['cnn', 'conv1', 1, 0.75, 1],
  ['cnn', 'conv2', 0, 0.6, 0.5],
  ['cnn', 'conv2', 1, null],
  ['cnn', 'conv2', 2, 0.8],
  ['gone', 'conv1', 0, 0.9],
];
const UNITS_B: readonly Unit[] = [
  ['cnn', 'conv1', 0, 0.75, 1],
  ['cnn', 'conv1', 1, 0.625, 1],
  ['cnn', 'conv2', 0, 0.605, 0.5],
  ['cnn', 'conv2', 1, 0.7],
  ['cnn', 'conv2', 2, null],
  ['cnn', 'conv3', 0, 0.55],
];
const A = () =>
  report(
    [
      { model: 'cnn', encoder: 'lpips', mis: 0.6, task_accuracy: 0.8, top1: 0.5 },
      { model: 'gone', encoder: 'lpips', mis: 0.9, top1: null },
    ],
    { lpips: UNITS_A },
    { bars: bars([1, 2]), old: bars([1]), same: bars([3]) },
  );
const B = () =>
  report(
    [{ model: 'cnn', encoder: 'lpips', mis: 0.625, task_accuracy: 0.7, top1: 0.5 }],
    { lpips: UNITS_B },
    {
      bars: bars([2, 4]),
      new: bars([1]),
      same: bars([3]),
    },
  );

describe('units of two reports', () => {
  it('are joined by model, encoder, layer and number, and summed up', async () => {
    const joined = joinUnits((await readReport(A())).units, (await readReport(B())).units);
    expect(joined.map(({ model, layer, unit, in: where }) => `${model} ${layer} ${unit} ${where}`)).toEqual([
      'cnn conv1 0 both',
      'cnn conv1 1 both',
      'cnn conv2 0 both',
      'cnn conv2 1 both',
      'cnn conv2 2 both',
      'cnn conv3 0 b',
      'gone conv1 0 a',
    ]);
    expect(joined.map(({ change }) => change && Math.round(change * 1e9) / 1e9)).toEqual([
      0.25,
      -0.125,
      0.005,
      null,
      null,
      null,
      null,
    ]);
    expect(joined[0]).toMatchObject({ encoder: 'lpips', task_accuracy_a: 0.75, task_accuracy_b: 1 });
    const all = summaryOf(joined, OPTIONS);
    // changes 0.25, −0.125, 0.005: mean 0.13 / 3, of amounts 0.38 / 3
    expect(all.mean_change).toBeCloseTo(0.13 / 3, 12);
    expect(all.mean_absolute_change).toBeCloseTo(0.38 / 3, 12);
    // deviations −0.11667 0.13333 −0.01667 and 0.09 −0.035 −0.055: −0.01425 / √(0.0316667 · 0.01235)
    expect(all.pearson).toBeCloseTo(-0.01425 / Math.sqrt((0.095 / 3) * 0.01235), 12);
    // ranks 1 3 2 and 3 2 1: 1 − 6 · (4 + 1 + 1) / (3 · 8)
    expect(all.spearman).toBeCloseTo(-0.5, 12);
    expect(all).toMatchObject({
      units: 3,
      largest_rise: 0.25,
      largest_fall: -0.125,
      moved: 2,
      moved_up: 1,
      moved_down: 1,
      only_a: 1,
      only_b: 1,
      lost_score: 1,
      gained_score: 1,
    });
    expect(all.mean_change_low).toBeGreaterThanOrEqual(-0.125);
    expect(all.mean_change_high).toBeLessThanOrEqual(0.25);
    const [cnn, gone] = summarise(joined, OPTIONS);
    expect(cnn).toMatchObject({ model: 'cnn', encoder: 'lpips', units: 3, only_a: 0, only_b: 1 });
    expect(gone).toMatchObject({ model: 'gone', units: 0, mean_change: null, pearson: null, only_a: 1 });
  });

  it('of one encoder meet those of several by its name', async () => {
    const one = await readReport(report([{ model: 'm', encoder: 'dists' }], { dists: [['m', 'l', 0, 0.5]] }));
    const unit: Unit = ['m', 'l', 0, 0.75];
    const several = await readReport(
      report([{ model: 'm', encoder: 'lpips' }], { lpips: [unit], dists: [unit] }),
    );
    expect(joinUnits(one.units, several.units).map(({ encoder, change }) => [encoder, change])).toEqual([
      ['lpips', null],
      ['dists', 0.25],
    ]);
  });
});

describe('the stage', () => {
  it('writes tables, figures of both, a page and summaries', { timeout: 60_000 }, async () => {
    const run = (name: string) => ({
      run: name,
      at: '2026-01-02T03:04:05.000Z',
      command: `run --set n=<${name}>`,
    });
    const change = { kind: 'parameter', what: 'task.n', from: '20', to: '<b>', stages: ['select'] };
    const { folder } = await runStage(stage, {
      params: { a: run('first'), b: run('second'), changes: [change], bootstrap: 100 },
      inputs: { a: { path: A() }, b: { path: B() } },
    });
    const diff = join(folder, 'diff');
    const read = (name: string) => readFileSync(join(diff, name), 'utf8');
    const names = readdirSync(join(diff, 'figures')).filter((name) => name.endsWith('.svg'));
    expect(names.sort()).toEqual(['bars.svg', 'unit-changes.svg']);
    const { usermeta } = JSON.parse(read('figures/bars.json'));
    expect(usermeta.fingerprint).toBe(FINGERPRINT);
    expect(parseCsv(read('figures/bars.csv')).rows).toEqual([
      { run: 'A', x: '0', y: '1' },
      { run: 'A', x: '1', y: '2' },
      { run: 'B', x: '0', y: '2' },
      { run: 'B', x: '1', y: '4' },
    ]);

    const units = await readWithHyparquet<Record<string, unknown>>(join(diff, 'tables/units.parquet'));
    expect(units).toHaveLength(7);
    expect(units[1]).toMatchObject({
      layer: 'conv1',
      unit: 1,
      in: 'both',
      mis_a: 0.75,
      mis_b: 0.625,
      change: -0.125,
    });
    expect(units.at(-1)).toMatchObject({ model: 'gone', in: 'a', mis_a: 0.9, mis_b: null, change: null });
    expect(parseCsv(read('tables/units.csv')).rows.map((row) => row.mis_b)).toEqual(
      units.map(({ mis_b }) => (mis_b === null ? null : String(mis_b))),
    );
    const [cnn, gone] = parseCsv(read('tables/models.csv')).rows;
    expect(cnn).toMatchObject({ model: 'cnn', in: 'both', mis_a: '0.6', mis_b: '0.625', top1_change: '0' });
    expect(Number(cnn!.mis_change)).toBeCloseTo(0.025, 12);
    expect(gone).toMatchObject({ model: 'gone', in: 'a', mis_a: '0.9', mis_b: null, mis_change: null });

    const text = read('summary.txt');
    expect(text).toMatch(
      /\ncnn +0\.600 → 0\.625 +\+0\.025 +0\.800 → 0\.700 +−0\.100 +50\.0 % → 50\.0 % +0\.0 points\n/,
    );
    expect(text).toMatch(/\nRisen most +A +B +change\ncnn conv1 unit 0 +0\.500 +0\.750 +\+0\.250\n/);
    expect(text).toMatch(/\nFallen most +A +B +change\ncnn conv1 unit 1 +0\.750 +0\.625 +−0\.125\n/);
    expect(text).toContain(
      '\nModels in A alone: gone\nFigures that are the same in both: same\nFigures in A alone: old\nFigures in B alone: new\n',
    );
    expect(text).toContain(
      'Units not compared: 1 in A alone, 1 in B alone, 1 with a score in A alone, 1 with a',
    );
    const page = read('index.html');
    expect(page).toContain(`<meta name="fingerprint" content="${FINGERPRINT}">`);
    expect(page).toContain('run --set n=&lt;first&gt;');
    expect(page).toContain('&lt;b&gt;');
    expect(page).not.toMatch(/undefined|NaN|null|\[object/);
    for (const [, file] of page.matchAll(/(?:href|src)="([^"]+)"/g)) expect(() => read(file!)).not.toThrow();
    expect(JSON.parse(read('summary.json')).all.units).toBe(3);
  });
});
