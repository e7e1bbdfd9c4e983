import { accuracy } from './accuracy.ts';
import { constantUnits } from './constant-units.ts';
import { depth } from './depth.ts';
import { distributions } from './distributions.ts';
import type { Figure } from './figure.ts';
import { layerTypes } from './layer-types.ts';
import { modelRanking } from './model-ranking.ts';
import { tasks } from './tasks.ts';
import { width } from './width.ts';

/** Every figure, in the order in which the report shows them. A new figure is a new file and a line here. */
export const FIGURES: readonly Figure[] = [
  modelRanking,
  accuracy,
  distributions,
  constantUnits,
  layerTypes,
  depth,
  width,
  tasks,
];
