import { meanInterval } from '../stats/mean-interval.ts';
import { randomStreams } from '../stats/random.ts';
import { mean, percentiles } from '../stats/summary.ts';
import { mis } from './axes.ts';
import { type Bootstrap, compare, encodersOf, groupBy, orNull } from './figure.ts';
import { COLOURS } from './theme.ts';

/** A model under an encoder with one setting. */
export interface SweepPoint {
  /** Empty for the config's own point, else what differs from it: `score.alpha=0.08`. */
  readonly setting: string;
  readonly alpha: number;
  /** N tasks a unit, K explanation images a side. */
  readonly n: number;
  readonly k: number;
  readonly difficulty: string | number;
  readonly model: string;
  readonly encoder: string;
  /** MIS of every unit of the model in the model's order, NaN for constant ones: a unit has one place in all points. */
  readonly mis: Float64Array;
  /** Share of the unit's tasks that are right, likewise. */
  readonly task_accuracy: Float64Array;
  /** p of every task, units × n row by row, of the config's own point; NaN for constant units. */
  readonly p?: Float64Array | undefined;
}

/** What the figures of a sweep are made from. */
export interface SweepData {
  readonly points: readonly SweepPoint[];
  /** How α enters: σ(x/α), the default, or σ(αx). */
  readonly role?: 'temperature' | 'factor' | undefined;
  readonly bootstrap: Bootstrap;
}

/** The settings that a sweep's figures show. */
export type SweptName = 'alpha' | 'n' | 'k' | 'difficulty';
const SWEPT: readonly SweptName[] = ['alpha', 'n', 'k', 'difficulty'];

/** A point summed up over its units that are not constant; null where there are none. */
export interface SweepSummary {
  readonly units: number;
  readonly mis: number | null;
  readonly mis_low: number | null;
  readonly mis_high: number | null;
  readonly mis_p05: number | null;
  readonly mis_p95: number | null;
  readonly task_accuracy: number | null;
}

/**
 * Sums a point up: mean MIS with its 95 % bootstrap interval over units, percentiles, mean task accuracy. All points of
 * a model draw the same units, so that intervals change with the setting alone.
 */
export function sweepRow(point: SweepPoint, bootstrap: Bootstrap): SweepSummary {
  const known = summaries.get(point);
  if (known?.bootstrap === bootstrap) return known.summary;
  const summary = summedUp(point, bootstrap);
  summaries.set(point, { bootstrap, summary });
  return summary;
}

/** A point stands in the table and in up to four figures; its bootstrap is done once. */
const summaries = new WeakMap<SweepPoint, { bootstrap: Bootstrap; summary: SweepSummary }>();

function summedUp(
  { model, encoder, mis, task_accuracy }: SweepPoint,
  { resamples, seed }: Bootstrap,
): SweepSummary {
  const scored = mis.filter((value) => !Number.isNaN(value));
  const right = task_accuracy.filter((value) => !Number.isNaN(value));
  const { low, high } = meanInterval(scored, randomStreams(seed, 'sweep', model, encoder), resamples);
  const [p05, p95] = percentiles(scored, [0.05, 0.95]);
  return {
    units: scored.length,
    mis: orNull(mean(scored)),
    mis_low: orNull(low),
    mis_high: orNull(high),
    mis_p05: orNull(p05!),
    mis_p95: orNull(p95!),
    task_accuracy: orNull(mean(right)),
  };
}

/** The points of a model under an encoder that differ from the config's own in one setting alone, own point included. */
export interface Series {
  readonly model: string;
  readonly encoder: string;
  readonly own: SweepPoint;
  readonly points: readonly SweepPoint[];
}

/**
 * The series along one setting, by model × encoder in their order of appearance; those with one point are left out. The
 * config's own point is the one with the empty setting; models without it are left out too.
 */
export function seriesAlong(points: readonly SweepPoint[], name: SweptName): Series[] {
  const groups = groupBy(points, ({ model, encoder }) => JSON.stringify([model, encoder]));
  return [...groups.values()].flatMap((all) => {
    const own = all.find((point) => point.setting === '');
    if (!own) return [];
    const others = SWEPT.filter((other) => other !== name);
    const along = all.filter((point) => others.every((other) => point[other] === own[other]));
    const distinct = [...new Map(along.map((point) => [point[name], point])).values()];
    const { model, encoder } = own;
    return distinct.length > 1 ? [{ model, encoder, own, points: distinct }] : [];
  });
}

/** Columns of the table of a figure along one setting. */
export const columnsAlong = (name: SweptName): string[] => [
  'model',
  'encoder',
  name,
  'mis',
  'mis_low',
  'mis_high',
  'mis_p05',
  'mis_p95',
  'task_accuracy',
  'units',
];

/** A row of such a table. */
export type AlongRow<Name extends SweptName> = Pick<SweepPoint, 'model' | 'encoder' | Name> &
  Pick<SweepSummary, keyof SweepSummary>;

/** What a figure along one setting is made from. */
export interface Along<Name extends SweptName> {
  readonly encoders: readonly string[];
  /** Rows of all encoders, by series, then in order of the setting. */
  readonly table: readonly AlongRow<Name>[];
  /** Those of the first encoder, and its models. */
  readonly shown: readonly AlongRow<Name>[];
  readonly models: readonly string[];
  /** The config's own point of the first of them. */
  readonly own: SweepPoint;
}

/** Sums up the series along one setting; undefined where there is none. */
export function along<Name extends SweptName>(
  { points, bootstrap }: SweepData,
  name: Name,
  orderOf: (point: SweepPoint) => number,
): Along<Name> | undefined {
  const series = seriesAlong(points, name);
  if (series.length === 0) return undefined;
  const table = series.flatMap(({ model, encoder, points: all }) =>
    [...all]
      .sort((a, b) => orderOf(a) - orderOf(b))
      .map(
        (point) => ({ model, encoder, [name]: point[name], ...sweepRow(point, bootstrap) }) as AlongRow<Name>,
      ),
  );
  const encoders = encodersOf(table);
  const shown = table.filter((row) => row.encoder === encoders[0]);
  const models = [...new Set(shown.map((row) => row.model))];
  const { own } = series.find(({ encoder }) => encoder === encoders[0])!;
  return { encoders, table, shown, models, own };
}

/** A line a model through its mean MIS, with its 95 % interval as a band, or as a rule at each point. */
export function seriesLayers(
  x: object,
  color: object,
  interval: 'band' | 'rules',
  pointSize: number,
): object[] {
  const y = mis('Mean MIS');
  const mark =
    interval === 'band' ? { type: 'area', opacity: 0.2 } : { type: 'rule', strokeWidth: 3, opacity: 0.45 };
  return [
    { mark, encoding: { x, y: { ...y, field: 'mis_low' }, y2: { field: 'mis_high' }, color } },
    { mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y: { ...y, field: 'mis' }, color } },
    {
      mark: { type: 'point', filled: true, size: pointSize, opacity: 1, stroke: '#ffffff', strokeWidth: 1 },
      encoding: { x, y: { ...y, field: 'mis' }, color },
    },
  ];
}

/** The scale and legend of models as colours; names beyond the palette share its colours. */
export function modelColour(models: readonly string[]): object {
  const domain = [...models].sort(compare);
  return {
    field: 'model',
    type: 'nominal',
    title: null,
    scale: { domain, range: domain.map((_, i) => COLOURS[i % COLOURS.length]!) },
    legend: models.length > 1 ? { orient: 'top', columns: 4, symbolType: 'circle', symbolOpacity: 1 } : null,
  };
}

/** "n = 20, K = 9, easy", without one of them, for captions. */
export function fixedWords(own: SweepPoint, without: SweptName): string {
  const words: Record<SweptName, string> = {
    n: `N = ${own.n}`,
    k: `K = ${own.k}`,
    difficulty: `difficulty ${own.difficulty}`,
    alpha: `α = ${own.alpha}`,
  };
  return (['n', 'k', 'difficulty', 'alpha'] as const)
    .filter((name) => name !== without)
    .map((name) => words[name])
    .join(', ');
}
