import { chance, intervalWords } from './axes.ts';
import { columnsFor, counted, type Figure, shownWords } from './figure.ts';
import { along, columnsAlong, fixedWords, modelColour, type SweepData, seriesLayers } from './sweep.ts';
import { plot, WIDTH } from './theme.ts';

/** MIS as the number K of explanation images a side varies. */
export const explanations: Figure<SweepData> = {
  name: 'explanations',
  title: 'Number of explanation images',
  make(data) {
    const { bootstrap } = data;
    const found = along(data, 'k', ({ k }) => k);
    if (!found) return undefined;
    const { encoders, table, shown, models, own } = found;
    const values = [...new Set(shown.map((row) => row.k))].sort((a, b) => a - b);
    return {
      columns: columnsFor(encoders, columnsAlong('k')),
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
  return {
    width: WIDTH,
    height: 300,
    layer: [...seriesLayers(x, color, 'band', 75), chance('y')],
  };
}
