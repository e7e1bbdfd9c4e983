import { evenly, kernelDensity, scottBandwidth } from '../stats/density.ts';
import { percentiles } from '../stats/summary.ts';
import { chance, mis } from './axes.ts';
import {
  columnsFor,
  counted,
  encodersOf,
  type Figure,
  groupBy,
  shownWords,
  type UnitPoint,
} from './figure.ts';
import { COLOURS, plot, WIDTH } from './theme.ts';

const COLUMNS = ['model', 'encoder', 'mis', 'density', 'bandwidth', 'units'];
const POINTS = 201;
/** More models than colours can tell apart: then models across the range of spread stand for all. */
const MOST = 7;
/** Stands in for a bandwidth of 0 when all units of a model have the same score. */
const LEAST_BANDWIDTH = 0.002;

/** Kernel density of the units' MIS, a curve a model ([MIS] figure 4). */
export const distributions: Figure = {
  name: 'distributions',
  title: 'How the units’ scores are spread',
  make({ units, encoders: order }) {
    const encoders = encodersOf(units, order);
    if (encoders.length === 0) return undefined;
    const shown = units.filter((unit) => unit.encoder === encoders[0]);
    const names = acrossSpread(shown);
    const table = encoders.flatMap((encoder) =>
      densities(
        units.filter((unit) => unit.encoder === encoder),
        names,
      ),
    );
    const models = new Set(shown.map((unit) => unit.model)).size;
    const chosen =
      models > names.length ? `${names.length} of ${models} models, evenly across the range of spread: ` : '';
    const subtitle = 'Density of per-unit MIS (Gaussian kernel, Scott’s bandwidth)';
    return {
      columns: columnsFor(encoders, COLUMNS),
      table,
      spec: plot(
        { title: this.title, subtitle },
        table.filter((row) => row.encoder === encoders[0]),
        panel(names),
      ),
      caption:
        `${chosen}Distribution of MIS over the units that are not constant (${counted(shown.length, 'unit')} ` +
        `of ${counted(models, 'model')}): Gaussian kernel density, bandwidth by Scott’s rule (sd · n^(−1/5)) for each model, ` +
        `without correction at 0 and 1. Dashed: chance, 0.5.${shownWords(encoders)}`,
    };
  },
};

/** Up to `MOST` models, evenly by the distance of their 5th and 95th percentile; in the order of their names. */
function acrossSpread(units: readonly UnitPoint[]): string[] {
  const spreads = [...groupBy(units, (unit) => unit.model)].map(([model, own]) => {
    const [low, high] = percentiles(
      own.map((unit) => unit.mis),
      [0.05, 0.95],
    );
    return { model, spread: high! - low! };
  });
  spreads.sort((a, b) => a.spread - b.spread || (a.model < b.model ? -1 : 1));
  const count = Math.min(MOST, spreads.length);
  const picked = Array.from(
    { length: count },
    (_, i) => spreads[Math.round((i * (spreads.length - 1)) / Math.max(1, count - 1))]!.model,
  );
  return [...new Set(picked)].sort();
}

function densities(units: readonly UnitPoint[], names: readonly string[]) {
  const groups = groupBy(units, (unit) => unit.model);
  const curves = names.flatMap((model) => {
    const values = (groups.get(model) ?? []).map((unit) => unit.mis);
    const bandwidth = scottBandwidth(values);
    return values.length === 0
      ? []
      : [{ model, values, bandwidth: bandwidth > 0 ? bandwidth : LEAST_BANDWIDTH }];
  });
  const low = Math.min(...curves.map(({ values, bandwidth }) => smallest(values) - 3 * bandwidth));
  const high = Math.max(
    ...curves.map(({ values, bandwidth }) => -smallest(values.map((v) => -v)) + 3 * bandwidth),
  );
  const points = evenly(Math.max(0, low), Math.min(1, high), POINTS);
  return curves.flatMap(({ model, values, bandwidth }) => {
    const density = kernelDensity(values, points, bandwidth);
    const { encoder } = units[0]!;
    return Array.from(points, (at, i) => ({
      model,
      encoder,
      mis: at,
      density: density[i]!,
      bandwidth,
      units: values.length,
    }));
  });
}

function smallest(values: readonly number[]): number {
  return values.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
}

function panel(names: readonly string[]): object {
  const color = {
    field: 'model',
    type: 'nominal',
    title: null,
    scale: { domain: [...names], range: [...COLOURS] },
    legend: { orient: 'top', columns: 4, symbolType: 'stroke', symbolStrokeWidth: 3, symbolOpacity: 1 },
  };
  const x = { ...mis('MIS of a unit'), field: 'mis', axis: { tickCount: 6, grid: false } };
  const y = { field: 'density', type: 'quantitative', title: 'Density', axis: { tickCount: 4 } };
  return {
    width: WIDTH,
    height: 260,
    layer: [
      {
        mark: { type: 'area', opacity: names.length > 3 ? 0.04 : 0.12, line: false },
        encoding: { x, y: { ...y, stack: null }, color },
      },
      { mark: { type: 'line', strokeWidth: 2 }, encoding: { x, y, color } },
      chance('x'),
    ],
  };
}
