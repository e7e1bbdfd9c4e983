import { pearson, spearman } from '../stats/correlation.ts';
import { intervalWords, mis } from './axes.ts';
import { columnsFor, counted, encodersOf, type Figure } from './figure.ts';
import { ACCENT, panels, WIDTH } from './theme.ts';

const COLUMNS = ['model', 'encoder', 'top1', 'mis', 'mis_low', 'mis_high', 'pearson', 'spearman'];

/** Below this many models a correlation is told, with the warning that it says little. */
const FEW = 10;

/** Mean MIS against top-1 accuracy, a point a model ([MIS] figure 3). */
export const accuracy: Figure = {
  name: 'accuracy',
  title: 'Interpretability and accuracy',
  make({ models, bootstrap }) {
    const known = models.filter((row) => row.mis !== null && row.top1 !== null);
    if (known.length === 0) return undefined;
    const encoders = encodersOf(known);
    const table = encoders.flatMap((encoder) => {
      const rows = known.filter((row) => row.encoder === encoder);
      const [x, y] = [rows.map((row) => row.top1!), rows.map((row) => row.mis!)];
      const [r, rho] = [known2(pearson(x, y), x), known2(spearman(x, y), x)];
      return rows.map(({ model, top1, mis, mis_low, mis_high }) => {
        return { model, encoder, top1, mis, mis_low, mis_high, pearson: r, spearman: rho };
      });
    });
    return {
      columns: columnsFor(encoders, COLUMNS),
      table,
      spec: panels(
        { title: this.title, subtitle: 'Mean MIS with its 95 % interval against top-1 accuracy' },
        table,
        encoders,
        panel(),
      ),
      caption:
        `Mean MIS of ${counted(new Set(table.map((row) => row.model)).size, 'model')} against the share of the data set's labelled ` +
        `images whose label is the model's first guess, from the same forward pass. ${correlationWords(table, encoders)} ` +
        `Whiskers: ${intervalWords(bootstrap.resamples, 'units')}.`,
    };
  },
};

/** A correlation, or null where there are fewer than three models or nothing varies. */
function known2(value: number, rows: readonly number[]): number | null {
  return rows.length < 3 || Number.isNaN(value) ? null : value;
}

interface Row {
  readonly encoder: string;
  readonly pearson: number | null;
  readonly spearman: number | null;
}

function correlationWords(table: readonly Row[], encoders: readonly string[]): string {
  const sentences = encoders.map((encoder) => {
    const rows = table.filter((row) => row.encoder === encoder);
    const { pearson: r, spearman: rho } = rows[0]!;
    const under = encoders.length > 1 ? ` under ${encoder}` : '';
    if (r === null || rho === null)
      return `${counted(rows.length, 'model')}${under}: too few for a correlation.`;
    const caution = rows.length < FEW ? ', far too few to conclude from' : '';
    return `Correlation${under}: Pearson ${r.toFixed(2)}, Spearman ${rho.toFixed(2)} (n = ${rows.length}${caution}).`;
  });
  return sentences.join(' ');
}

function panel(): object {
  const x = {
    field: 'top1',
    type: 'quantitative',
    title: 'Top-1 accuracy',
    scale: { zero: false, nice: true, padding: 40 },
    axis: { format: '.1~%', tickCount: 6 },
  };
  const y = mis('Mean MIS');
  const colour = { color: ACCENT };
  return {
    width: WIDTH,
    height: 320,
    layer: [
      {
        mark: { type: 'rule', strokeWidth: 2, ...colour },
        encoding: { x, y: { ...y, field: 'mis_low' }, y2: { field: 'mis_high' } },
      },
      {
        mark: {
          type: 'point',
          filled: true,
          size: 110,
          opacity: 1,
          stroke: '#ffffff',
          strokeWidth: 1.5,
          ...colour,
        },
        encoding: { x, y: { ...y, field: 'mis' } },
      },
      {
        mark: { type: 'text', align: 'left', dx: 10, dy: -1, limit: 160 },
        encoding: { x, y: { ...y, field: 'mis' }, text: { field: 'model', type: 'nominal' } },
      },
    ],
  };
}
