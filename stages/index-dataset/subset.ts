import { createHash } from 'node:crypto';
import { UserError } from '../../common/errors.ts';
import type { ListedImage } from '../../vision/images/sources/index.ts';
import type { Params } from './index.ts';

type Subset = NonNullable<Params['subset']>;

/**
 * The images of a subset, in the order given: those of the `classes`, of these a `sample`, of these the first `limit`.
 * `images` are sorted by path. The sample holds the n images whose SHA-256 of `SEED PATH` is lowest, so that whether an
 * image is in it depends on its own path and a threshold that hardly moves when images are added.
 * Throws a UserError for a class that no image has.
 */
export function subsetOf(images: readonly ListedImage[], subset: Subset | undefined): readonly ListedImage[] {
  let chosen = images;
  if (subset?.classes) chosen = ofClasses(chosen, subset.classes);
  if (subset?.sample && subset.sample.n < chosen.length) chosen = sampleOf(chosen, subset.sample);
  return subset?.limit === undefined ? chosen : chosen.slice(0, subset.limit);
}

function ofClasses(images: readonly ListedImage[], classes: readonly string[]): ListedImage[] {
  const wanted = new Set(classes);
  const there = new Set(images.map(({ label }) => label));
  const missing = classes.find((label) => !there.has(label));
  if (missing !== undefined) {
    const some = [...there].filter((label) => label !== null).sort();
    const among =
      some.length > 0
        ? `Its labels: ${some.slice(0, 8).join(', ')}${some.length > 8 ? ', …' : ''}`
        : 'It has no labels';
    throw new UserError(
      `No image of the data set has the label "${missing}", which \`dataset.subset.classes\` names. ${among}.`,
    );
  }
  return images.filter(({ label }) => label !== null && wanted.has(label));
}

function sampleOf(
  images: readonly ListedImage[],
  { n, seed }: { readonly n: number; readonly seed: number },
): ListedImage[] {
  const keys = Float64Array.from(images, ({ path }) =>
    createHash('sha256').update(`${seed} ${path}`).digest().readUIntBE(0, 6),
  );
  const order = images.map((_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);
  return order
    .slice(0, n)
    .sort((a, b) => a - b)
    .map((i) => images[i]!);
}
