import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';
import { similaritySchema } from '../../vision/similarity.ts';

const params = z.strictObject({
  similarity: similaritySchema,
  alpha: z
    .number()
    .positive()
    .meta({ description: 'Scale of the margins; it belongs to the similarity function.' }),
  'alpha-role': z
    .enum(['temperature', 'factor'])
    .default('temperature')
    .meta({ description: 'Whether margins are divided by alpha or multiplied with it.' }),
  bootstrap: z.int().min(1).default(1000).meta({ description: 'Resamples of the interval of a unit.' }),
  seed: z.int().meta({ description: 'Seed of the bootstrap.' }),
});
export type Params = z.infer<typeof params>;

export default defineStage<Params>({
  summary: 'Score every unit (MIS) from the margins of its tasks',
  params,
  inputs: { explanations: { take: 'one' }, 'unit-stats': { take: 'one' }, margins: { take: 'one' } },
  outputs: {
    units: { kind: 'file', what: 'Scores of every unit, or of the sampled ones (Arrow)' },
    tasks: { kind: 'file', what: 'Images, similarities and score of every task (Arrow)' },
  },
  async run(task) {
    const { scoreMis } = await import('./run.ts');
    await scoreMis(task);
  },
});
