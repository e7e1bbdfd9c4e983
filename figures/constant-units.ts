import { counted, type Figure } from './figure.ts';
import { FAINT, INK, panels, WIDTH } from './theme.ts';

const COLUMNS = ['model', 'units', 'constant_units', 'share'];

/** Share of constant units a model: those that respond to all images alike and can't be scored. */
export const constantUnits: Figure = {
  name: 'constant-units',
  title: 'Constant units',
  make({ models }) {
    if (models.length === 0) return undefined;
    // whether a unit is constant depends on the model alone: one row a model, whatever the encoders
    const seen = new Map(models.map((row) => [row.model, row]));
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
      spec: panels(
        { title: this.title, subtitle: 'Share of units whose activation is the same on every image' },
        labelled,
        [],
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
  const most = Math.max(...table.map((row) => row.share));
  const y = {
    field: 'model',
    type: 'nominal',
    sort: table.map((row) => row.model),
    title: null,
    axis: { labelColor: INK, labelFontSize: 13, ticks: false, domain: false },
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
    height: { step: 34 },
    layer: [
      { mark: { type: 'bar', height: 16, color: '#D55E00', opacity: 0.85 }, encoding: { x, y } },
      {
        mark: { type: 'text', align: 'left', dx: 6, fontSize: 11, color: FAINT },
        encoding: { x, y, text: { field: 'label', type: 'nominal' } },
      },
    ],
  };
}
