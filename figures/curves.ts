import { meanInterval } from '../stats/mean-interval.ts';
import { randomStreams } from '../stats/random.ts';
import { mean } from '../stats/summary.ts';
import { chance, intervalWords, mis } from './axes.ts';
import {
  type Bootstrap,
  columnsFor,
  counted,
  encodersOf,
  type FigureData,
  type FigureResult,
  groupBy,
  shownWords,
  type UnitPoint,
} from './figure.ts';
import { layerTypeScale, plot, sortLayerTypes, WIDTH } from './theme.ts';

/** Equal bins between 0 and 1 into which the position of a layer falls. */
const BINS = 10;

type Position = 'relative_depth' | 'relative_width';

export interface CurveText {
  readonly title: string;
  /** Axis title. */
  readonly axis: string;
  /** What the position is, for the caption. */
  readonly definition: string;
}

/**
 * Mean MIS against where a layer stands between 0 and 1, a curve for each layer type: units are put into ten equal bins
 * by position; each bin gives the mean over its units, placed at their mean position, and its bootstrap interval.
 */
export function curveFigure(data: FigureData, position: Position, text: CurveText): FigureResult | undefined {
  const encoders = encodersOf(data.units, data.encoders);
  if (encoders.length === 0) return undefined;
  const types = sortLayerTypes(data.units.map((unit) => unit.layer_type));
  const table = [...groupBy(data.units, (unit) => JSON.stringify([unit.encoder, unit.layer_type]))]
    .flatMap(([, units]) => curve(units, position, data.bootstrap))
    .sort(
      (a, b) =>
        encoders.indexOf(a.encoder) - encoders.indexOf(b.encoder) ||
        types.indexOf(a.layer_type) - types.indexOf(b.layer_type) ||
        a.bin - b.bin,
    );
  const columns = ['encoder', 'layer_type', 'bin', position, 'mis', 'mis_low', 'mis_high', 'units', 'models'];
  const [main] = encoders;
  const drawn = data.units.filter((unit) => unit.encoder === main);
  const models = new Set(drawn.map((unit) => unit.model)).size;
  return {
    columns: columnsFor(encoders, columns),
    table,
    spec: plot(
      { title: text.title, subtitle: 'Mean over units with its 95 % interval, by layer type' },
      table.filter((row) => row.encoder === main),
      panel(position, text.axis, sortLayerTypes(drawn.map((unit) => unit.layer_type))),
    ),
    caption:
      `Mean MIS against ${text.definition}, a curve a layer type, over ${counted(drawn.length, 'unit')} ` +
      `of ${counted(models, 'model')} that are not constant. Units fall into ten equal bins; a point stands at the mean ` +
      `position of its bin's units. Band: ${intervalWords(data.bootstrap.resamples, 'units')}. Dashed: chance, 0.5.${shownWords(encoders)}`,
  };
}

function curve(units: readonly UnitPoint[], position: Position, { resamples, seed }: Bootstrap) {
  const bins = groupBy(units, (unit) => `${Math.min(BINS - 1, Math.floor(unit[position] * BINS))}`);
  return [...bins].map(([name, members]) => {
    const { encoder, layer_type } = members[0]!;
    const values = members.map((unit) => unit.mis);
    const { low, high } = meanInterval(
      values,
      randomStreams(seed, position, encoder, layer_type, name),
      resamples,
    );
    return {
      encoder,
      layer_type,
      bin: Number(name),
      [position]: mean(members.map((unit) => unit[position])),
      mis: mean(values),
      mis_low: low,
      mis_high: high,
      units: members.length,
      models: new Set(members.map((unit) => unit.model)).size,
    };
  });
}

function panel(position: Position, axis: string, types: readonly string[]): object {
  const color = {
    field: 'layer_type',
    type: 'nominal',
    title: null,
    scale: layerTypeScale(types),
    legend: { orient: 'top', symbolType: 'circle', symbolOpacity: 1 },
  };
  const x = {
    field: position,
    type: 'quantitative',
    title: axis,
    scale: { domain: [0, 1], nice: false, padding: 8 },
    axis: { grid: false, tickCount: 5 },
  };
  const y = mis('Mean MIS');
  return {
    width: WIDTH,
    height: 300,
    layer: [
      {
        mark: { type: 'area', opacity: 0.16 },
        encoding: { x, y: { ...y, field: 'mis_low' }, y2: { field: 'mis_high' }, color },
      },
      {
        mark: { type: 'rule', opacity: 0.35, strokeWidth: 2 },
        encoding: { x, y: { ...y, field: 'mis_low' }, y2: { field: 'mis_high' }, color },
      },
      { mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y: { ...y, field: 'mis' }, color } },
      {
        mark: { type: 'point', filled: true, size: 60, opacity: 1, stroke: '#ffffff', strokeWidth: 1 },
        encoding: { x, y: { ...y, field: 'mis' }, color },
      },
      chance('y'),
    ],
  };
}
