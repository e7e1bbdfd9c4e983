import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';
import { similaritySchema } from '../../vision/similarity.ts';

const params = z.strictObject({
  similarity: similaritySchema,
  sample: z.int().min(1).optional().meta({
    description: 'Units of each model to compare, drawn layer first; by default all.',
  }),
  seed: z.int().default(0).meta({ description: 'Seed of the sample.' }),
});
export type Params = z.infer<typeof params>;

export default defineStage<Params>({
  summary: 'Compare the queries of every task with its explanations',
  params,
  inputs: {
    images: { take: 'each' },
    explanations: { take: 'one' },
    'unit-stats': { take: 'one', optional: true },
    embeddings: { take: 'each' },
  },
  outputs: { margins: { kind: 'file', what: 'Four similarities and the margin of every task (Arrow)' } },
  async run(task) {
    const { computeSimilarity } = await import('./run.ts');
    await computeSimilarity(task);
  },
});
