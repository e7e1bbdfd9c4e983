import { z } from 'zod';
import { UserError } from '../../common/errors.ts';
import { type Difficulty, queryRank } from '../../tables/difficulty.ts';

/** Parameters that say how much of the activations is kept; n, k and difficulty tell what selection will ask for. */
export const keptParams = {
  store: z.enum(['full', 'extremes']).default('full').meta({
    description:
      'Keep every activation, or only what selection can need: images at either end of every unit’s order.',
  }),
  depth: z.int().min(1).optional().meta({
    description:
      'With `extremes`: images kept from either end; by default the n · (k + 1) that easy tasks need.',
  }),
  n: z.int().min(1).optional().meta({ description: 'Tasks a unit (N).' }),
  k: z.int().min(1).optional().meta({ description: 'Explanation images a side and task (K).' }),
  difficulty: z
    .union([z.enum(['easy', 'medium', 'hard', 'very-hard']), z.number().gt(0).lt(0.5)])
    .optional()
    .meta({
      description: 'Where the queries stand: next to the explanations, or below a share of the data set.',
    }),
};

type Kept = { readonly [key in keyof typeof keptParams]?: z.infer<(typeof keptParams)[key]> | undefined };

/**
 * The parameters without those that don't count. A full store depends on no setting of the tasks; one of extremes on its
 * depth alone. Where the depth can't do, the settings stay, so that the task can say so: see `depthOf`.
 */
export function counting<T extends Kept>(params: T): Omit<T, keyof Kept> & Kept {
  const { store, depth, n, k, difficulty, ...rest } = params;
  if (store === 'full') return rest;
  const enough = depth ?? (difficulty === 'easy' ? needed(n, k) : undefined);
  if (enough !== undefined && enough >= (needed(n, k) ?? 0)) return { ...rest, depth: enough };
  const given = Object.entries({ store, depth, n, k, difficulty }).filter(([, value]) => value !== undefined);
  return { ...rest, ...Object.fromEntries(given) };
}

const needed = (n: number | undefined, k: number | undefined): number | undefined =>
  n === undefined || k === undefined ? undefined : n * (k + 1);

/**
 * How many images are kept from either end of every unit's order; undefined where all are. Throws a UserError where the
 * tasks need others, as far as that can be known before the images are counted.
 */
export function depthOf({ store, depth, n, k, difficulty }: Kept): number | undefined {
  if (store === undefined) return depth;
  const least = needed(n, k);
  const otherwise = 'or keep all activations with `inference.store: full`.';
  if (depth !== undefined && least !== undefined)
    throw new UserError(
      `With inference.store: extremes only the inference.depth = ${depth} first images from either end of every unit's ` +
        `order would be kept, and n = ${n} tasks with k = ${k} explanation images need n · (k + 1) = ${least} of them. ` +
        `Raise it to ${least}, ${otherwise}`,
    );
  const rank = (images: number) => queryRank(difficulty ?? 'easy', images) ?? 0;
  throw new UserError(
    `With inference.store: extremes and difficulty ${difficulty}, how many images a unit's tasks need from either end of ` +
      `its order depends on the size of the data set: ${shareOf(difficulty ?? 'easy')} of its images, rounded down, and n = ${n} ` +
      `(${rank(IMAGENET) + (n ?? 0)} for the ${IMAGENET} training images of ImageNet). Say it as \`inference.depth\`, ${otherwise}`,
  );
}

/** Number of ImageNet's training images. */
const IMAGENET = 1_281_167;

const shareOf = (difficulty: Difficulty): string =>
  `${+((100 * (queryRank(difficulty, 1e9) ?? 0)) / 1e9).toFixed(6)} %`;
