import { z } from 'zod';
import { defineStage } from '../../engine/stage.ts';
import { preprocessSchema } from '../../vision/images/preprocess-spec.ts';
import { decoderVersions } from '../../vision/images/versions.ts';
import { runtimeEnvironment } from '../../vision/onnx/environment.ts';

const params = z.strictObject({
  output: z.string().min(1).default('auto').meta({
    description:
      'Output that is the embedding: its name, or auto (the only one of two axes, [images, D]). Pairwise: the similarity.',
  }),
  preprocess: preprocessSchema
    .default({})
    .meta({ description: 'What is done to images, as in timm and torchvision.' }),
  orientation: z.enum(['apply', 'ignore']).default('apply').meta({
    description: 'apply: turn images upright by EXIF; ignore: as stored.',
  }),
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
    model: {
      by: 'content',
      what: 'ONNX model of the encoder',
      async also(path) {
        const { externalFiles } = await import('../../vision/onnx/model.ts');
        return externalFiles(path);
      },
    },
  },
  inputs: { images: { take: 'one' }, places: { take: 'one', counts: false } },
  outputs: { embeddings: { kind: 'file', what: 'Embedding of every image (Arrow)' } },
  environment: () => ({ ...runtimeEnvironment(), ...decoderVersions() }),
  async run(task) {
    const { embedImages } = await import('./embed.ts');
    await embedImages(task);
  },
});
