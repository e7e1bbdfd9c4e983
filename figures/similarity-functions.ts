import { correlationP, pearson, spearman } from '../stats/correlation.ts';
import { correlationIntervals, MOST_PAIRS_RESAMPLED } from '../stats/correlation-interval.ts';
import { meanInterval } from '../stats/mean-interval.ts';
import { randomStreams } from '../stats/random.ts';
import { mean, percentiles, standardDeviation } from '../stats/summary.ts';
import { chance, intervalWords, mis, names } from './axes.ts';
import {
  type Bootstrap,
  counted,
  encodersOf,
  type Figure,
  fixed,
  groupBy,
  orNull,
  type UnitPoint,
} from './figure.ts';
import { ACCENT, FAINT, GRID, INK, plot, stacked, WIDTH } from './theme.ts';

const COLUMNS = [
  'kind',
  'encoder',
  'other',
  'units',
  'models',
  'mis',
  'mis_low',
  'mis_high',
  'mis_p05',
  'mis_p95',
  'mis_sd',
  'spearman',
  'spearman_low',
  'spearman_high',
  'spearman_p',
  'pearson',
  'pearson_low',
  'pearson_high',
  'pearson_p',
];

/** How far similarity functions agree with each other, on the units that all of them scored. */
export const similarityFunctions: Figure = {
  name: 'similarity-functions',
  title: 'Similarity functions',
  make({ units, encoders: order, bootstrap }) {
    const encoders = encodersOf(units, order);
    const common = inCommon(units, encoders);
    if (encoders.length < 2 || common.count < 3) return undefined;
    const functions = encoders.map((encoder, i) => functionRow(encoder, common.scores[i]!, bootstrap));
    const pairs = encoders.flatMap((encoder, i) =>
      encoders
        .slice(i + 1)
        .map((other, j) =>
          pairRow([encoder, other], [common.scores[i]!, common.scores[i + 1 + j]!], bootstrap),
        ),
    );
    const counts = { units: common.count, models: common.models };
    const empty = Object.fromEntries(COLUMNS.map((name) => [name, null]));
    return {
      columns: COLUMNS,
      table: [
        ...functions.map((row) => ({ ...empty, kind: 'function', ...counts, ...row })),
        ...pairs.map((row) => ({ ...empty, kind: 'pair', ...counts, ...row })),
      ],
      spec: specification(this.title, encoders, functions, pairs),
      caption:
        `Agreement of ${encoders.length} similarity functions on the ${counted(common.count, 'unit')} of ` +
        `${counted(common.models, 'model')} that all of them scored: Spearman’s correlation of the units’ MIS, below it ` +
        `${intervalOf(common.count, bootstrap)}; Pearson’s is in the table (${rangeWords(pairs)}). Upper panel: mean MIS, thick line: ` +
        `${intervalWords(bootstrap.resamples, 'these units')}; light bar: their 5th to 95th percentile; dashed: chance, 0.5. Units of ` +
        'one model are not independent, which the intervals take no account of; each function has an α of its own, so the heights ' +
        'of their scores compare only where α was fitted alike.',
    };
  },
};

function intervalOf(count: number, { resamples }: Bootstrap): string {
  return count > MOST_PAIRS_RESAMPLED
    ? 'its 95 % interval (Fisher)'
    : `its 95 % bootstrap interval over units (${resamples.toLocaleString('en-US')} resamples, percentile method)`;
}

function rangeWords(pairs: readonly PairRow[]): string {
  const values = pairs.flatMap((row) => row.pearson ?? []);
  if (values.length === 0) return 'undefined here';
  const [least, most] = [Math.min(...values), Math.max(...values)];
  return values.length === 1 ? fixed(least, 2) : `${fixed(least, 2)} to ${fixed(most, 2)}`;
}

/** Scores under each encoder of the units that all scored, in one order. */
function inCommon(units: readonly UnitPoint[], encoders: readonly string[]) {
  const keyOf = ({ model, layer, unit }: UnitPoint) => JSON.stringify([model, layer, unit]);
  const maps = encoders.map(
    (encoder) =>
      new Map(units.filter((unit) => unit.encoder === encoder).map((unit) => [keyOf(unit), unit.mis])),
  );
  const shared = [...groupBy(units, keyOf)].filter(([key]) => maps.every((map) => map.has(key)));
  const keys = shared.map(([key]) => key).sort();
  return {
    count: keys.length,
    models: new Set(shared.map(([, own]) => own[0]!.model)).size,
    scores: maps.map((map) => Float64Array.from(keys, (key) => map.get(key)!)),
  };
}

function functionRow(encoder: string, scores: Float64Array, { resamples, seed }: Bootstrap) {
  const { low, high } = meanInterval(scores, randomStreams(seed, 'similarity-functions', encoder), resamples);
  const [p05, p95] = percentiles(scores, [0.05, 0.95]);
  return {
    encoder,
    mis: mean(scores),
    mis_low: low,
    mis_high: high,
    mis_p05: p05!,
    mis_p95: p95!,
    mis_sd: standardDeviation(scores, 1),
  };
}

function pairRow(
  [encoder, other]: readonly [string, string],
  [a, b]: readonly [Float64Array, Float64Array],
  { resamples, seed }: Bootstrap,
) {
  const random = randomStreams(seed, 'similarity-functions', encoder, other);
  const intervals = correlationIntervals(a, b, random, resamples);
  const [rho, r] = [spearman(a, b), pearson(a, b)];
  return {
    encoder,
    other,
    spearman: orNull(rho),
    spearman_low: orNull(intervals.spearman.low),
    spearman_high: orNull(intervals.spearman.high),
    spearman_p: orNull(correlationP(rho, a.length)),
    pearson: orNull(r),
    pearson_low: orNull(intervals.pearson.low),
    pearson_high: orNull(intervals.pearson.high),
    pearson_p: orNull(correlationP(r, a.length)),
  };
}

type FunctionRow = ReturnType<typeof functionRow>;
type PairRow = ReturnType<typeof pairRow>;

function specification(
  title: string,
  encoders: readonly string[],
  functions: readonly FunctionRow[],
  pairs: readonly PairRow[],
) {
  const both = pairs.flatMap((row) => {
    const { spearman_low: low, spearman_high: high } = row;
    const known = row.spearman !== null && low !== null && high !== null;
    const cell = {
      spearman: row.spearman,
      words: row.spearman === null ? 'undefined' : fixed(row.spearman, 2),
      interval: known ? `${fixed(low, 2)} to ${fixed(high, 2)}` : '',
    };
    return [
      { ...cell, first: row.encoder, second: row.other },
      { ...cell, first: row.other, second: row.encoder },
    ];
  });
  return stacked([
    plot(
      { title, subtitle: 'Mean MIS over the units that all functions scored, and the spread of these units' },
      functions,
      spreadPanel(encoders),
    ),
    plot(
      { title: 'Agreement with each other', subtitle: 'Spearman’s correlation over units, 95 % interval' },
      both,
      matrixPanel(encoders),
    ),
  ]);
}

const axis = { ...names(), labelLimit: 150 };

function spreadPanel(encoders: readonly string[]): object {
  const y = { field: 'encoder', type: 'nominal', scale: { domain: [...encoders] }, title: null, axis };
  const x = mis('MIS');
  return {
    width: WIDTH,
    height: { step: 38 },
    layer: [
      {
        mark: { type: 'bar', height: 14, cornerRadius: 7, opacity: 0.22, color: ACCENT },
        encoding: { x: { ...x, field: 'mis_p05' }, x2: { field: 'mis_p95' }, y },
      },
      {
        mark: { type: 'rule', strokeWidth: 4, color: ACCENT },
        encoding: { x: { ...x, field: 'mis_low' }, x2: { field: 'mis_high' }, y },
      },
      {
        mark: { type: 'point', filled: true, size: 95, color: ACCENT, opacity: 1, stroke: '#ffffff' },
        encoding: { x: { ...x, field: 'mis' }, y },
      },
      {
        mark: { type: 'text', dy: -15, fontSize: 11, color: FAINT },
        encoding: {
          x: { ...x, field: 'mis' },
          y,
          text: { field: 'mis', type: 'quantitative', format: '.3f' },
        },
      },
      chance('x'),
    ],
  };
}

function matrixPanel(encoders: readonly string[]): object {
  const scale = { domain: [...encoders] };
  const x = { field: 'second', type: 'nominal', scale, title: null, axis: { ...axis, labelAngle: 0 } };
  const y = { field: 'first', type: 'nominal', scale, title: null, axis };
  const color = {
    field: 'spearman',
    type: 'quantitative',
    title: 'Spearman',
    // blue is agreement, orange the opposite, white none
    scale: { domain: [-1, 0, 1], range: ['#D55E00', '#ffffff', '#0072B2'], interpolate: 'rgb' },
    legend: { gradientLength: 100, tickCount: 4 },
  };
  const ink = { condition: { test: 'abs(datum.spearman) > 0.65', value: '#ffffff' }, value: INK };
  return {
    width: { step: Math.min(120, Math.floor(380 / encoders.length)) },
    height: { step: 52 },
    layer: [
      { mark: { type: 'rect', stroke: GRID, strokeWidth: 2 }, encoding: { x, y, color } },
      {
        mark: { type: 'text', dy: -7, fontSize: 13, fontWeight: 'bold' },
        encoding: { x, y, text: { field: 'words', type: 'nominal' }, color: ink },
      },
      {
        mark: { type: 'text', dy: 10, fontSize: 10 },
        encoding: { x, y, text: { field: 'interval', type: 'nominal' }, color: ink },
      },
    ],
  };
}
