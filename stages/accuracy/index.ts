import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';

const params = z.strictObject({
  classes: z
    .array(z.string())
    .min(1)
    .optional()
    .meta({ description: 'Names of the classes as the labels tell them, in the order of the logits.' }),
});
export type Params = z.infer<typeof params>;

export default defineStage<Params>({
  summary: 'Share of images that the model classifies rightly',
  params,
  inputs: { images: { take: 'each' }, predictions: { take: 'each', optional: true } },
  outputs: {
    accuracy: { kind: 'file', what: 'Top-1 and top-5 accuracy, and the number of labelled images (JSON)' },
  },
  async run(task) {
    const { measureAccuracy } = await import('./run.ts');
    await measureAccuracy(task);
  },
});
