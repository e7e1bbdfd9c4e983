import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';
import { imageParams } from '../../vision/images/params.ts';
import { decoderVersions } from '../../vision/images/versions.ts';
import { runtimeEnvironment } from '../../vision/onnx/environment.ts';
import { modelFile } from '../../vision/onnx/model-file.ts';
import { inferenceParams, UNCOUNTED } from '../../vision/onnx/params.ts';

const params = z.strictObject({
  output: z.string().min(1).default('auto').meta({
    description:
      'Output that is the embedding: its name, or auto (the only one of two axes, [images, D]). Pairwise: the similarity.',
  }),
  ...imageParams,
  ...inferenceParams,
});
export type Params = z.infer<typeof params>;

/** Runs one encoder over one shard of the images: their embeddings, from which similarities are computed. */
export default defineStage<Params>({
  summary: 'Embed images with an encoder of perceptual similarity',
  params,
  files: {
    model: modelFile('ONNX model of the encoder'),
  },
  inputs: { images: { take: 'one' }, places: { take: 'one', counts: false } },
  outputs: { embeddings: { kind: 'file', what: 'Embedding of every image (Arrow)' } },
  uncounted: UNCOUNTED,
  environment: (given) => ({ ...runtimeEnvironment(given), ...decoderVersions() }),
  async resources(given) {
    const { inferenceNeeds } = await import('../../vision/onnx/needs.ts');
    return inferenceNeeds(given);
  },
  async run(task) {
    const { embedImages } = await import('./embed.ts');
    await embedImages(task);
  },
});
