import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';

const params = z.strictObject({
  n: z.int().min(1).meta({ description: 'Tasks a unit (N).' }),
  k: z.int().min(1).meta({ description: 'Explanation images a side and task (K).' }),
  difficulty: z.union([z.enum(['easy', 'medium', 'hard', 'very-hard']), z.number().gt(0).lt(0.5)]).meta({
    description: 'Where the queries stand: next to the explanations, or below a share of the data set.',
  }),
  seed: z.int().meta({ description: 'Seed of the shuffles.' }),
});
export type Params = z.infer<typeof params>;

export default defineStage<Params>({
  summary: 'Choose query and explanation images for every unit',
  params,
  inputs: { images: { take: 'each' }, activations: { take: 'each' } },
  outputs: {
    explanations: { kind: 'file', what: 'Images of every task of every unit (Arrow)' },
    extremes: { kind: 'file', what: 'Most and least activating images of every unit (Arrow)' },
    'unit-stats': { kind: 'file', what: 'Place and activation statistics of every unit (Arrow)' },
  },
  async run(task) {
    const { selectExplanations } = await import('./run.ts');
    await selectExplanations(task);
  },
});
