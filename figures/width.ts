import { curveFigure } from './curves.ts';
import type { Figure } from './figure.ts';

/** Mean MIS against relative width, a curve for each layer type ([MIS] figure 6). */
export const width: Figure = {
  name: 'width',
  title: 'Width of the layer',
  make(data) {
    return curveFigure(data, 'relative_width', {
      title: this.title,
      axis: 'Relative width: units of the layer over those of the widest',
      definition: "relative width (a layer's number of units over that of its model's widest layer)",
    });
  },
};
