import { names } from './axes.ts';
import { counted, type Figure } from './figure.ts';
import { COLOURS, FAINT, plot, WIDTH } from './theme.ts';

const COLUMNS = ['model', 'units', 'constant_units', 'share'];

/** Pixels of the plot with many models; few take less. */
const HEIGHT = 480;

/** Share of constant units a model: those that respond to all images alike and can't be scored. */
export const constantUnits: Figure = {
  name: 'constant-units',
  title: 'Constant units',
  make({ models }) {
    if (models.length === 0) return undefined;
    // whether a unit is constant depends on the model alone: one row a model, from the encoder that judged most of its units
    const seen = new Map<string, (typeof models)[number]>();
    for (const row of models) if (row.units > (seen.get(row.model)?.units ?? -1)) seen.set(row.model, row);
    const table = [...seen.values()]
      .map(({ model, units, constant_units }) => ({
        model,
        units,
        constant_units,
        share: constant_units / Math.max(1, units),
      }))
      .sort((a, b) => b.share - a.share || (a.model < b.model ? -1 : 1));
    const [units, constant] = [
      sum(table.map((row) => row.units)),
      sum(table.map((row) => row.constant_units)),
    ];
    const labelled = table.map((row) => ({
      ...row,
      label: `${row.constant_units.toLocaleString('en-US')} of ${row.units.toLocaleString('en-US')}`,
    }));
    return {
      columns: COLUMNS,
      table,
      spec: plot(
        { title: this.title, subtitle: 'Share of units whose activation is the same on every image' },
        labelled,
        panel(table),
      ),
      caption:
        `Units whose activation differs by less than 1e-8 over the whole data set: ${constant.toLocaleString('en-US')} of ` +
        `${counted(units, 'unit')} in ${counted(table.length, 'model')}. They get no score and are left out of every mean.`,
    };
  },
};

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function panel(table: readonly { readonly model: string; readonly share: number }[]): object {
  const step = Math.max(12, Math.min(34, Math.floor(HEIGHT / table.length)));
  const most = Math.max(...table.map((row) => row.share));
  const y = {
    field: 'model',
    type: 'nominal',
    sort: table.map((row) => row.model),
    title: null,
    axis: names(Math.min(13, step - 4)),
  };
  const x = {
    field: 'share',
    type: 'quantitative',
    title: 'Share of constant units',
    axis: { format: '.1~%', tickCount: 5 },
    // an empty scale would have no extent; room on the right for the labels
    scale: { domain: [0, Math.max(0.01, most * 1.2)] },
  };
  return {
    width: WIDTH,
    height: { step },
    layer: [
      {
        mark: { type: 'bar', height: Math.min(16, step - 5), color: COLOURS[1], opacity: 0.85 },
        encoding: { x, y },
      },
      {
        mark: { type: 'text', align: 'left', dx: 6, fontSize: Math.min(11, step - 3), color: FAINT },
        encoding: { x, y, text: { field: 'label', type: 'nominal' } },
      },
    ],
  };
}
