import { z } from 'zod';

/**
 * How an encoder compares two images. `cosine` and `squared-euclidean` compare embeddings: f(a, b) = cos(a, b), or
 * −‖a − b‖². `pairwise`: a model of two images puts f out itself.
 */
export const similaritySchema = z.enum(['cosine', 'squared-euclidean', 'pairwise']).meta({
  description:
    'How two images are compared: embeddings by cosine or squared Euclidean distance, or pairwise.',
});
