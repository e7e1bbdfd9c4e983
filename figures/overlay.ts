import { isDeepStrictEqual } from 'node:util';
import type { Spec } from './figure.ts';
import { union, withCommonAxes } from './overlay-axes.ts';
import { behind, canOverlay, greyEncoding, isPart, type Part, partsOf } from './overlay-marks.ts';
import { SCHEMA } from './theme.ts';

/** Field of the rows that tells which of the two figures they are of. */
const RUN = '__run';
const CONCATS = ['vconcat', 'hconcat', 'concat'] as const;
/** A figure wider than this stands above the other, not beside it. */
const WIDE = 600;

/**
 * Ways to show the same figure of two runs in one, the best first: A in grey behind B in colour on common axes, as far as
 * marks and encodings allow; else A and B beside each other. A specification that Vega-Lite can't draw without repairs
 * shows when it is drawn: then the next way.
 *
 * @param note what tells A from B, as a line under the title
 */
export function waysToCompare(a: unknown, b: unknown, note: string): { overlaid: boolean; spec: Spec }[] {
  if (!isPart(a) || !isPart(b)) return [];
  const [old, now] = [bare(a), bare(b)];
  const over = overlay(old, now);
  const ways = over ? [{ overlaid: true, spec: asSpec(withNote(over, note)) }] : [];
  const beside = (independent: boolean) => ({
    overlaid: false,
    spec: asSpec(besides(old, now, titleOf(now), independent)),
  });
  return [...ways, beside(false), beside(true)];
}

const asSpec = (part: Part): Spec => ({ $schema: SCHEMA, ...part }) as unknown as Spec;

/** A specification without what belongs to the file; its data in place of names of it. */
function bare(spec: Part): Part {
  const { $schema: _, config: __, usermeta: ___, background: ____, padding: _____, ...rest } = spec;
  return rest;
}

/** A behind B. Undefined where they aren't of one kind, or colour or place can't be shared. */
function overlay(a: Part, b: Part): Part | undefined {
  const concat = CONCATS.find((key) => key in b);
  if (concat) return overlayParts(partsOf(a[concat]), partsOf(b[concat]), b, concat);
  if ('facet' in b || 'facet' in a) return overlayFacets(a, b);
  const [rowsA, rowsB] = [valuesOf(a), valuesOf(b)];
  const layers = overlayLayers(a, b);
  if (!rowsA || !rowsB || !layers) return undefined;
  return { ...viewOf(b), data: { values: tagged(rowsA, rowsB) }, layer: layers };
}

/** Plots below or beside each other: each for itself; at least one has to allow it. */
function overlayParts(a: readonly Part[], b: readonly Part[], whole: Part, concat: string): Part | undefined {
  if (a.length !== b.length) return undefined;
  const parts = b.map((part, i) => overlay(a[i]!, part));
  if (parts.every((part) => part === undefined)) return undefined;
  return {
    ...whole,
    [concat]: parts.map((part, i) => part ?? besides(a[i]!, b[i]!, titleOf(b[i]!), false)),
  };
}

function overlayFacets(a: Part, b: Part): Part | undefined {
  const [innerA, innerB, rowsA, rowsB] = [a.spec, b.spec, valuesOf(a), valuesOf(b)];
  if (!isPart(innerA) || !isPart(innerB) || !rowsA || !rowsB) return undefined;
  const facet = commonFacet(a.facet, b.facet);
  const layers = facet && overlayLayers(innerA, innerB);
  if (!layers) return undefined;
  return { ...b, data: { values: tagged(rowsA, rowsB) }, facet, spec: { ...viewOf(innerB), layer: layers } };
}

function commonFacet(a: unknown, b: unknown): Part | undefined {
  if (!isPart(a) || !isPart(b)) return undefined;
  if ('field' in b) {
    const sort = union([b.sort, a.sort]);
    return a.field === b.field ? { ...b, ...(sort && { sort }) } : undefined;
  }
  const sides = Object.keys(b).map((key) => [key, commonFacet(a[key], b[key])] as const);
  const same = Object.keys(a).length === sides.length && sides.every(([, side]) => side);
  return same ? Object.fromEntries(sides) : undefined;
}

/** The layers of a plot, A's and then B's, each with its own rows. */
function overlayLayers(a: Part, b: Part): Part[] | undefined {
  const [layersA, layersB] = [layersOf(a), layersOf(b)];
  if (layersA.length === 0 || ![...layersA, ...layersB].every(canOverlay)) return undefined;
  if ([a, b].some(hasOwnAxes)) return undefined;
  const isSame = (layer: Part) => 'data' in layer && layersB.some((other) => isDeepStrictEqual(layer, other));
  const grey = layersA.filter((layer) => !isSame(layer)).flatMap((layer) => behind(layer) ?? []);
  if (grey.length === 0) return undefined;
  const shared = (part: Part) => (isPart(part.encoding) && part.layer ? part.encoding : {});
  const { back, front } = withCommonAxes(
    { layer: grey, encoding: greyEncoding(shared(a)) },
    { layer: layersB, encoding: shared(b) },
  );
  const of = (run: string, part: Part, transform: unknown) => ({
    transform: [{ filter: { field: RUN, equal: run } }, ...(Array.isArray(transform) ? transform : [])],
    ...part,
  });
  return [of('A', back, a.transform), of('B', front, b.transform)];
}

const layersOf = (part: Part): Part[] => {
  if (Array.isArray(part.layer)) return partsOf(part.layer);
  return 'mark' in part ? [{ mark: part.mark, encoding: part.encoding }] : [];
};

/** Whether layers have axes of their own, so that a place in one isn't that in the other. */
function hasOwnAxes({ resolve }: Part): boolean {
  const scale = isPart(resolve) && isPart(resolve.scale) ? resolve.scale : {};
  return ['x', 'y'].some((axis) => scale[axis] === 'independent');
}

/** What a plot is but for its marks and data: title, size, resolution. */
function viewOf(part: Part): Part {
  const { mark: _, encoding: __, layer: ___, data: ____, transform: _____, ...rest } = part;
  return rest;
}

function valuesOf({ data }: Part): Part[] | undefined {
  return isPart(data) && Array.isArray(data.values) ? partsOf(data.values) : undefined;
}

const tagged = (a: readonly Part[], b: readonly Part[]): Part[] => [
  ...a.map((row) => ({ ...row, [RUN]: 'A' })),
  ...b.map((row) => ({ ...row, [RUN]: 'B' })),
];

/** A and B beside each other, or above each other when they are wide. */
function besides(a: Part, b: Part, title: string, independent: boolean): Part {
  const side = (name: string, part: Part): Part => ({ ...part, title: { text: name } });
  const place = Math.max(widthOf(a), widthOf(b)) > WIDE ? 'vconcat' : 'hconcat';
  const channels = ['color', 'fill', 'stroke', 'size', 'shape', 'opacity', 'strokeDash'];
  const each = Object.fromEntries(channels.map((channel) => [channel, 'independent']));
  return {
    ...(title && { title: { text: title } }),
    [place]: [side('A', a), side('B', b)],
    spacing: 40,
    ...(independent && { resolve: { scale: each, legend: each } }),
  };
}

function widthOf(part: Part): number {
  const own = typeof part.width === 'number' ? part.width : 0;
  const across = partsOf(part.hconcat).reduce((sum, each) => sum + widthOf(each), 0);
  const inner = [...partsOf(part.vconcat), ...partsOf(part.concat), part.spec].filter(isPart).map(widthOf);
  return Math.max(own, across, ...inner);
}

/** The text of the first title in a specification; empty when it has none. */
export function titleOf(part: unknown): string {
  if (!isPart(part)) return '';
  const { title } = part;
  if (typeof title === 'string') return title;
  if (isPart(title) && title.text) return [title.text].flat().join(' ');
  const first = CONCATS.flatMap((key) => partsOf(part[key]))[0];
  return first ? titleOf(first) : '';
}

/** The specification with one more line under its first title. */
function withNote(part: Part, note: string): Part {
  const { title } = part;
  if (typeof title === 'string') return { ...part, title: { text: title, subtitle: note } };
  if (isPart(title)) {
    const subtitle = [...[title.subtitle ?? []].flat(), note];
    return { ...part, title: { ...title, subtitle } };
  }
  const concat = CONCATS.find((key) => partsOf(part[key]).length > 0);
  if (!concat) return { ...part, title: { text: note } };
  const [first, ...rest] = partsOf(part[concat]);
  return { ...part, [concat]: [withNote(first!, note), ...rest] };
}
