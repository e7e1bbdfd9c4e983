import { existsSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';
import type { ClassName, ListedImage, Listener } from './kinds.ts';
import type { Root } from './roots.ts';
import {
  FLAT_IMAGENET,
  readSynsets,
  readTruth,
  SYNSET,
  SYNSET_FILES,
  TRUTH_FILES,
  type Truth,
} from './truth.ts';

/**
 * Gives the images of a folder the labels that stand in a file: in `labels` where it is given; else, for the images of
 * ImageNet's flat validation folder, in its ground truth where that lies in the folder or above it within the data set.
 * With `must`, flat images without ground truth are an error; else they have no label, and that is told.
 */
export async function* labelled(
  images: AsyncIterable<ListedImage>,
  root: Pick<Root, 'path' | 'above'>,
  labels: string | undefined,
  must: boolean,
  listener: Listener,
): AsyncGenerator<ListedImage, void, undefined> {
  let truth: Truth | undefined = labels === undefined ? undefined : await readTruth(labels);
  let looked = truth !== undefined;
  let missing = 0;
  let firstMissing = '';
  for await (const image of images) {
    const flat = image.label === null && FLAT_IMAGENET.test(basename(image.path));
    if (flat && !looked) {
      looked = true;
      const file = find(root, TRUTH_FILES);
      if (file) truth = await readTruth(file);
      else if (must) throw noTruth(root.path);
    }
    const label = truth?.labelOf(image.path);
    if (label === undefined && image.label === null && (flat || labels !== undefined) && missing++ === 0) {
      firstMissing = image.path;
    }
    yield label === undefined ? image : { ...image, label };
  }
  if (missing > 0) {
    const why = truth
      ? 'the file of labels does not name them'
      : `put LOC_val_solution.csv or the development kit into ${shownPath(root.above)}, or name it in \`dataset.labels\``;
    listener.warn(
      `${missing} image${missing === 1 ? ' has' : 's have'} no label, the first: ${shownPath(firstMissing)}; ${why}.`,
    );
  }
}

/**
 * The classes of a folder in the order of their numbers: for ImageNet that of a file of synsets where there is one; else the
 * names of its labels, sorted (the rule of ImageFolder). None where labels are numbers, which say themselves which class.
 */
export async function classesOf(
  root: Pick<Root, 'path' | 'above'>,
  labels: Iterable<string>,
): Promise<ClassName[]> {
  const sorted = [...new Set(labels)].sort();
  if (sorted.every((label) => /^\d+$/.test(label))) return [];
  if (!sorted.every((label) => SYNSET.test(label))) return sorted.map((label) => ({ label }));
  const file = find(root, SYNSET_FILES);
  const named = file ? await readSynsets(file) : [];
  const known = new Set(named.map(({ label }) => label));
  return sorted.every((label) => known.has(label)) ? named : sorted.map((label) => ({ label }));
}

/** The first of the files that lies in the root, or above it as far as the data set's path reaches. */
function find({ path, above }: Pick<Root, 'path' | 'above'>, names: readonly string[]): string | undefined {
  for (let folder = path; ; folder = dirname(folder)) {
    const found = names.map((name) => join(folder, name)).find((file) => existsSync(file));
    if (found !== undefined) return found;
    if (folder === above || folder === dirname(folder)) return undefined;
  }
}

function noTruth(folder: string): UserError {
  return new UserError(
    `The classes of ImageNet's validation images in ${shownPath(folder)} are not known: their ground truth is missing. Put LOC_val_solution.csv (from Kaggle) or the development kit (ILSVRC2012_devkit_t12) into the data set's folder, or name the file in \`dataset.labels\`.`,
  );
}
