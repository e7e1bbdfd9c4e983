import type { ActivationLayer } from '../../tables/activations.ts';
import type { UnitStats } from '../../tables/unit-stats.ts';

/** A unit whose activations span less than this over all images is constant [MIS]. */
export const CONSTANT = 1e-8;

/** Where the units of a model stand: layer by layer in execution order, and the table of them, to be filled. */
export interface UnitTable {
  readonly stats: UnitStats;
  /** Fills in the statistics of the unit with this row. */
  set(row: number, statistics: { min: number; max: number; mean: number; sd: number }): void;
}

/**
 * The table of all units of the layers (given in execution order), without their statistics. Directions in a layer's space
 * have the depth of the layer that they read, and their number over the units of the model's widest layer as relative
 * width; depth and width of the model's own layers are what they are without them.
 */
export function unitTable(layers: readonly ActivationLayer[]): UnitTable {
  const count = layers.reduce((sum, layer) => sum + layer.units, 0);
  const own = layers.filter(({ type }) => type !== 'direction');
  const widest = own.reduce((most, layer) => Math.max(most, layer.units), 0);
  const stats = {
    count,
    layer: new Array<string>(count),
    layer_type: new Array<string>(count),
    depth: new Int32Array(count),
    relative_depth: new Float64Array(count),
    width: new Int32Array(count),
    relative_width: new Float64Array(count),
    unit: new Int32Array(count),
    constant: new Array<boolean>(count).fill(true),
    activation_min: new Float64Array(count),
    activation_max: new Float64Array(count),
    activation_mean: new Float64Array(count),
    activation_sd: new Float64Array(count),
  };
  let row = 0;
  for (const layer of layers) {
    const depth = layer.type === 'direction' ? layer.depth : own.indexOf(layer);
    for (let unit = 0; unit < layer.units; unit++, row++) {
      stats.layer[row] = layer.name;
      stats.layer_type[row] = layer.type;
      stats.depth[row] = depth;
      stats.relative_depth[row] = own.length > 1 ? depth / (own.length - 1) : 0;
      stats.width[row] = layer.units;
      stats.relative_width[row] = layer.units / widest;
      stats.unit[row] = unit;
    }
  }
  return {
    stats,
    set(at, { min, max, mean, sd }) {
      stats.constant[at] = max - min < CONSTANT;
      stats.activation_min[at] = min;
      stats.activation_max[at] = max;
      stats.activation_mean[at] = mean;
      stats.activation_sd[at] = sd;
    },
  };
}
