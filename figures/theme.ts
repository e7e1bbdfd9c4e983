import type { Config } from 'vega-lite';
import type { Spec } from './figure.ts';

/** Width of a figure's plot in pixels (one panel); heights are given by each figure. */
export const WIDTH = 460;

/**
 * Fonts by preference: what the reader's system has, else the bundled DejaVu Sans Condensed, whose metrics the layout is
 * computed with and which the PNG is drawn with.
 */
export const FONT = "Helvetica Neue, Helvetica, Arial, 'DejaVu Sans Condensed', sans-serif";

/** Okabe and Ito's palette, told apart with every common colour blindness; yellow last, as it is faint on white. */
export const COLOURS = [
  '#0072B2',
  '#D55E00',
  '#009E73',
  '#CC79A7',
  '#E69F00',
  '#56B4E9',
  '#000000',
  '#F0E442',
] as const;

export const INK = '#1f2933';
export const FAINT = '#616e7c';
export const GRID = '#e4e7eb';
/** The colour of a single series. */
export const ACCENT = COLOURS[0];

/** Layer types in the order in which they are always listed, so that a type keeps its colour from figure to figure. */
const LAYER_TYPES = ['conv', 'batch-norm', 'linear', 'layer-norm', 'group-norm'];

/** Known types first in their fixed order, then the others by name. */
export function sortLayerTypes(types: Iterable<string>): string[] {
  const others = [...new Set(types)].filter((type) => !LAYER_TYPES.includes(type)).sort();
  const present = new Set(types);
  return [...LAYER_TYPES.filter((type) => present.has(type)), ...others];
}

/** A colour for each layer type: fixed for the known ones. */
export function layerTypeScale(types: readonly string[]): { domain: string[]; range: string[] } {
  const others = types.filter((type) => !LAYER_TYPES.includes(type));
  const place = (type: string): number =>
    LAYER_TYPES.includes(type) ? LAYER_TYPES.indexOf(type) : LAYER_TYPES.length + others.indexOf(type);
  return { domain: [...types], range: types.map((type) => COLOURS[place(type) % COLOURS.length]!) };
}

/** The dialect of the specifications. */
export const SCHEMA = 'https://vega.github.io/schema/vega-lite/v6.json';

/** The look of every figure. */
export const THEME: Config = {
  background: '#ffffff',
  font: FONT,
  padding: 14,
  view: { stroke: null },
  axis: {
    labelColor: FAINT,
    labelFontSize: 12,
    titleColor: INK,
    titleFontSize: 13,
    titleFontWeight: 'normal',
    titlePadding: 10,
    domainColor: '#9aa5b1',
    tickColor: '#9aa5b1',
    gridColor: GRID,
    tickSize: 4,
    labelLimit: 260,
  },
  header: { labelColor: INK, labelFontSize: 13, labelFontWeight: 'bold', labelLimit: 440, title: null },
  legend: {
    labelColor: INK,
    labelFontSize: 12,
    titleColor: INK,
    titleFontSize: 12,
    symbolSize: 90,
    labelLimit: 240,
  },
  title: {
    anchor: 'start',
    color: INK,
    fontSize: 16,
    fontWeight: 'bold',
    subtitleColor: FAINT,
    subtitleFontSize: 12,
    subtitlePadding: 5,
    offset: 14,
  },
  range: { category: [...COLOURS] },
  text: { color: INK, fontSize: 12 },
};

/** Puts the parts of a figure together. `panel` has the marks, its size and no data of its own. */
export function plot(
  { title, subtitle }: { title: string; subtitle: string | readonly string[] },
  rows: readonly object[],
  panel: object,
): Spec {
  return { $schema: SCHEMA, title: { text: title, subtitle }, data: { values: rows }, ...panel } as Spec;
}

/** Several panels below each other, each a plot with a title and data of its own. */
export function stacked(plots: readonly Spec[]): Spec {
  if (plots.length === 1) return plots[0]!;
  const parts = plots.map((part) => {
    const { $schema: _, ...rest } = part as unknown as Record<string, unknown>;
    return rest;
  });
  return {
    $schema: SCHEMA,
    vconcat: parts,
    spacing: 36,
    resolve: { scale: { color: 'independent', x: 'independent', y: 'independent' } },
  } as unknown as Spec;
}
