import { correlationP, pearson, spearman } from '../stats/correlation.ts';
import { correlationIntervals } from '../stats/correlation-interval.ts';
import { randomStreams } from '../stats/random.ts';
import type { ModelRow } from '../tables/report-tables.ts';
import { intervalWords } from './axes.ts';
import {
  type Bootstrap,
  columnsFor,
  counted,
  encodersOf,
  type Figure,
  fixed,
  orNull,
  shownWords,
} from './figure.ts';
import { labelLayers, scatter, scatterAxis } from './scatter.ts';
import { ACCENT, COLOURS, plot, WIDTH } from './theme.ts';

const COLUMNS = [
  'model',
  'encoder',
  'top1',
  'mis',
  'mis_low',
  'mis_high',
  'pearson',
  'pearson_low',
  'pearson_high',
  'pearson_p',
  'spearman',
  'spearman_low',
  'spearman_high',
  'spearman_p',
];

/** Below this many models a correlation is told, with the warning that it says little. */
const FEW = 10;
const HEIGHT = 340;

type Known = ModelRow & { readonly mis: number; readonly top1: number };

/** Mean MIS against top-1 accuracy, a point a model ([MIS] figure 3). */
export const accuracy: Figure = {
  name: 'accuracy',
  title: 'Interpretability and accuracy',
  make({ models, encoders: order, mark = [], bootstrap }) {
    const known = models.filter((row): row is Known => row.mis !== null && row.top1 !== null);
    if (known.length === 0) return undefined;
    const encoders = encodersOf(known, order);
    const table = encoders.flatMap((encoder) => {
      const rows = known.filter((row) => row.encoder === encoder);
      const together = correlations(rows, encoder, bootstrap);
      return rows.map(({ model, top1, mis, mis_low, mis_high }) => {
        return { model, encoder, top1, mis, mis_low: mis_low!, mis_high: mis_high!, ...together };
      });
    });
    const shown = table.filter((row) => row.encoder === encoders[0]);
    const subtitle = 'Mean MIS with its 95 % interval against top-1 accuracy';
    return {
      columns: columnsFor(encoders, COLUMNS),
      table,
      spec: plot({ title: this.title, subtitle }, ...panel(shown, mark)),
      caption:
        `Mean MIS of ${counted(shown.length, 'model')} against the share of the data set's labelled images whose label ` +
        `is the model's first guess, from the same forward pass. ${correlationWords(shown, bootstrap)} ` +
        `Whiskers: ${intervalWords(bootstrap.resamples, 'units')}.${shownWords(encoders)}`,
    };
  },
};

function correlations(rows: readonly Known[], encoder: string, { resamples, seed }: Bootstrap) {
  const [x, y] = [rows.map((row) => row.top1), rows.map((row) => row.mis)];
  const enough = rows.length >= 3;
  const [r, rho] = enough ? [pearson(x, y), spearman(x, y)] : [Number.NaN, Number.NaN];
  const intervals = correlationIntervals(x, y, randomStreams(seed, 'accuracy', encoder), resamples);
  const end = (of: number, value: number) => (Number.isNaN(of) ? null : orNull(value));
  return {
    pearson: orNull(r),
    pearson_low: end(r, intervals.pearson.low),
    pearson_high: end(r, intervals.pearson.high),
    pearson_p: orNull(correlationP(r, rows.length)),
    spearman: orNull(rho),
    spearman_low: end(rho, intervals.spearman.low),
    spearman_high: end(rho, intervals.spearman.high),
    spearman_p: orNull(correlationP(rho, rows.length)),
  };
}

type Row = Known & ReturnType<typeof correlations>;

function correlationWords(rows: readonly Omit<Row, keyof ModelRow>[], { resamples }: Bootstrap): string {
  const { pearson: r, spearman: rho, ...ends } = rows[0]!;
  if (r === null || rho === null) return `${counted(rows.length, 'model')}: too few for a correlation.`;
  const between = (low: number | null, high: number | null) => `[${fixed(low!, 2)}, ${fixed(high!, 2)}]`;
  const caution = rows.length < FEW ? ', far too few to conclude from' : '';
  return (
    `Correlation over models: Pearson ${fixed(r, 2)} ${between(ends.pearson_low, ends.pearson_high)}, Spearman ` +
    `${fixed(rho, 2)} ${between(ends.spearman_low, ends.spearman_high)} (n = ${rows.length}${caution}; in brackets the 95 % ` +
    `bootstrap interval over models, ${resamples.toLocaleString('en-US')} resamples, percentile method).`
  );
}

type Point = { model: string; top1: number; mis: number; mis_low: number; mis_high: number };

function panel(rows: readonly Point[], mark: readonly string[]): [readonly object[], object] {
  const points = rows.map((row) => ({
    x: row.top1,
    y: row.mis,
    low: row.mis_low,
    high: row.mis_high,
    label: row.model,
    needed: mark.includes(row.model),
  }));
  const laid = scatter(points, HEIGHT);
  const x = scatterAxis(laid.x, 'Top-1 accuracy', true);
  const y = scatterAxis(laid.y, 'Mean MIS');
  const color = { field: 'colour', type: 'nominal', scale: null };
  const at = { ...x, field: 'top1' };
  const layer = [
    {
      mark: { type: 'rule', strokeWidth: 2, opacity: 0.45 },
      encoding: { x: at, y: { ...y, field: 'mis_low' }, y2: { field: 'mis_high' }, color },
    },
    {
      mark: { type: 'point', filled: true, size: 100, opacity: 1, stroke: '#ffffff', strokeWidth: 1.5 },
      encoding: { x: at, y: { ...y, field: 'mis' }, fill: color },
    },
    ...labelLayers(laid, x, y),
  ];
  const coloured = rows.map((row) => ({ ...row, colour: mark.includes(row.model) ? COLOURS[1] : ACCENT }));
  return [coloured, { width: WIDTH, height: HEIGHT, layer }];
}
