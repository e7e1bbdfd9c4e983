import { meanInterval } from '../stats/mean-interval.ts';
import { randomStreams } from '../stats/random.ts';
import { conoverHolm, kruskalWallis, type PairTest } from '../stats/ranks.ts';
import { mean, percentile } from '../stats/summary.ts';
import type { LayerRow } from '../tables/report-tables.ts';
import { intervalWords, mis, names } from './axes.ts';
import {
  type Bootstrap,
  columnsFor,
  counted,
  encodersOf,
  type Figure,
  groupBy,
  orNull,
  type Spec,
  shownWords,
} from './figure.ts';
import { GRID, INK, layerTypeScale, plot, sortLayerTypes, stacked, WIDTH } from './theme.ts';

interface TypeRow {
  readonly encoder: string;
  readonly layer_type: string;
  readonly layers: number;
  readonly units: number;
  readonly mis: number;
  readonly mis_low: number;
  readonly mis_high: number;
  readonly median: number;
}

interface PairRow {
  readonly encoder: string;
  readonly first: string;
  readonly second: string;
  readonly p: number | null;
  readonly verdict: string;
}

type Scored = LayerRow & { readonly mis: number };

/** MIS by layer type with the significance of every difference ([MIS] figure 5). */
export const layerTypes: Figure = {
  name: 'layer-types',
  title: 'Layer types',
  make({ layers, encoders: order, bootstrap }) {
    const scored = layers.filter((row): row is Scored => row.mis !== null);
    if (scored.length === 0) return undefined;
    const encoders = encodersOf(scored, order);
    const types = sortLayerTypes(scored.map((row) => row.layer_type));
    const perEncoder = encoders.map((encoder) => testTypes(scored, encoder, types, bootstrap));
    const shown = scored.filter((row) => row.encoder === encoders[0]);
    const models = new Set(shown.map((row) => row.model)).size;
    const columns = [
      'encoder',
      'layer_type',
      'layers',
      'units',
      'mis',
      'mis_low',
      'mis_high',
      'median',
      'kruskal_h',
      'kruskal_p',
      ...types.map(pColumn),
    ];
    return {
      columns: columnsFor(encoders, columns),
      table: perEncoder.flatMap((result) => result.table),
      spec: specification(this.title, shown, perEncoder[0]!),
      caption:
        `Mean MIS of ${counted(shown.length, 'layer')} of ${counted(models, 'model')} by type of layer: a faint ` +
        `point a layer (its mean over units that are not constant), a large one the mean over the type's layers with the ` +
        `${intervalWords(bootstrap.resamples, 'layers')}. ${perEncoder[0]!.words} Layers of one ` +
        `model are not independent, which the tests take no account of.${shownWords(encoders)}`,
    };
  },
};

const pColumn = (type: string): string => `p_${type}`;

function testTypes(
  scored: readonly Scored[],
  encoder: string,
  types: readonly string[],
  bootstrap: Bootstrap,
) {
  const byType = groupBy(
    scored.filter((row) => row.encoder === encoder),
    (row) => row.layer_type,
  );
  const present = types.filter((type) => byType.has(type));
  const values = present.map((type) => byType.get(type)!.map((row) => row.mis));
  const rows = present.map((type, i): TypeRow => {
    const stream = randomStreams(bootstrap.seed, 'layer-type', encoder, type);
    const { low, high } = meanInterval(values[i]!, stream, bootstrap.resamples);
    const units = byType.get(type)!.reduce((sum, row) => sum + row.units - row.constant_units, 0);
    return {
      encoder,
      layer_type: type,
      layers: values[i]!.length,
      units,
      mis: mean(values[i]!),
      mis_low: low,
      mis_high: high,
      median: percentile(values[i]!, 0.5),
    };
  });
  const overall = kruskalWallis(values);
  const pairs = pairRows(encoder, present, conoverHolm(values));
  const [kruskal_h, kruskal_p] = [orNull(overall.h), orNull(overall.p)];
  const table = rows.map((row) => ({
    ...row,
    kruskal_h,
    kruskal_p,
    ...Object.fromEntries(
      types.map((type) => [
        pColumn(type),
        pairs.find((pair) => pair.first === row.layer_type && pair.second === type)?.p ?? null,
      ]),
    ),
  }));
  const tested =
    kruskal_p === null
      ? 'Too few layers or types for a test.'
      : `Kruskal–Wallis H = ${overall.h.toFixed(2)}, p ${pWords(overall.p)} (${present.length} types, ` +
        `${values.flat().length} layers); pairs by Conover's test with Holm's correction.`;
  return { rows, pairs, table, words: tested };
}

/** Both halves of the symmetric matrix, the diagonal left out. */
function pairRows(encoder: string, types: readonly string[], pairs: readonly PairTest[]): PairRow[] {
  return pairs.flatMap(({ first, second, adjusted }) => {
    const row = { encoder, p: orNull(adjusted), verdict: verdictOf(adjusted) };
    const [a, b] = [types[first]!, types[second]!];
    return [
      { ...row, first: a, second: b },
      { ...row, first: b, second: a },
    ];
  });
}

const VERDICTS = ['p < 0.001', 'p < 0.01', 'p < 0.05', 'not significant', 'not testable'];
const VERDICT_COLOURS = ['#08519c', '#3182bd', '#9ecae1', '#f0f2f5', '#ffffff'];

function verdictOf(p: number): string {
  if (Number.isNaN(p)) return VERDICTS[4]!;
  if (p < 0.001) return VERDICTS[0]!;
  if (p < 0.01) return VERDICTS[1]!;
  return p < 0.05 ? VERDICTS[2]! : VERDICTS[3]!;
}

function pWords(p: number): string {
  return p < 0.001 ? '< 0.001' : `= ${p.toFixed(3)}`;
}

function specification(
  title: string,
  scored: readonly Scored[],
  { rows, pairs }: { readonly rows: readonly TypeRow[]; readonly pairs: readonly PairRow[] },
): Spec {
  const types = rows.map((row) => row.layer_type);
  const points = scored.map(({ model, layer, layer_type, mis: value }) => {
    return { kind: 'layer', model, layer, layer_type, mis: value };
  });
  const subtitle = 'Mean MIS of each layer, and the mean over layers of a type with its 95 % interval';
  const means = rows.map((row) => ({ ...row, kind: 'type' }));
  const strip = plot({ title, subtitle }, [...points, ...means], stripPanel(types));
  if (pairs.length === 0) return strip;
  const head = {
    title: 'Which differences are significant',
    subtitle: 'Conover’s test after Kruskal–Wallis, p with Holm’s correction',
  };
  return stacked([strip, plot(head, pairs, matrixPanel(types))]);
}

function stripPanel(types: readonly string[]): object {
  const color = { field: 'layer_type', type: 'nominal', scale: layerTypeScale(types), legend: null };
  const y = {
    field: 'layer_type',
    type: 'nominal',
    scale: { domain: [...types] },
    title: null,
    axis: names(),
  };
  const x = mis('Mean MIS of a layer');
  const kind = (name: string) => [{ filter: { field: 'kind', equal: name } }];
  return {
    width: WIDTH,
    height: { step: 44 },
    layer: [
      {
        transform: kind('layer'),
        mark: { type: 'tick', thickness: 2, height: 20, opacity: 0.4 },
        encoding: { x: { ...x, field: 'mis' }, y, color },
      },
      {
        transform: kind('type'),
        mark: { type: 'rule', strokeWidth: 4 },
        encoding: { x: { ...x, field: 'mis_low' }, x2: { field: 'mis_high' }, y, color },
      },
      {
        transform: kind('type'),
        mark: { type: 'point', filled: true, size: 130, opacity: 1, stroke: '#ffffff', strokeWidth: 2 },
        encoding: { x: { ...x, field: 'mis' }, y, color },
      },
    ],
  };
}

function matrixPanel(types: readonly string[]): object {
  const axis = names(12);
  const x = {
    field: 'second',
    type: 'nominal',
    scale: { domain: [...types] },
    title: null,
    axis: { ...axis, ...(types.length > 5 ? { labelAngle: -35 } : { labelAngle: 0 }) },
  };
  const y = {
    field: 'first',
    type: 'nominal',
    scale: { domain: [...types] },
    title: null,
    axis,
  };
  const color = {
    field: 'verdict',
    type: 'nominal',
    scale: { domain: VERDICTS, range: VERDICT_COLOURS },
    title: null,
    legend: { symbolType: 'square', symbolStrokeColor: GRID },
  };
  return {
    width: { step: Math.min(96, Math.floor(380 / types.length)) },
    height: { step: 40 },
    layer: [
      { mark: { type: 'rect', stroke: GRID, strokeWidth: 2 }, encoding: { x, y, color } },
      {
        mark: { type: 'text', fontSize: 11 },
        encoding: {
          x,
          y,
          text: { field: 'p', type: 'quantitative', format: '.3f' },
          color: { condition: { test: 'datum.p < 0.01', value: '#ffffff' }, value: INK },
        },
      },
    ],
  };
}
