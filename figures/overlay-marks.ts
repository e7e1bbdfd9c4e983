/** A part of a Vega-Lite specification, taken apart without its types: it may be any that was read from a file. */
export type Part = { readonly [key: string]: unknown };

/** The colour of everything that stands behind. */
export const BEHIND = '#aab4be';

/** How much larger a mark is drawn that stands behind, so that it shows where the two coincide. */
const WIDER = 1.7;
const COLOUR_CHANNELS = ['color', 'fill', 'stroke'] as const;
const MARKS = new Set([
  'area',
  'bar',
  'circle',
  'errorband',
  'errorbar',
  'line',
  'point',
  'rule',
  'square',
  'text',
  'tick',
  'trail',
]);

export const isPart = (value: unknown): value is Part =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const partsOf = (value: unknown): Part[] => (Array.isArray(value) ? value.filter(isPart) : []);

/** The kind of mark of a layer: `point`; undefined for a layer of layers. */
export function markOf({ mark }: Part): string | undefined {
  const kind = isPart(mark) ? mark.type : mark;
  return typeof kind === 'string' ? kind : undefined;
}

/** Whether a layer can stand before or behind another: a mark at a place, whose colour doesn't stand for an amount. */
export function canOverlay(layer: Part): boolean {
  if (Array.isArray(layer.layer)) return partsOf(layer.layer).every(canOverlay);
  const mark = markOf(layer);
  if (mark === undefined || !MARKS.has(mark)) return false;
  const encoding = isPart(layer.encoding) ? layer.encoding : {};
  return COLOUR_CHANNELS.every((channel) => {
    const colour = encoding[channel];
    return !isPart(colour) || colour.type !== 'quantitative';
  });
}

/**
 * A layer as it stands behind: grey, somewhat larger, without text and legend. Series that are told apart by colour stay
 * apart. Undefined when nothing is left of it.
 */
export function behind(layer: Part): Part | undefined {
  if (Array.isArray(layer.layer)) {
    const inner = partsOf(layer.layer).flatMap((each) => behind(each) ?? []);
    const encoding = isPart(layer.encoding) ? { encoding: greyEncoding(layer.encoding) } : {};
    return inner.length === 0 ? undefined : { ...layer, ...encoding, layer: inner };
  }
  const kind = markOf(layer)!;
  if (kind === 'text') return undefined;
  const mark = isPart(layer.mark) ? layer.mark : { type: kind };
  const encoding = isPart(layer.encoding) ? greyEncoding(layer.encoding) : {};
  return { ...layer, mark: greyMark(kind, mark), encoding };
}

function greyMark(kind: string, mark: Part): Part {
  const { color: _, fill: __, tooltip: ___, ...kept } = mark;
  const times = (key: string, usual: number, by = WIDER) => ({ [key]: Number(kept[key] ?? usual) * by });
  const grey = { ...kept, color: BEHIND };
  if (kind === 'area' || kind === 'errorband') return { ...grey, opacity: Number(kept.opacity ?? 0.7) * 0.6 };
  if (kind === 'line' || kind === 'trail') return { ...grey, ...times('strokeWidth', 2), opacity: 1 };
  if (kind === 'rule' || kind === 'errorbar') return { ...grey, ...times('strokeWidth', 1), opacity: 0.8 };
  if (kind === 'tick') return { ...grey, ...times('height', 14, 1.5) };
  if (kind === 'bar') return { ...grey, ...('height' in kept ? times('height', 14, 1.4) : {}) };
  return { ...grey, ...times('size', 60), opacity: 1 };
}

/** An encoding whose colours became series, without legend. */
export function greyEncoding(encoding: Part): Part {
  const kept: Record<string, unknown> = {};
  const series: Part[] = [];
  for (const [channel, value] of Object.entries(encoding)) {
    const isColour = (COLOUR_CHANNELS as readonly string[]).includes(channel);
    if (channel === 'tooltip' || channel === 'text' || channel === 'description') continue;
    if (!isColour) kept[channel] = isPart(value) && 'legend' in value ? { ...value, legend: null } : value;
    else if (isPart(value) && 'field' in value) series.push({ field: value.field, type: 'nominal' });
  }
  if (series.length === 0) return kept;
  const before = Array.isArray(kept.detail) ? kept.detail : kept.detail ? [kept.detail] : [];
  return { ...kept, detail: [...before, ...series] };
}
