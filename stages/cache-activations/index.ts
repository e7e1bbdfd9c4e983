import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';
import { imageParams } from '../../vision/images/params.ts';
import { decoderVersions } from '../../vision/images/versions.ts';
import { runtimeEnvironment } from '../../vision/onnx/environment.ts';
import { modelFile } from '../../vision/onnx/model-file.ts';
import { inferenceParams, UNCOUNTED } from '../../vision/onnx/params.ts';

const params = z.strictObject({
  layers: z.array(z.string().min(1)).min(1).default(['all']).meta({
    description: 'Layers to score: types (conv, linear, …), names, globs, `tensor:NAME@AXIS`, or all.',
  }),
  tokens: z.enum(['mean', 'cls']).default('mean').meta({
    description: 'What becomes of tokens [B, T, C]: their mean, or the first (class) token.',
  }),
  logits: z.string().min(1).default('auto').meta({
    description: 'Output with a score for each class: its name, none, or auto (the only one of two axes).',
  }),
  ...imageParams,
  ...inferenceParams,
});
export type Params = z.infer<typeof params>;

/**
 * Runs one model over one shard of the images, once: the pooled activation of every unit of the chosen layers, and from
 * the same pass the class predictions where the model has logits. `directions` names a YAML file that lists further units,
 * directions in the space of a layer such as the latents of a sparse autoencoder (see `directions.ts`).
 */
export default defineStage<Params>({
  summary: 'Run a model over images and keep the mean activation of every unit',
  params,
  files: {
    model: modelFile('ONNX model'),
    directions: {
      by: 'content',
      what: 'YAML file of directions',
      optional: true,
      async also(path) {
        const { directionFiles } = await import('./directions.ts');
        return directionFiles(path);
      },
    },
  },
  inputs: { images: { take: 'one' }, places: { take: 'one', counts: false } },
  outputs: {
    activations: {
      kind: 'file',
      what: 'Mean activation of every unit on every image, a column a layer (Arrow)',
    },
    predictions: { kind: 'file', what: 'Best five classes of every image (Arrow)', optional: true },
  },
  uncounted: UNCOUNTED,
  environment: (given) => ({ ...runtimeEnvironment(given), ...decoderVersions() }),
  async resources(given) {
    const { inferenceNeeds } = await import('../../vision/onnx/needs.ts');
    return inferenceNeeds(given);
  },
  async run(task) {
    const { cacheActivations } = await import('./cache.ts');
    await cacheActivations(task);
  },
});
