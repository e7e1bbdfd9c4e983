import { createHash } from 'node:crypto';
import { UserError } from '../../common/errors.ts';
import type { Params } from './index.ts';
import type { Listing } from './listing.ts';

type Subset = NonNullable<Params['subset']>;

/**
 * Positions of the images of a subset, ascending: those of the `classes`, of these a `sample`, of these the first `limit`.
 * The sample holds the n images whose SHA-256 of `SEED PATH` is lowest, so that whether an
 * image is in it depends on its own path and a threshold that hardly moves when images are added.
 * Throws a UserError for a class that no image has.
 */
export function subsetOf(images: Listing, subset: Subset | undefined): Int32Array {
  let chosen = new Int32Array(images.length).map((_, position) => position);
  if (subset?.classes) chosen = ofClasses(images, chosen, subset.classes);
  if (subset?.sample && subset.sample.n < chosen.length) chosen = sampleOf(images, chosen, subset.sample);
  return subset?.limit === undefined ? chosen : chosen.subarray(0, subset.limit);
}

function ofClasses(images: Listing, chosen: Int32Array, classes: readonly string[]): Int32Array<ArrayBuffer> {
  const wanted = new Set(classes);
  const there = new Set<string | null>();
  for (const position of chosen) there.add(images.label(position));
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
  return chosen.filter((position) => {
    const label = images.label(position);
    return label !== null && wanted.has(label);
  });
}

function sampleOf(
  images: Listing,
  chosen: Int32Array,
  { n, seed }: { readonly n: number; readonly seed: number },
): Int32Array<ArrayBuffer> {
  const keys = Float64Array.from(chosen, (position) =>
    createHash('sha256')
      .update(`${seed} ${images.path(position)}`)
      .digest()
      .readUIntBE(0, 6),
  );
  const order = chosen.map((_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);
  return order
    .slice(0, n)
    .sort()
    .map((i) => chosen[i]!);
}
