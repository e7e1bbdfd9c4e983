import { chance, mis } from './axes.ts';
import { columnsFor, counted, encodersOf, type Figure } from './figure.ts';
import { ACCENT, FAINT, INK, panels, WIDTH } from './theme.ts';

const COLUMNS = ['rank', 'model', 'encoder', 'mis', 'mis_low', 'mis_high', 'mis_p05', 'mis_p95', 'units'];

/** More models than this are drawn as a band over ranks, without a line for each name. */
const MOST_NAMED = 40;

/** Models sorted by mean MIS, with the spread of their units and the interval of the mean ([MIS] figure 2). */
export const modelRanking: Figure = {
  name: 'model-ranking',
  title: 'Models by interpretability',
  make({ models, bootstrap }) {
    const scored = models.filter((row) => row.mis !== null);
    if (scored.length === 0) return undefined;
    const encoders = encodersOf(scored);
    const table = encoders.flatMap((encoder) =>
      scored
        .filter((row) => row.encoder === encoder)
        .sort((a, b) => b.mis! - a.mis! || (a.model < b.model ? -1 : 1))
        .map((row, i) => ({ ...row, rank: i + 1, units: row.units - row.constant_units })),
    );
    const names = [...new Set(table.map((row) => row.model))];
    const panel = names.length <= MOST_NAMED ? namedRows(names) : rankedBand();
    const subtitle = 'Mean over units with its 95 % interval; bar: 5th to 95th percentile of the units';
    return {
      columns: columnsFor(encoders, COLUMNS),
      table: table.map((row) =>
        Object.fromEntries(COLUMNS.map((name) => [name, row[name as keyof typeof row]])),
      ),
      spec: panels({ title: this.title, subtitle }, table, encoders, panel, {}),
      caption:
        `${counted(names.length, 'model')} sorted by mean machine interpretability score (MIS)` +
        `${encoders.length > 1 ? ' under the first encoder' : ''}. Point: mean over the model's units that are not constant ` +
        `(${units(table)}); thick line: 95 % bootstrap interval of that mean (${bootstrap.resamples.toLocaleString('en-US')} ` +
        'resamples of units, percentile method); light bar: 5th to 95th percentile over units. Dashed: chance, 0.5.',
    };
  },
};

function units(rows: readonly { readonly units: number }[]): string {
  const counts = rows.map((row) => row.units);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  return least === most
    ? counted(least, 'unit')
    : `${least.toLocaleString('en-US')} to ${counted(most, 'unit')}`;
}

function namedRows(names: readonly string[]): object {
  const y = {
    field: 'model',
    type: 'nominal',
    sort: [...names],
    title: null,
    axis: { labelColor: INK, labelFontSize: 13, ticks: false, domain: false },
  };
  const x = mis('Machine interpretability score (MIS)');
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
        mark: {
          type: 'point',
          filled: true,
          size: 95,
          color: ACCENT,
          opacity: 1,
          stroke: '#ffffff',
          strokeWidth: 1.5,
        },
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

function rankedBand(): object {
  const x = {
    field: 'rank',
    type: 'quantitative',
    title: 'Models by rank',
    axis: { grid: false },
    scale: { nice: false },
  };
  const y = mis('Machine interpretability score (MIS)');
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
      chance('y'),
    ],
  };
}
