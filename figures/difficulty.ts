import { chance, intervalWords } from './axes.ts';
import { columnsFor, counted, type Figure, shownWords } from './figure.ts';
import {
  along,
  columnsAlong,
  fixedWords,
  modelColour,
  type SweepData,
  type SweepPoint,
  seriesLayers,
} from './sweep.ts';
import { plot, WIDTH } from './theme.ts';

/** Where the queries lie, as a share of the data set from its extreme ([IMI]); easy ones start just inside the references. */
const SHARES: Readonly<Record<string, number>> = { easy: 0, medium: 0.01, hard: 0.05, 'very-hard': 0.15 };

/** MIS as the difficulty of the tasks varies ([IMI]). */
export const difficulty: Figure<SweepData> = {
  name: 'difficulty',
  title: 'Difficulty of the tasks',
  make(data) {
    const { bootstrap } = data;
    const found = along(data, 'difficulty', shareOf);
    if (!found) return undefined;
    const { encoders, table, shown, models, own } = found;
    const rows = shown.map((row) => ({ ...row, share: shareOf(row), level: levelWords(row.difficulty) }));
    const levels = [...new Set([...rows].sort((a, b) => a.share - b.share).map((row) => row.level))];
    return {
      columns: columnsFor(encoders, columnsAlong('difficulty')),
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

function shareOf({ difficulty: value }: Pick<SweepPoint, 'difficulty'>): number {
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
  return {
    width: WIDTH,
    height: 300,
    layer: [...seriesLayers(x, color, 'rules', 75), chance('y')],
  };
}
