import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';
import { imageParams } from '../../vision/images/params.ts';
import { decoderVersions } from '../../vision/images/versions.ts';
import { runtimeEnvironment } from '../../vision/onnx/environment.ts';
import { modelFile } from '../../vision/onnx/model-file.ts';

const params = z.strictObject({
  output: z.string().min(1).default('auto').meta({
    description:
      'Output that is the embedding: its name, or auto (the only one of two axes, [images, D]). Pairwise: the similarity.',
  }),
  ...imageParams,
  batch: z.int().min(1).max(4096).optional().meta({
    description: 'Images run together; by default what the image size suggests. Results do not depend on it.',
  }),
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
  environment: () => ({ ...runtimeEnvironment(), ...decoderVersions() }),
  async run(task) {
    const { embedImages } = await import('./embed.ts');
    await embedImages(task);
  },
});
