import { describe, expect, it } from 'vitest';
import type { FigureResult } from '../../figures/figure.ts';
import { SWEEP_FIGURES } from '../../figures/index.ts';
import { renderSvg } from '../../figures/render.ts';
import { type SweepData, type SweepPoint, seriesAlong, sweepRow } from '../../figures/sweep.ts';
import { THEME } from '../../figures/theme.ts';
import { sampleSweep } from './sample.ts';
import { specificationErrors } from './vega-lite.ts';

const made = (name: string, data: SweepData): FigureResult | undefined =>
  SWEEP_FIGURES.find((figure) => figure.name === name)!.make(data);

const one = sampleSweep();
const several = sampleSweep({ models: ['a', 'b', 'c'], encoders: ['main', 'other'], units: 12 });

describe.each(SWEEP_FIGURES.map((figure) => figure.name))('%s', (name) => {
  it.each([
    ['two models', one, false],
    ['two encoders', several, true],
    ['one model', sampleSweep({ models: ['only'], units: 5 }), false],
  ] as const)(
    'is a clean specification over %s, its table whole, its bytes the same',
    async (_, data, encoder) => {
      const { spec, columns, table, caption } = made(name, data)!;
      expect(specificationErrors(spec)).toEqual([]);
      const svg = await renderSvg({ ...spec, config: THEME });
      expect(svg).not.toMatch(/NaN|undefined/);
      if (data === one) expect(await renderSvg({ ...made(name, data)!.spec, config: THEME })).toBe(svg);
      expect(columns.includes('encoder')).toBe(encoder);
      for (const row of table) for (const column of columns) expect(row, column).toHaveProperty([column]);
      expect(caption).toMatch(/\.$/);
      expect(caption).not.toMatch(/NaN|undefined|null|Infinity/);
    },
  );

  it('is not drawn from nothing', () => {
    expect(made(name, { points: [], bootstrap: one.bootstrap })).toBeUndefined();
    const alone = one.points
      .filter((point) => point.setting === '')
      .map((point) => ({ ...point, p: undefined }));
    expect(made(name, { ...one, points: alone })).toBeUndefined();
  });
});

/** A point of one model from scores alone. */
function point(
  setting: string,
  changed: Partial<SweepPoint>,
  mis: readonly number[],
  p?: readonly number[],
): SweepPoint {
  return {
    setting,
    alpha: 0.16,
    n: 4,
    k: 9,
    difficulty: 'easy',
    model: 'net',
    encoder: 'e',
    mis: Float64Array.from(mis),
    task_accuracy: Float64Array.from(mis, (value) => (Number.isNaN(value) ? value : 0.75)),
    ...(p && { p: Float64Array.from(p) }),
    ...changed,
  };
}

describe('task-count by hand', () => {
  // two units with four tasks each, and a constant one between them
  const none = [Number.NaN, Number.NaN, Number.NaN, Number.NaN];
  const own = point('', {}, [0.5, Number.NaN, 0.75], [1, 0, 0.5, 0.5, ...none, 0.75, 0.75, 0.75, 0.75]);
  const redrawn = point('task.n=1', { n: 1 }, [0.6, Number.NaN, 0.5]);
  const whole = point('task.n=4', { n: 4 }, [0.5, Number.NaN, 0.75]);
  const more = point('task.n=8', { n: 8 }, [0.9, Number.NaN, 0.9]);
  const data = { points: [own, redrawn, whole, more], bootstrap: { resamples: 100, seed: 1 } };
  const { table } = made('task-count', data)!;
  const rows = (tasks: string) => table.filter((row) => row.tasks === tasks);

  it('the first n of N: |1 − ½|, |½ − ½|, |½ − ½|, and 0 at n = N', () => {
    expect(rows('fixed beforehand').map(({ n, difference, units }) => [n, difference, units])).toEqual([
      [1, 0.25, 2],
      [2, 0, 2],
      [3, 0, 2],
      [4, 0, 2],
    ]);
  });

  it('redrawn: n < N alone', () => {
    expect(rows('redrawn for each n').map(({ n, of, units }) => [n, of, units])).toEqual([[1, 4, 2]]);
    expect(rows('redrawn for each n')[0]!.difference).toBeCloseTo((0.1 + 0.25) / 2, 12);
  });

  it('is exactly 0 at n = N for any p, with an interval of no width', () => {
    const { table: random } = made('task-count', sampleSweep({ units: 30 }))!;
    const ends = random.filter((row) => row.tasks === 'fixed beforehand' && row.n === row.of);
    expect(ends.map(({ model, difference, low, high }) => [model, difference, low, high])).toEqual([
      ['all models', 0, 0, 0],
      ['conv-8', 0, 0, 0],
      ['resnet-8', 0, 0, 0],
    ]);
    const first = random.find((row) => row.n === 1)!;
    expect(first.units).toBe(58);
    expect(first.low as number).toBeLessThan(first.difference as number);
    expect(first.high as number).toBeGreaterThan(first.difference as number);
  });
});

describe('series', () => {
  it('hold the points that differ in one setting, the own one among them', () => {
    const points = [
      point('', {}, [0.5]),
      point('score.alpha=0.3', { alpha: 0.3 }, [0.6]),
      point('score.alpha=0.3,task.n=2', { alpha: 0.3, n: 2 }, [0.7]),
      point('task.n=2', { n: 2 }, [0.8]),
      point('', { model: 'other' }, [0.5]),
      point('task.n=2', { model: 'homeless', n: 2 }, [0.5]),
    ];
    const along = seriesAlong(points, 'alpha');
    expect(along.map(({ model, points: own }) => [model, own.map(({ setting }) => setting)])).toEqual([
      ['net', ['', 'score.alpha=0.3']],
    ]);
    expect(seriesAlong(points, 'k')).toEqual([]);
  });

  it('sum up units that have a score', () => {
    const summary = sweepRow(point('', {}, [0.5, Number.NaN, 0.7]), { resamples: 50, seed: 1 });
    expect(summary).toMatchObject({ units: 2, mis: 0.6, task_accuracy: 0.75 });
    expect(sweepRow(point('', {}, [Number.NaN]), { resamples: 50, seed: 1 })).toEqual({
      units: 0,
      mis: null,
      mis_low: null,
      mis_high: null,
      mis_p05: null,
      mis_p95: null,
      task_accuracy: null,
    });
  });

  it('order difficulties by where the queries lie', () => {
    const points = ['hard', 'easy', 0.02, 'medium', 'very-hard'].map((difficulty) =>
      point(difficulty === 'easy' ? '' : `task.difficulty=${difficulty}`, { difficulty }, [0.5, 0.6]),
    );
    const { table } = made('difficulty', { points, bootstrap: { resamples: 20, seed: 1 } })!;
    expect(table.map((row) => row.difficulty)).toEqual(['easy', 'medium', 0.02, 'hard', 'very-hard']);
  });

  it('name the limit of a factor, and that of a temperature', () => {
    expect(made('alpha', one)!.caption).toContain('α → 0');
    expect(made('alpha', { ...one, role: 'factor' })!.caption).toContain('α → ∞');
  });
});
