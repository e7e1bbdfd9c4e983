import { fontFiles, textWidth } from './text-width.ts';

/** A point on a plot, in pixels from its left and upper edge, and the label that it wants. */
export interface LabelledPoint {
  readonly x: number;
  readonly y: number;
  readonly text: string;
  /** Whether the label has to be drawn, even over others. */
  readonly needed?: boolean;
}

/** Where a label's text starts and its middle height, in the same pixels. */
export interface LabelPlace {
  readonly x: number;
  readonly y: number;
  /** Where a line from the point meets the label, for labels that stand apart from their points. */
  readonly leader?: { readonly x: number; readonly y: number };
}

interface Box {
  readonly left: number;
  readonly right: number;
  readonly top: number;
  readonly bottom: number;
}

export interface LabelArea {
  readonly width: number;
  readonly height: number;
  readonly fontSize: number;
  /** Radius of the points, which no label should cover. */
  readonly radius: number;
  /** Pixels at which a label is cut. */
  readonly limit: number;
  /** Vertical lines (whiskers) that labels should rather not cross: x, upper and lower end. */
  readonly whiskers?: readonly { readonly x: number; readonly top: number; readonly bottom: number }[];
}

/** Directions and distances (in multiples of the point's radius) tried, the most pleasing first. */
const CANDIDATES = [1.6, 2.6, 4].flatMap((distance) =>
  [
    [1, 0],
    [-1, 0],
    [0, -1],
    [0, 1],
    [1, -1],
    [1, 1],
    [-1, -1],
    [-1, 1],
  ].map(([dx, dy]) => ({ dx: dx! * distance, dy: dy! * distance })),
);
const ROUNDS = 3;
/** Square pixels of another label or point that a label may cover before it is left out. */
const MOST_COVERED = 12;

/**
 * Places labels beside their points so that they cover neither each other nor a point, if that can be done: every label
 * in turn takes the place that covers least, three rounds. A label that finds none is undefined. The same points give the
 * same places.
 */
export function placeLabels(
  points: readonly LabelledPoint[],
  area: LabelArea,
): readonly (LabelPlace | undefined)[] {
  const measure = textWidth(fontFiles().regular);
  const widths = points.map(({ text }) => Math.min(area.limit, measure(text) * area.fontSize));
  const dots = points.map(({ x, y }): Box => boxAround(x, y, area.radius));
  const whiskers = (area.whiskers ?? []).map(
    ({ x, top, bottom }): Box => ({ left: x - 1, right: x + 1, top, bottom }),
  );
  const placed: (Box | undefined)[] = points.map(() => undefined);
  const costOf = (box: Box, own: number): number => {
    if (box.left < 0 || box.right > area.width || box.top < 0 || box.bottom > area.height)
      return Number.POSITIVE_INFINITY;
    let cost = 0;
    dots.forEach((dot) => {
      cost += overlap(box, dot);
    });
    placed.forEach((other, i) => {
      if (other && i !== own) cost += overlap(box, other);
    });
    return cost;
  };
  const dislike = (box: Box): number => whiskers.reduce((sum, line) => sum + overlap(box, line), 0);
  for (let round = 0; round < ROUNDS; round++) {
    points.forEach((point, i) => {
      const boxes = CANDIDATES.map((candidate) => labelBox(point, candidate, widths[i]!, area));
      const costs = boxes.map((box, order) => 10 * costOf(box, i) + dislike(box) + 0.5 * order);
      const best = costs.indexOf(Math.min(...costs));
      placed[i] = Number.isFinite(costs[best]) ? boxes[best] : undefined;
    });
  }
  return points.map((point, i) => {
    const box = placed[i];
    if (!box) return undefined;
    if (!point.needed && costOf(box, i) > MOST_COVERED) {
      placed[i] = undefined; // gives its place to those that come later
      return undefined;
    }
    return placeOf(point, box, area.radius);
  });
}

/** From this distance on, in multiples of the point's radius, a line joins the label to its point. */
const APART = 2;

function placeOf({ x, y }: LabelledPoint, box: Box, radius: number): LabelPlace {
  const place = { x: box.left, y: (box.top + box.bottom) / 2 };
  const near = {
    x: Math.max(box.left, Math.min(box.right, x)),
    y: Math.max(box.top, Math.min(box.bottom, y)),
  };
  return Math.hypot(near.x - x, near.y - y) > APART * radius ? { ...place, leader: near } : place;
}

function boxAround(x: number, y: number, radius: number): Box {
  return { left: x - radius, right: x + radius, top: y - radius, bottom: y + radius };
}

function labelBox(
  point: LabelledPoint,
  { dx, dy }: { readonly dx: number; readonly dy: number },
  width: number,
  { fontSize, radius }: LabelArea,
): Box {
  const height = fontSize * 1.1;
  const x = point.x + dx * radius - (dx > 0 ? 0 : dx < 0 ? width : width / 2);
  const y = point.y + dy * radius - (dy > 0 ? 0 : dy < 0 ? height : height / 2);
  return { left: x, right: x + width, top: y, bottom: y + height };
}

function overlap(a: Box, b: Box): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}
