import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';

const params = z.strictObject({
  similarity: z
    .enum(['cosine', 'squared-euclidean'])
    .meta({ description: 'How the embeddings of two images are compared.' }),
});
export type Params = z.infer<typeof params>;

export default defineStage<Params>({
  summary: 'Compare the queries of every task with its explanations',
  params,
  inputs: { images: { take: 'each' }, explanations: { take: 'one' }, embeddings: { take: 'each' } },
  outputs: { margins: { kind: 'file', what: 'Four similarities and the margin of every task (Arrow)' } },
  async run(task) {
    const { computeSimilarity } = await import('./run.ts');
    await computeSimilarity(task);
  },
});
