import { intervalWords, mis } from './axes.ts';
import { columnsFor, counted, type Figure, shownWords } from './figure.ts';
import { along, columnsAlong, fixedWords, modelColour, type SweepData, seriesLayers } from './sweep.ts';
import { FAINT, plot, WIDTH } from './theme.ts';

/** MIS as α varies, with its limit for α → 0, the task accuracy. */
export const alpha: Figure<SweepData> = {
  name: 'alpha',
  title: 'The scale α',
  make(data) {
    const { role = 'temperature', bootstrap } = data;
    const found = along(data, 'alpha', (point) => point.alpha);
    if (!found) return undefined;
    const { encoders, table, shown, models, own } = found;
    return {
      columns: columnsFor(encoders, columnsAlong('alpha')),
      table,
      spec: plot(
        {
          title: this.title,
          subtitle: `Mean MIS with its 95 % interval; dotted: task accuracy, the limit for ${LIMIT[role]}`,
        },
        shown,
        panel(models, own.alpha, shown, role),
      ),
      caption:
        `Mean MIS of ${counted(models.length, 'model')} over units that are not constant (${counted(
          models.reduce((sum, model) => sum + shown.find((row) => row.model === model)!.units, 0),
          'unit',
        )}) as α varies (logarithmic axis), all on the same tasks and similarities: ${fixedWords(own, 'alpha')}. Band: ` +
        `${intervalWords(bootstrap.resamples, 'units')}. Dotted: share of tasks with a margin above 0, ties counting ½, to which MIS ` +
        `tends as ${LIMIT[role]}. Vertical: the config’s own α, ${own.alpha}.${shownWords(encoders)}`,
    };
  },
};

/** Where MIS tends to task accuracy. */
const LIMIT = { temperature: 'α → 0', factor: 'α → ∞' } as const;

interface Row {
  readonly model: string;
  readonly alpha: number;
}

function panel(models: readonly string[], own: number, rows: readonly Row[], role: string): object {
  const values = [...new Set(rows.map((row) => row.alpha))].sort((a, b) => a - b);
  const color = modelColour(models);
  const x = {
    field: 'alpha',
    type: 'quantitative',
    title: `α (${role})`,
    scale: { type: 'log', domain: [values[0], values.at(-1)], nice: false },
    axis: {
      values: ticks(values),
      labelExpr: "format(datum.value, '.3~r')",
      grid: false,
      labelOverlap: true,
    },
  };
  const y = mis('Mean MIS');
  const levels = models.map((model) => rows.find((row) => row.model === model)!);
  return {
    width: WIDTH,
    height: 300,
    layer: [
      {
        // one line a model: its task accuracy is the same for every α
        data: { values: levels },
        mark: { type: 'rule', strokeWidth: 1.5, strokeDash: [1.5, 3] },
        encoding: { y: { ...y, field: 'task_accuracy' }, color },
      },
      ...seriesLayers(x, color, 'band', 60),
      {
        data: { values: [{}] },
        mark: { type: 'rule', strokeWidth: 1, color: FAINT, strokeDash: [4, 4] },
        encoding: { x: { datum: own, type: 'quantitative', scale: { type: 'log' } } },
      },
    ],
  };
}

const MOST_TICKS = 9;

/** The values themselves where they are few. */
function ticks(values: readonly number[]): number[] {
  const every = Math.ceil(values.length / MOST_TICKS);
  return values.filter((_, i) => i % every === 0 || i === values.length - 1);
}
