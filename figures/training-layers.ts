import { meanInterval } from '../stats/mean-interval.ts';
import { randomStreams } from '../stats/random.ts';
import { mean } from '../stats/summary.ts';
import { intervalWords, level } from './axes.ts';
import {
  type Bootstrap,
  columnsFor,
  counted,
  encodersOf,
  type Figure,
  groupBy,
  shownWords,
  type UnitPoint,
} from './figure.ts';
import { epochWords, type Run, runsOf, type State, unitKey, watched } from './states.ts';
import { layerTypeScale, plot, SCHEMA, sortLayerTypes, WIDTH } from './theme.ts';

const COLUMNS = [
  'run',
  'encoder',
  'from_epoch',
  'to_epoch',
  'layer',
  'layer_type',
  'relative_depth',
  'change',
  'change_low',
  'change_high',
  'mis_from',
  'mis_to',
  'units',
];
const HEIGHT = 230;

/** Change of MIS per layer between two checkpoints, by relative depth and type ([MIS]). */
export const trainingLayers: Figure = {
  name: 'training-layers',
  title: 'Which layers change while a network learns',
  make(data) {
    const all = [...data.units, ...(data.training?.units ?? [])];
    const unitsOf = groupBy(all, ({ model, encoder }) => JSON.stringify([model, encoder]));
    const units = (state: State) => unitsOf.get(JSON.stringify([state.model, state.encoder])) ?? [];
    const runs = watched(runsOf(data));
    const table = runs.flatMap((run) =>
      pairsOf(run).flatMap(([from, to]) =>
        changes(units(from), units(to), data.bootstrap).map((change) => ({
          run: run.run,
          encoder: run.encoder,
          from_epoch: from.epoch,
          to_epoch: to.epoch,
          ...change,
        })),
      ),
    );
    if (table.length === 0) return undefined;
    const encoders = encodersOf(table, data.encoders);
    const drawn = longest(runs.filter(({ encoder }) => encoder === encoders[0]));
    const shown = table.filter((row) => row.run === drawn.run && row.encoder === drawn.encoder);
    const whole = pairsOf(drawn)[0]!;
    const first = shown.filter((row) => isPair(row, whole));
    const others = new Set(runs.map(({ run }) => run)).size - 1;
    return {
      columns: columnsFor(encoders, COLUMNS),
      table,
      spec: specification(this.title, drawn, shown),
      caption:
        `Change of MIS in each of ${counted(first.length, 'layer')} of ${drawn.run} between two states of its training, by the ` +
        `layer's relative depth; the first panel: ${epochWords(whole[0].epoch)} to ${epochWords(whole[1].epoch)}. A point: mean over the ` +
        `layer's units that are constant in neither state (${counted(
          first.reduce((sum, row) => sum + row.units, 0),
          'unit',
        )} in all) of each unit's own difference. ` +
        `Line: ${intervalWords(data.bootstrap.resamples, 'units')}. Dashed: no change.` +
        `${others > 0 ? ` The table holds ${counted(others, 'more run')}.` : ''}${shownWords(encoders)}`,
    };
  },
};

/** First to last; and, where a state lies near the end of the first epoch, first to that and that to last. */
function pairsOf({ states }: Run): [State, State][] {
  const [first, last] = [states[0]!, states.at(-1)!];
  const between = states.slice(1, -1);
  const near = between.reduce<State | undefined>(
    (best, state) => (best && Math.abs(best.epoch - 1) <= Math.abs(state.epoch - 1) ? best : state),
    undefined,
  );
  const whole: [State, State] = [first, last];
  return near ? [whole, [first, near], [near, last]] : [whole];
}

function longest(runs: readonly Run[]): Run {
  return runs.reduce((best, run) => (run.states.length > best.states.length ? run : best));
}

/** Layer by layer the mean of the units' own differences, over units that have a score in both states. */
function changes(from: readonly UnitPoint[], to: readonly UnitPoint[], { resamples, seed }: Bootstrap) {
  const before = new Map(from.map((unit) => [unitKey(unit), unit.mis]));
  const layers = groupBy(
    to.filter((unit) => before.has(unitKey(unit))),
    (unit) => unit.layer,
  );
  return [...layers.values()].map((units) => {
    const { layer, layer_type, relative_depth, encoder } = units[0]!;
    const differences = units.map((unit) => unit.mis - before.get(unitKey(unit))!);
    const random = randomStreams(seed, 'training-layers', encoder, layer);
    const { low, high } = meanInterval(differences, random, resamples);
    return {
      layer,
      layer_type,
      relative_depth,
      change: mean(differences),
      change_low: low,
      change_high: high,
      mis_from: mean(units.map((unit) => before.get(unitKey(unit))!)),
      mis_to: mean(units.map((unit) => unit.mis)),
      units: units.length,
    };
  });
}

interface Pair {
  readonly from_epoch: number;
  readonly to_epoch: number;
}

function isPair(row: Pair, [from, to]: readonly [State, State]): boolean {
  return row.from_epoch === from.epoch && row.to_epoch === to.epoch;
}

const pairWords = (row: Pair): string => `${epochWords(row.from_epoch)} → ${epochWords(row.to_epoch)}`;

type Row = Pair & ReturnType<typeof changes>[number];

function specification(title: string, run: Run, rows: readonly Row[]) {
  const types = sortLayerTypes(rows.map((row) => row.layer_type));
  const head = { title, subtitle: `${run.run}: change of mean MIS per layer, with its 95 % interval` };
  const spec = panel(types);
  const values = rows.map((row) => ({ ...row, pair: pairWords(row) }));
  const pairs = [...new Set(values.map((row) => row.pair))];
  if (pairs.length === 1) return plot(head, values, spec);
  const row = {
    field: 'pair',
    type: 'nominal',
    sort: pairs,
    header: { labelOrient: 'top', labelAnchor: 'start' },
  };
  return {
    $schema: SCHEMA,
    title: { text: head.title, subtitle: head.subtitle },
    data: { values },
    facet: { row },
    spec,
  } as never;
}

function panel(types: readonly string[]): object {
  const color = {
    field: 'layer_type',
    type: 'nominal',
    title: null,
    scale: layerTypeScale(types),
    legend: { orient: 'top', symbolType: 'circle', symbolOpacity: 1 },
  };
  const x = {
    field: 'relative_depth',
    type: 'quantitative',
    title: 'Relative depth: 0 first scored layer, 1 last',
    scale: { domain: [0, 1], nice: false, padding: 8 },
    axis: { grid: false, tickCount: 5 },
  };
  const y = { type: 'quantitative', title: 'Change of MIS', axis: { tickCount: 6 } };
  return {
    width: WIDTH,
    height: HEIGHT,
    layer: [
      level('y', 0),
      {
        mark: { type: 'rule', strokeWidth: 2, opacity: 0.5 },
        encoding: { x, y: { ...y, field: 'change_low' }, y2: { field: 'change_high' }, color },
      },
      {
        mark: { type: 'point', filled: true, size: 65, opacity: 1, stroke: '#ffffff', strokeWidth: 1 },
        encoding: { x, y: { ...y, field: 'change' }, color },
      },
    ],
  };
}
