import { chance, intervalWords, mis } from './axes.ts';
import { columnsFor, counted, encodersOf, type Figure, shownWords } from './figure.ts';
import { fixedWords, modelColour, type SweepData, type SweepPoint, seriesAlong, sweepRow } from './sweep.ts';
import { plot, WIDTH } from './theme.ts';

const COLUMNS = [
  'model',
  'encoder',
  'difficulty',
  'mis',
  'mis_low',
  'mis_high',
  'mis_p05',
  'mis_p95',
  'task_accuracy',
  'units',
];

/** Where the queries lie, as a share of the data set from its extreme ([IMI]); easy ones start just inside the references. */
const SHARES: Readonly<Record<string, number>> = { easy: 0, medium: 0.01, hard: 0.05, 'very-hard': 0.15 };

/** MIS as the difficulty of the tasks varies ([IMI]). */
export const difficulty: Figure<SweepData> = {
  name: 'difficulty',
  title: 'Difficulty of the tasks',
  make({ points, bootstrap }) {
    const series = seriesAlong(points, 'difficulty');
    if (series.length === 0) return undefined;
    const table = series.flatMap(({ model, encoder, points: along }) =>
      [...along]
        .sort((a, b) => shareOf(a) - shareOf(b))
        .map((point) => ({
          model,
          encoder,
          difficulty: point.difficulty,
          share: shareOf(point),
          ...sweepRow(point, bootstrap),
        })),
    );
    const encoders = encodersOf(table);
    const shown = table.filter((row) => row.encoder === encoders[0]);
    const models = [...new Set(shown.map((row) => row.model))];
    const { own } = series.find(({ encoder }) => encoder === encoders[0])!;
    const rows = shown.map((row) => ({ ...row, level: levelWords(row.difficulty) }));
    const levels = [...new Set([...rows].sort((a, b) => a.share - b.share).map((row) => row.level))];
    return {
      columns: columnsFor(encoders, COLUMNS),
      table,
      spec: plot(
        { title: this.title, subtitle: 'Mean MIS with its 95 % interval' },
        rows,
        panel(models, levels),
      ),
      caption:
        `Mean MIS of ${counted(models.length, 'model')} over units that are not constant as the queries become less extreme: for easy ` +
        'tasks they start just inside the explanations, for the others at the share of the data set from its extreme that the axis ' +
        `gives; ${fixedWords(own, 'difficulty')}. Lines: ${intervalWords(bootstrap.resamples, 'units')}. Dashed: chance, 0.5.` +
        shownWords(encoders),
    };
  },
};

function shareOf({ difficulty: value }: SweepPoint): number {
  return typeof value === 'number' ? value : (SHARES[value] ?? Number.MAX_VALUE);
}

function levelWords(value: string | number): string {
  const share = typeof value === 'number' ? value : SHARES[value];
  const percent = share ? `${Number((100 * share).toPrecision(6))} %` : '';
  if (typeof value === 'number') return percent || '0 %';
  return percent ? `${value} (${percent})` : value;
}

function panel(models: readonly string[], levels: readonly string[]): object {
  const color = modelColour(models);
  const x = {
    field: 'level',
    type: 'ordinal',
    scale: { domain: [...levels], type: 'point', padding: 0.4 },
    title: 'Difficulty: where the queries lie from the extreme',
    axis: { labelAngle: 0, grid: false },
  };
  const y = mis('Mean MIS');
  return {
    width: WIDTH,
    height: 300,
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 3, opacity: 0.45 },
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
