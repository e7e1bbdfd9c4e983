import { meanInterval } from '../stats/mean-interval.ts';
import { randomStreams } from '../stats/random.ts';
import { mean } from '../stats/summary.ts';
import { intervalWords } from './axes.ts';
import { type Bootstrap, columnsFor, counted, encodersOf, type Figure, shownWords } from './figure.ts';
import { fixedWords, type Series, type SweepData, type SweepPoint, seriesAlong } from './sweep.ts';
import { COLOURS, plot, WIDTH } from './theme.ts';

const COLUMNS = ['model', 'encoder', 'tasks', 'n', 'of', 'difference', 'low', 'high', 'units'];

const FIXED = 'fixed beforehand';
const REDRAWN = 'redrawn for each n';
/** Stands for all models together in the table. */
const ALL = 'all models';

/**
 * Mean absolute difference of the units' MIS with n tasks from that with N ([MIS]): of the first n among the N tasks, and
 * of n tasks drawn anew.
 */
export const taskCount: Figure<SweepData> = {
  name: 'task-count',
  title: 'How many tasks a unit needs',
  make({ points, bootstrap }) {
    const own = points.filter((point) => point.setting === '' && point.p !== undefined && point.n > 0);
    if (own.length === 0) return undefined;
    const redrawn = seriesAlong(points, 'n');
    const parts = [...own.flatMap(fixedBeforehand), ...redrawn.flatMap(redrawnTasks)];
    const encoders = encodersOf(parts);
    const table = encoders.flatMap((encoder) =>
      rowsOf(
        parts.filter((part) => part.encoder === encoder),
        bootstrap,
      ),
    );
    const shown = table.filter((row) => row.encoder === encoders[0]);
    const first = own.find((point) => point.encoder === encoders[0])!;
    const models = new Set(shown.map((row) => row.model).filter((model) => model !== ALL)).size;
    const units = shown.find((row) => (models > 1 ? row.model === ALL : true))!.units;
    const rows = shown.map((row) => ({ ...row, whole: models === 1 || row.model === ALL }));
    return {
      columns: columnsFor(encoders, COLUMNS),
      table,
      spec: plot(
        {
          title: this.title,
          subtitle: `Mean absolute difference of a unit’s MIS with n tasks from that with ${first.n}, 95 % interval`,
        },
        rows,
        panel(first.n, models > 1),
      ),
      caption:
        `How far a unit’s MIS with n tasks lies from its MIS with N = ${first.n}: mean absolute difference over ` +
        `${counted(units, 'unit')} of ${counted(models, 'model')} that are not constant; ${fixedWords(first, 'n')}. Fixed beforehand: the ` +
        'first n of the N tasks, so nothing at n = N. Redrawn: n tasks chosen for themselves, whose explanations are the n · K most ' +
        `extreme images; n = N is left out there. ${models > 1 ? 'Thin: each model; thick: all together. ' : ''}Band: ` +
        `${intervalWords(bootstrap.resamples, 'units')}.${shownWords(encoders)}`,
    };
  },
};

/** The differences of a model's units for one n. */
interface Part {
  readonly model: string;
  readonly encoder: string;
  readonly tasks: string;
  readonly n: number;
  readonly of: number;
  readonly differences: readonly number[];
}

/** Differences of the first n of a unit's N tasks from all N, for n = 1 … N: exactly 0 for n = N. */
function fixedBeforehand({ model, encoder, n: of, p, mis }: SweepPoint): Part[] {
  const rows = Array.from(mis, (_, unit) => p!.subarray(unit * of, (unit + 1) * of)).filter(
    (row) => !row.some(Number.isNaN),
  );
  const whole = rows.map((row) => mean(row));
  return Array.from({ length: of }, (_, i) => ({
    model,
    encoder,
    tasks: FIXED,
    n: i + 1,
    of,
    differences: rows.map((row, unit) => Math.abs(mean(row.subarray(0, i + 1)) - whole[unit]!)),
  }));
}

/** Differences of scores with n < N tasks drawn anew. */
function redrawnTasks({ model, encoder, own, points }: Series): Part[] {
  return points
    .filter((point) => point.n < own.n)
    .sort((a, b) => a.n - b.n)
    .map((point) => ({
      model,
      encoder,
      tasks: REDRAWN,
      n: point.n,
      of: own.n,
      differences: Array.from(point.mis, (mis, unit) => Math.abs(mis - own.mis[unit]!)).filter(
        (difference) => !Number.isNaN(difference),
      ),
    }));
}

/** A row for each model, way and n; with several models rows for all their units together come first. */
function rowsOf(parts: readonly Part[], { resamples, seed }: Bootstrap) {
  const several = new Set(parts.map((part) => part.model)).size > 1;
  const keys = [...new Set(parts.map((part) => JSON.stringify([part.tasks, part.n])))];
  const together = keys.map((key): Part => {
    const own = parts.filter((part) => JSON.stringify([part.tasks, part.n]) === key);
    return { ...own[0]!, model: ALL, differences: own.flatMap((part) => part.differences) };
  });
  return [...(several ? together : []), ...parts].map(({ differences, ...part }) => {
    // the same units are drawn for every n, so that the band changes with n alone
    const random = randomStreams(seed, 'task-count', part.model, part.encoder);
    const { low, high } = meanInterval(differences, random, resamples);
    return { ...part, difference: mean(differences), low, high, units: differences.length };
  });
}

function panel(of: number, several: boolean): object {
  const color = {
    field: 'tasks',
    type: 'nominal',
    title: 'Tasks',
    scale: { domain: [FIXED, REDRAWN], range: [COLOURS[0], COLOURS[1]] },
    legend: { orient: 'top', symbolType: 'circle', symbolOpacity: 1, titleOrient: 'left' },
  };
  const step = Math.max(1, Math.round(of / 10));
  const ticks = Array.from({ length: of }, (_, i) => i + 1).filter((n) => n === 1 || n % step === 0);
  const x = {
    field: 'n',
    type: 'quantitative',
    title: 'n: tasks a unit',
    scale: { domain: [1, of], nice: false, zero: false, padding: 8 },
    axis: { values: ticks, format: 'd', grid: false },
  };
  const y = { type: 'quantitative', title: `|MIS of n − MIS of ${of}|`, axis: { tickCount: 5 } };
  const whole = [{ filter: 'datum.whole' }];
  const each = {
    transform: [{ filter: '!datum.whole' }],
    mark: { type: 'line', strokeWidth: 1, opacity: 0.4 },
    encoding: {
      x,
      y: { ...y, field: 'difference' },
      color,
      detail: { field: 'model', type: 'nominal' },
    },
  };
  return {
    width: WIDTH,
    height: 300,
    layer: [
      ...(several ? [each] : []),
      {
        transform: whole,
        mark: { type: 'area', opacity: 0.2 },
        encoding: { x, y: { ...y, field: 'low' }, y2: { field: 'high' }, color },
      },
      {
        transform: whole,
        mark: { type: 'line', strokeWidth: 2 },
        encoding: { x, y: { ...y, field: 'difference' }, color },
      },
      {
        transform: whole,
        mark: { type: 'point', filled: true, size: 60, opacity: 1, stroke: '#ffffff', strokeWidth: 1 },
        encoding: { x, y: { ...y, field: 'difference' }, color },
      },
    ],
  };
}
