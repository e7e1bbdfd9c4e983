import { listFolder } from './folder.ts';
import type { ClassName, ListedImage, Listener } from './kinds.ts';
import { classesOf, labelled } from './labelled.ts';
import { listList } from './list.ts';
import { listParquet } from './parquet.ts';
import { type Choice, type Root, rootsOf } from './roots.ts';
import { listTar } from './webdataset.ts';

export type { ClassName, ListedImage, Listener, OnIgnored } from './kinds.ts';
export { filesInList } from './list.ts';
export type { Format } from './roots.ts';
export { besideTruth } from './truth.ts';

/** What is to be listed. */
export interface Source extends Choice {
  /** Absolute path of a file that holds the images' labels. */
  readonly labels?: string | undefined;
}

const NOTHING: Listener = { ignored: () => {}, classes: () => {}, warn: () => {} };

/**
 * Lists the images of a data set, in no particular order. `paths` are absolute: folders, tars, Parquet files, lists or
 * single images. Paths within the data set: in a single folder or list, relative to it; in a tar, `TARNAME/MEMBER`; in a
 * Parquet file, `FILE/ROW`; in one of several folders, `FOLDERNAME/…`. Where two roots have the same name, their paths
 * relative to their common folder take its place.
 * Throws a UserError when a path doesn't exist, isn't a data set, or can't be listed.
 */
export async function* listImages(
  paths: readonly string[],
  source: Source,
  listener: Partial<Listener> = {},
): AsyncGenerator<ListedImage, void, undefined> {
  const told = { ...NOTHING, ...listener };
  const roots = await rootsOf(paths, source);
  const labels = new Set<string>();
  let numbered: readonly ClassName[] | undefined;
  const classes: Listener['classes'] = (found, file) => {
    numbered ??= found;
    told.classes(found, file);
  };
  for (const root of roots) {
    const images = labelled(
      imagesOf(root, source, { ...told, classes }),
      root,
      source.labels,
      source.format === 'imagenet',
      told,
    );
    for await (const image of images) {
      if (image.label !== null) labels.add(image.label);
      yield image;
    }
  }
  const sorted = numbered ? [] : await classesOf(roots[0]!, labels);
  if (sorted.length > 0) told.classes(sorted, roots[0]!.path);
}

function imagesOf(
  { kind, path, name }: Root,
  { columns }: Source,
  listener: Listener,
): AsyncIterable<ListedImage> {
  if (kind === 'tar') return listTar(path, name, listener.ignored);
  if (kind === 'folder') return listFolder(path, name, listener.ignored);
  if (kind === 'parquet') return listParquet(path, name, columns, listener);
  if (kind === 'list') return listList(path, name, columns);
  return one({ path: name, label: null, file: path, offset: 0, bytes: undefined });
}

async function* one(image: ListedImage): AsyncGenerator<ListedImage> {
  yield image;
}
