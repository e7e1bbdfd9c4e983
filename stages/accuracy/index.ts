import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';

const params = z.strictObject({
  classes: z.array(z.string()).min(1).optional().meta({
    description:
      "Names of the classes as the labels tell them, in the order of the logits; by default the data set's own.",
  }),
  checkpoint: z
    .strictObject({
      run: z.string().min(1).meta({ description: 'Name of the training run.' }),
      epoch: z.number().min(0).meta({ description: 'Epochs of training so far; 0 for the initial weights.' }),
    })
    .optional()
    .meta({ description: 'Which state of a training run the model is; told with its accuracy.' }),
});
export type Params = z.infer<typeof params>;

export default defineStage<Params>({
  summary: 'Share of images that the model classifies rightly',
  params,
  inputs: {
    images: { take: 'each' },
    predictions: { take: 'each', optional: true },
    classes: { take: 'one', optional: true },
  },
  outputs: {
    accuracy: {
      kind: 'file',
      what: 'Top-1 and top-5 accuracy, number of labelled images, state of training (JSON)',
    },
  },
  async run(task) {
    const { measureAccuracy } = await import('./run.ts');
    await measureAccuracy(task);
  },
});
