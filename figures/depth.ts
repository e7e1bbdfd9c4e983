import { curveFigure } from './curves.ts';
import type { Figure } from './figure.ts';

/** Mean MIS against relative depth, a curve for each layer type ([MIS] figure 6). */
export const depth: Figure = {
  name: 'depth',
  title: 'Depth in the network',
  make(data) {
    return curveFigure(data, 'relative_depth', {
      title: this.title,
      axis: 'Relative depth: 0 first scored layer, 1 last',
      definition:
        "relative depth (a layer's index among its model's scored layers, in execution order, over their number − 1)",
    });
  },
};
