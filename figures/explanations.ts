import { chance, intervalWords, mis } from './axes.ts';
import { columnsFor, counted, encodersOf, type Figure, shownWords } from './figure.ts';
import { fixedWords, modelColour, type SweepData, seriesAlong, sweepRow } from './sweep.ts';
import { plot, WIDTH } from './theme.ts';

const COLUMNS = [
  'model',
  'encoder',
  'k',
  'mis',
  'mis_low',
  'mis_high',
  'mis_p05',
  'mis_p95',
  'task_accuracy',
  'units',
];

/** MIS as the number K of explanation images a side varies. */
export const explanations: Figure<SweepData> = {
  name: 'explanations',
  title: 'Number of explanation images',
  make({ points, bootstrap }) {
    const series = seriesAlong(points, 'k');
    if (series.length === 0) return undefined;
    const table = series.flatMap(({ model, encoder, points: along }) =>
      [...along]
        .sort((a, b) => a.k - b.k)
        .map((point) => ({ model, encoder, k: point.k, ...sweepRow(point, bootstrap) })),
    );
    const encoders = encodersOf(table);
    const shown = table.filter((row) => row.encoder === encoders[0]);
    const models = [...new Set(shown.map((row) => row.model))];
    const { own } = series.find(({ encoder }) => encoder === encoders[0])!;
    const values = [...new Set(shown.map((row) => row.k))].sort((a, b) => a - b);
    return {
      columns: columnsFor(encoders, COLUMNS),
      table,
      spec: plot(
        { title: this.title, subtitle: 'Mean MIS with its 95 % interval' },
        shown,
        panel(models, values),
      ),
      caption:
        `Mean MIS of ${counted(models.length, 'model')} over units that are not constant with K explanation images a side; ` +
        `${fixedWords(own, 'k')}. The N · K most extreme images explain and the queries follow them, so a larger K moves the ` +
        `queries inward too. Band: ${intervalWords(bootstrap.resamples, 'units')}. Dashed: chance, 0.5.${shownWords(encoders)}`,
    };
  },
};

function panel(models: readonly string[], values: readonly number[]): object {
  const color = modelColour(models);
  const x = {
    field: 'k',
    type: 'quantitative',
    title: 'K: explanation images a side',
    scale: { domain: [values[0], values.at(-1)], nice: false, zero: false, padding: 10 },
    axis: { values: [...values], format: 'd', grid: false, labelOverlap: true },
  };
  const y = mis('Mean MIS');
  return {
    width: WIDTH,
    height: 300,
    layer: [
      {
        mark: { type: 'area', opacity: 0.2 },
        encoding: { x, y: { ...y, field: 'mis_low' }, y2: { field: 'mis_high' }, color },
      },
      { mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y: { ...y, field: 'mis' }, color } },
      {
        mark: { type: 'point', filled: true, size: 75, opacity: 1, stroke: '#ffffff', strokeWidth: 1 },
        encoding: { x, y: { ...y, field: 'mis' }, color },
      },
      chance('y'),
    ],
  };
}
