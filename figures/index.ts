import { accuracy } from './accuracy.ts';
import { alpha } from './alpha.ts';
import { constantUnits } from './constant-units.ts';
import { depth } from './depth.ts';
import { difficulty } from './difficulty.ts';
import { distributions } from './distributions.ts';
import { explanations } from './explanations.ts';
import { extremes } from './extremes.ts';
import type { Figure } from './figure.ts';
import { AWAITED } from './human.ts';
import { layerTypes } from './layer-types.ts';
import { modelRanking } from './model-ranking.ts';
import { similarityFunctions } from './similarity-functions.ts';
import type { SweepData } from './sweep.ts';
import { taskCount } from './task-count.ts';
import { tasks } from './tasks.ts';
import { training } from './training.ts';
import { trainingLayers } from './training-layers.ts';
import { untrained } from './untrained.ts';
import { width } from './width.ts';

/** Every figure of the report, in the order in which it shows them. A new figure is a new file and a line here. */
export const FIGURES: readonly Figure[] = [
  modelRanking,
  accuracy,
  distributions,
  constantUnits,
  layerTypes,
  depth,
  width,
  untrained,
  training,
  trainingLayers,
  similarityFunctions,
  tasks,
  extremes,
];

/** Every figure of a sweep. */
export const SWEEP_FIGURES: readonly Figure<SweepData>[] = [taskCount, alpha, difficulty, explanations];

/** Names of all figures in the order of a whole report: those that await human answers first, sweeps before pictures. */
export const ORDER: readonly string[] = [
  ...AWAITED.map(({ name }) => name),
  ...FIGURES.slice(0, -2).map(({ name }) => name),
  ...SWEEP_FIGURES.map(({ name }) => name),
  ...FIGURES.slice(-2).map(({ name }) => name),
];
