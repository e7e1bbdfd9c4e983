import { chance, intervalWords, mis, names } from './axes.ts';
import { columnsFor, counted, encodersOf, type Figure, shownWords } from './figure.ts';
import { type Run, runsOf } from './states.ts';
import { COLOURS, FAINT, plot, WIDTH } from './theme.ts';

const COLUMNS = [
  'model',
  'encoder',
  'epoch',
  'mis',
  'mis_low',
  'mis_high',
  'untrained',
  'untrained_mis',
  'untrained_mis_low',
  'untrained_mis_high',
  'difference',
  'units',
  'untrained_units',
];

/** Each trained network beside its own initial weights. */
export const untrained: Figure = {
  name: 'untrained',
  title: 'Trained networks and their initial weights',
  make(data) {
    const table = runsOf(data)
      .filter(({ states }) => states[0]!.epoch === 0 && states.at(-1)!.epoch > 0)
      .map(rowOf);
    if (table.length === 0) return undefined;
    const encoders = encodersOf(table, data.encoders);
    const shown = table
      .filter((row) => row.encoder === encoders[0])
      .sort((a, b) => b.mis - a.mis || (a.model < b.model ? -1 : 1));
    const higher = shown.filter((row) => row.difference > 0).length;
    const apart = shown.filter((row) => row.mis_low > row.untrained_mis_high).length;
    const below = shown.filter((row) => row.mis_high < row.untrained_mis_low).length;
    const subtitle = 'Mean MIS with its 95 % interval before and after training';
    return {
      columns: columnsFor(encoders, COLUMNS),
      table,
      spec: plot({ title: this.title, subtitle }, endsOf(shown), panel(shown)),
      caption:
        `Mean MIS of ${counted(shown.length, 'network')} after training and of the weights that its training began with. ` +
        `The trained network scores higher in ${higher} of ${shown.length}; the intervals don't overlap in ${apart} of these` +
        `${below > 0 ? ` and, the other way round, in ${below} of the others` : ''}. Means over units that are not constant ` +
        `in that state. Line: ${intervalWords(data.bootstrap.resamples, 'units')}. Dashed: chance, 0.5.${shownWords(encoders)}`,
    };
  },
};

type Row = ReturnType<typeof rowOf>;

function rowOf({ encoder, states }: Run) {
  const [before, after] = [states[0]!, states.at(-1)!];
  return {
    model: after.model,
    encoder,
    epoch: after.epoch,
    mis: after.row.mis,
    mis_low: after.row.mis_low,
    mis_high: after.row.mis_high,
    untrained: before.model,
    untrained_mis: before.row.mis,
    untrained_mis_low: before.row.mis_low,
    untrained_mis_high: before.row.mis_high,
    difference: after.row.mis - before.row.mis,
    units: after.row.units - after.row.constant_units,
    untrained_units: before.row.units - before.row.constant_units,
  };
}

const STATES = ['initial weights', 'trained'];

/** Both ends of each network's line, as rows of the picture. */
function endsOf(rows: readonly Row[]) {
  return rows.flatMap((row) => [
    {
      model: row.model,
      state: STATES[0],
      mis: row.untrained_mis,
      low: row.untrained_mis_low,
      high: row.untrained_mis_high,
    },
    { model: row.model, state: STATES[1], mis: row.mis, low: row.mis_low, high: row.mis_high },
  ]);
}

function panel(rows: readonly Row[]): object {
  const step = Math.max(16, Math.min(32, Math.floor(640 / rows.length)));
  const y = {
    field: 'model',
    type: 'nominal',
    scale: { domain: rows.map((row) => row.model) },
    title: null,
    axis: names(12),
  };
  const x = mis('Mean MIS');
  const color = {
    field: 'state',
    type: 'nominal',
    title: null,
    scale: { domain: STATES, range: [COLOURS[1], COLOURS[0]] },
    legend: { orient: 'top', symbolType: 'circle', symbolOpacity: 1 },
  };
  return {
    width: WIDTH,
    height: { step },
    layer: [
      {
        mark: { type: 'line', strokeWidth: 1.5, color: FAINT, opacity: 0.6 },
        encoding: { x: { ...x, field: 'mis' }, y, detail: { field: 'model', type: 'nominal' } },
      },
      {
        mark: { type: 'rule', strokeWidth: 4, opacity: 0.7 },
        encoding: { x: { ...x, field: 'low' }, x2: { field: 'high' }, y, color },
      },
      {
        mark: { type: 'point', filled: true, size: 60, opacity: 1, stroke: '#ffffff', strokeWidth: 1 },
        encoding: { x: { ...x, field: 'mis' }, y, color },
      },
      chance('x'),
    ],
  };
}
