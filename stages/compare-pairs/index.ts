import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';
import { imageParams } from '../../vision/images/params.ts';
import { decoderVersions } from '../../vision/images/versions.ts';
import { runtimeEnvironment } from '../../vision/onnx/environment.ts';
import { modelFile } from '../../vision/onnx/model-file.ts';
import { inferenceParams, UNCOUNTED } from '../../vision/onnx/params.ts';

const params = z.strictObject({
  inputs: z
    .tuple([z.string().min(1), z.string().min(1)])
    .optional()
    .meta({
      description:
        'Pairwise: inputs that take a query and an explanation; by default the two, in their order.',
    }),
  output: z.string().min(1).default('auto').meta({
    description: 'Output that is the similarity of a pair: its name, or auto (the only one).',
  }),
  distance: z.boolean().default(false).meta({
    description: 'Pairwise: true where the model puts out a distance; f is then its negative.',
  }),
  sample: z.int().min(1).optional().meta({
    description: 'Units of each model to compare, drawn layer first; by default all.',
  }),
  seed: z.int().meta({ description: 'Seed of the sample.' }),
  ...imageParams,
  ...inferenceParams,
});
export type Params = z.infer<typeof params>;

/**
 * Compares the queries of a model's tasks with their explanations by an encoder that sees both images at once. Unlike
 * with embeddings every pair is visited, 4 K a task, so a sample of the units may be asked for.
 */
export default defineStage<Params>({
  summary: 'Compare queries and explanations pair by pair (pairwise encoders)',
  params,
  files: {
    model: modelFile('ONNX model of the encoder'),
  },
  inputs: {
    images: { take: 'each' },
    places: { take: 'each', counts: false },
    explanations: { take: 'one' },
    'unit-stats': { take: 'one' },
  },
  outputs: { margins: { kind: 'file', what: 'Four similarities and the margin of every task (Arrow)' } },
  uncounted: UNCOUNTED,
  environment: (given) => ({ ...runtimeEnvironment(given), ...decoderVersions() }),
  async resources(given) {
    const { inferenceNeeds } = await import('../../vision/onnx/needs.ts');
    return inferenceNeeds(given);
  },
  async run(task) {
    const { comparePairs } = await import('./run.ts');
    await comparePairs(task);
  },
});
