import { type Domain, decimals, domainOf, fixedScale } from './axes.ts';
import { type LabelledPoint, placeLabels } from './labels.ts';
import { FAINT, WIDTH } from './theme.ts';

/** A labelled point of a scatter plot in the units of its axes, with the ends of its interval in y. */
export interface ScatterPoint {
  readonly x: number;
  readonly y: number;
  readonly low: number;
  readonly high: number;
  readonly label: string;
  readonly needed?: boolean;
}

/** Axes that hold all points and their intervals, and labels as rows of a layer of text. */
export interface Scatter {
  readonly x: Domain;
  readonly y: Domain;
  /** In the units of the axes: `label_x`, `label_y`: where the text starts and its middle; `label`. */
  readonly labels: readonly object[];
  /** Lines from points to labels that stand apart: `x`, `y`, `to_x`, `to_y`. */
  readonly leaders: readonly object[];
  readonly fontSize: number;
}

const LIMIT = 170;

/** Lays out the axes and labels of a plot of `WIDTH` × `height` pixels whose x are shares. */
export function scatter(points: readonly ScatterPoint[], height: number, fontSize = 12): Scatter {
  const wide = domainOf(
    points.map((point) => point.x),
    0.08,
  );
  const x = { ...wide, low: Math.max(0, wide.low), high: Math.min(1, wide.high) };
  const y = domainOf(
    points.flatMap((point) => [point.low, point.high]),
    0.02,
  );
  const [right, down] = [WIDTH / (x.high - x.low), height / (y.high - y.low)];
  const top = (value: number): number => (y.high - value) * down;
  const inPixels = points.map(
    (point): LabelledPoint => ({
      x: (point.x - x.low) * right,
      y: top(point.y),
      text: point.label,
      needed: point.needed === true,
    }),
  );
  const whiskers = points.map((point, i) => ({
    x: inPixels[i]!.x,
    top: top(point.high),
    bottom: top(point.low),
  }));
  const area = { width: WIDTH, height, fontSize, radius: 6, limit: LIMIT, whiskers };
  const places = placeLabels(inPixels, area);
  const inUnits = (place: { x: number; y: number }) => ({
    x: x.low + place.x / right,
    y: y.high - place.y / down,
  });
  const labels = places.flatMap((place, i) => {
    if (!place) return [];
    const at = inUnits(place);
    return [{ label: points[i]!.label, label_x: at.x, label_y: at.y }];
  });
  const leaders = places.flatMap((place, i) => {
    if (!place?.leader) return [];
    const to = inUnits(place.leader);
    return [{ x: points[i]!.x, y: points[i]!.y, to_x: to.x, to_y: to.y }];
  });
  return { x, y, labels, leaders, fontSize };
}

/** The scale and axis of one side of the plot. */
export function scatterAxis(domain: Domain, title: string, percent = false): object {
  const digits = decimals(domain.step, percent);
  return {
    type: 'quantitative',
    title,
    scale: fixedScale(domain),
    axis: { format: `.${digits}${percent ? '%' : 'f'}`, tickCount: 6 },
  };
}

/** The layers that draw the labels and their lines; none without any. */
export function labelLayers({ labels, leaders, fontSize }: Scatter, x: object, y: object): object[] {
  const lines = {
    data: { values: leaders },
    mark: { type: 'rule', strokeWidth: 0.75, color: FAINT, opacity: 0.7 },
    encoding: {
      x: { ...x, field: 'x' },
      y: { ...y, field: 'y' },
      x2: { field: 'to_x' },
      y2: { field: 'to_y' },
    },
  };
  const texts = {
    data: { values: labels },
    mark: { type: 'text', align: 'left', baseline: 'middle', limit: LIMIT, fontSize },
    encoding: {
      x: { ...x, field: 'label_x' },
      y: { ...y, field: 'label_y' },
      text: { field: 'label', type: 'nominal' },
    },
  };
  return [...(leaders.length > 0 ? [lines] : []), ...(labels.length > 0 ? [texts] : [])];
}
