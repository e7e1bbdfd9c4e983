import { meanInterval } from '../stats/mean-interval.ts';
import { randomStreams } from '../stats/random.ts';
import { mean, percentiles } from '../stats/summary.ts';
import { type Bootstrap, compare, groupBy, orNull } from './figure.ts';
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
export function sweepRow(
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
