import { z } from 'zod';
import { preprocessSchema } from './preprocess-spec.ts';

/** Parameters of every stage that reads images for a network: what is done to them before. */
export const imageParams = {
  preprocess: preprocessSchema
    .default({})
    .meta({ description: 'What is done to images, as in timm and torchvision.' }),
  orientation: z.enum(['apply', 'ignore']).default('apply').meta({
    description: 'apply: turn images upright by EXIF; ignore: as stored.',
  }),
};
