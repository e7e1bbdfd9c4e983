import { intervalWords, mis } from './axes.ts';
import { columnsFor, counted, type Figure, shownWords } from './figure.ts';
import { labelLayers, scatter, scatterAxis } from './scatter.ts';
import { type Run, runsOf, watched } from './states.ts';
import { COLOURS, plot, stacked, WIDTH } from './theme.ts';

const COLUMNS = [
  'run',
  'epoch',
  'model',
  'encoder',
  'mis',
  'mis_low',
  'mis_high',
  'mis_p05',
  'mis_p95',
  'units',
  'top1',
];
const HEIGHT = 280;

type Row = ReturnType<typeof rowsOf>[number];

/** MIS by epoch, and MIS against accuracy over the checkpoints of a run ([MIS]). */
export const training: Figure = {
  name: 'training',
  title: 'Interpretability while a network learns',
  make(data) {
    const runs = watched(runsOf(data));
    if (runs.length === 0) return undefined;
    const encoders = [...new Set(runs.map((run) => run.encoder))];
    const table = runs.flatMap(rowsOf);
    const shown = table.filter((row) => row.encoder === encoders[0]);
    const names = [...new Set(shown.map((row) => row.run))];
    const one = names.length === 1 ? ` (${names[0]})` : '';
    const known = shown.filter((row) => row.top1 !== null);
    const head = { title: this.title, subtitle: `Mean MIS with its 95 % interval, by epoch${one}` };
    const byEpoch = plot(head, shown, epochPanel(names, shown));
    const byAccuracy =
      known.length > 1
        ? [
            plot(
              {
                title: 'The same checkpoints by accuracy',
                subtitle: 'Labels: epochs; the line follows them',
              },
              known,
              accuracyPanel(names, known),
            ),
          ]
        : [];
    return {
      columns: columnsFor(encoders, COLUMNS),
      table,
      spec: stacked([byEpoch, ...byAccuracy]),
      caption:
        `Mean MIS of ${counted(shown.length, 'checkpoint')} of ${counted(names.length, 'training run')} (${names.join(', ')}) by the ` +
        'epoch after which it was taken; 0: the initial weights. The scale is logarithmic beyond the first checkpoints (symlog). ' +
        `Mean over ${unitWords(shown)} that are not constant. Band: ${intervalWords(data.bootstrap.resamples, 'units')}.` +
        (byAccuracy.length > 0
          ? " Below: against the share of the data set's labelled images whose label is the checkpoint's first guess."
          : '') +
        shownWords(encoders),
    };
  },
};

function rowsOf({ states, encoder }: Run) {
  return states.map(({ run, epoch, model, row }) => {
    const { mis, mis_low, mis_high, mis_p05, mis_p95, top1 } = row;
    const units = row.units - row.constant_units;
    return { run, epoch, model, encoder, mis, mis_low, mis_high, mis_p05, mis_p95, units, top1 };
  });
}

function unitWords(rows: readonly Row[]): string {
  const counts = rows.map((row) => row.units);
  const [least, most] = [Math.min(...counts), Math.max(...counts)];
  const number = least === most ? '' : `${least.toLocaleString('en-US')} to `;
  return `${number}${counted(most, 'unit')}`;
}

function colour(names: readonly string[]): object {
  return {
    field: 'run',
    type: 'nominal',
    title: null,
    scale: { domain: [...names], range: [...COLOURS] },
    legend: names.length > 1 ? { orient: 'top', symbolType: 'circle', symbolOpacity: 1 } : null,
  };
}

function epochPanel(names: readonly string[], rows: readonly Row[]): object {
  const color = colour(names);
  const epochs = [...new Set(rows.map((row) => row.epoch))].sort((a, b) => a - b);
  const constant = epochs.find((epoch) => epoch > 0) ?? 1;
  const x = {
    field: 'epoch',
    type: 'quantitative',
    title: 'Epoch (0: initial weights)',
    scale: { type: 'symlog', constant, domain: [epochs[0], epochs.at(-1)], nice: false, padding: 10 },
    axis: {
      values: tickEpochs(epochs, constant),
      labelExpr: "format(datum.value, '.3~r')",
      grid: false,
      labelOverlap: false,
    },
  };
  const y = mis('Mean MIS');
  return {
    width: WIDTH,
    height: HEIGHT,
    layer: [
      {
        mark: { type: 'area', opacity: 0.2 },
        encoding: { x, y: { ...y, field: 'mis_low' }, y2: { field: 'mis_high' }, color },
      },
      { mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y: { ...y, field: 'mis' }, color } },
      {
        mark: { type: 'point', filled: true, size: 70, opacity: 1, stroke: '#ffffff', strokeWidth: 1 },
        encoding: { x, y: { ...y, field: 'mis' }, color },
      },
    ],
  };
}

const LEAST_GAP = 30;

/** Epochs at the axis: the first and the last, and those between that leave room to each other. */
export function tickEpochs(epochs: readonly number[], constant: number): number[] {
  const place = (epoch: number) =>
    (WIDTH * Math.log1p(epoch / constant)) / Math.log1p(epochs.at(-1)! / constant);
  const kept = [epochs[0]!];
  const last = epochs.at(-1)!;
  for (const epoch of epochs.slice(1, -1)) {
    const clear = place(epoch) - place(kept.at(-1)!) >= LEAST_GAP;
    if (clear && place(last) - place(epoch) >= LEAST_GAP) kept.push(epoch);
  }
  return epochs.length > 1 ? [...kept, last] : kept;
}

function accuracyPanel(names: readonly string[], rows: readonly Row[]): object {
  const color = { ...colour(names), legend: null };
  const points = rows.map((row) => ({
    x: row.top1!,
    y: row.mis,
    low: row.mis_low,
    high: row.mis_high,
    label: `${row.epoch}`,
  }));
  const laid = scatter(points, HEIGHT, 10);
  const x = scatterAxis(laid.x, 'Top-1 accuracy', true);
  const y = scatterAxis(laid.y, 'Mean MIS');
  const at = { ...x, field: 'top1' };
  return {
    width: WIDTH,
    height: HEIGHT,
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 2, opacity: 0.35 },
        encoding: { x: at, y: { ...y, field: 'mis_low' }, y2: { field: 'mis_high' }, color },
      },
      {
        mark: { type: 'line', strokeWidth: 1.5, opacity: 0.6 },
        encoding: {
          x: at,
          y: { ...y, field: 'mis' },
          color,
          order: { field: 'epoch', type: 'quantitative' },
        },
      },
      {
        mark: { type: 'point', filled: true, size: 70, opacity: 1, stroke: '#ffffff', strokeWidth: 1 },
        encoding: { x: at, y: { ...y, field: 'mis' }, color },
      },
      ...labelLayers(laid, x, y),
    ],
  };
}
