import type { ModelRow } from '../tables/report-tables.ts';
import { names as axisOfNames, chance, mis } from './axes.ts';
import { columnsFor, compare, counted, encodersOf, type Figure, shownWords } from './figure.ts';
import { ACCENT, COLOURS, FAINT, plot, WIDTH } from './theme.ts';

const COLUMNS = ['rank', 'model', 'encoder', 'mis', 'mis_low', 'mis_high', 'mis_p05', 'mis_p95', 'units'];

/** More models than this are drawn as a band over ranks, without a line for each name. */
const MOST_NAMED = 40;
/** Up to this many models a line is high enough for the score above the point; then it stands at the right. */
const MOST_ROOMY = 8;

type Ranked = ModelRow & { readonly rank: number; readonly colour: string; readonly marked: boolean };

/** Models sorted by mean MIS, with the spread of their units and the interval of the mean ([MIS] figure 2). */
export const modelRanking: Figure = {
  name: 'model-ranking',
  title: 'Models by interpretability',
  make({ models, encoders: order, mark = [], bootstrap }) {
    const scored = models.filter((row) => row.mis !== null);
    if (scored.length === 0) return undefined;
    const encoders = encodersOf(scored, order);
    const table = encoders.flatMap((encoder) => ranked(scored, encoder, mark));
    const shown = table.filter((row) => row.encoder === encoders[0]);
    const panel = shown.length <= MOST_NAMED ? namedRows(shown) : rankedBand(shown);
    const subtitle = 'Mean over units with its 95 % interval; bar: 5th to 95th percentile of the units';
    const marked = shown.some((row) => row.marked) ? ' Marked: models named in the settings.' : '';
    return {
      columns: columnsFor(encoders, COLUMNS),
      table: table.map((row) =>
        Object.fromEntries(COLUMNS.map((name) => [name, row[name as keyof typeof row]])),
      ),
      spec: plot({ title: this.title, subtitle }, shown, panel),
      caption:
        `${counted(shown.length, 'model')} sorted by mean machine interpretability score (MIS). Point: mean over the ` +
        `model's units that are not constant (${units(shown)}); thick line: 95 % bootstrap interval of that mean ` +
        `(${bootstrap.resamples.toLocaleString('en-US')} resamples of units, percentile method); light bar: 5th to 95th ` +
        `percentile over units. Dashed: chance, 0.5.${marked}${shownWords(encoders)}`,
    };
  },
};

function ranked(scored: readonly ModelRow[], encoder: string, mark: readonly string[]): Ranked[] {
  return scored
    .filter((row) => row.encoder === encoder)
    .sort((a, b) => b.mis! - a.mis! || compare(a.model, b.model))
    .map((row, i) => {
      const marked = mark.includes(row.model);
      const colour = marked ? COLOURS[1] : ACCENT;
      return { ...row, rank: i + 1, units: row.units - row.constant_units, marked, colour };
    });
}

function units(rows: readonly { readonly units: number }[]): string {
  const counts = rows.map((row) => row.units);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most
    ? counted(least, 'unit')
    : `${least.toLocaleString('en-US')} to ${counted(most, 'unit')}`;
}

function namedRows(rows: readonly Ranked[]): object {
  const names = rows.map((row) => row.model);
  const roomy = names.length <= MOST_ROOMY;
  const y = {
    field: 'model',
    type: 'nominal',
    sort: names,
    title: null,
    axis: axisOfNames(roomy ? 13 : 12),
  };
  const x = mis('Machine interpretability score (MIS)');
  const color = { field: 'colour', type: 'nominal', scale: null };
  const words = { field: 'mis', type: 'quantitative', format: '.3f' };
  const score = roomy
    ? {
        mark: { type: 'text', dy: -15, fontSize: 11, color: FAINT },
        encoding: { x: { ...x, field: 'mis' }, y, text: words },
      }
    : {
        mark: { type: 'text', align: 'right', fontSize: 11, color: FAINT },
        encoding: { x: { value: WIDTH + 38 }, y, text: words },
      };
  return {
    width: WIDTH,
    height: { step: roomy ? 38 : 25 },
    layer: [
      {
        mark: { type: 'bar', height: roomy ? 14 : 12, cornerRadius: roomy ? 7 : 6, opacity: 0.22 },
        encoding: { x: { ...x, field: 'mis_p05' }, x2: { field: 'mis_p95' }, y, color },
      },
      {
        mark: { type: 'rule', strokeWidth: 4 },
        encoding: { x: { ...x, field: 'mis_low' }, x2: { field: 'mis_high' }, y, color },
      },
      {
        mark: {
          type: 'point',
          filled: true,
          size: roomy ? 95 : 60,
          opacity: 1,
          stroke: '#ffffff',
          strokeWidth: 1.5,
        },
        encoding: { x: { ...x, field: 'mis' }, y, fill: color },
      },
      score,
      chance('x'),
    ],
  };
}

function rankedBand(rows: readonly Ranked[]): object {
  const x = {
    field: 'rank',
    type: 'quantitative',
    title: 'Models by rank',
    axis: { grid: false },
    scale: { nice: false, domain: [1, rows.length] },
  };
  const y = mis('Machine interpretability score (MIS)');
  const marked = {
    transform: [{ filter: 'datum.marked' }],
    encoding: { x, y: { ...y, field: 'mis' }, text: { field: 'model', type: 'nominal' } },
  };
  const marks = [
    { ...marked, mark: { type: 'point', filled: true, size: 70, opacity: 1, color: COLOURS[1] } },
    { ...marked, mark: { type: 'text', align: 'left', dx: 6, dy: -9, limit: 160 } },
  ];
  return {
    width: WIDTH,
    height: 300,
    layer: [
      {
        mark: { type: 'area', opacity: 0.22, color: ACCENT },
        encoding: { x, y: { ...y, field: 'mis_p05' }, y2: { field: 'mis_p95' } },
      },
      {
        mark: { type: 'area', opacity: 0.5, color: ACCENT },
        encoding: { x, y: { ...y, field: 'mis_low' }, y2: { field: 'mis_high' } },
      },
      { mark: { type: 'line', color: ACCENT }, encoding: { x, y: { ...y, field: 'mis' } } },
      ...(rows.some((row) => row.marked) ? marks : []),
      chance('y'),
    ],
  };
}
