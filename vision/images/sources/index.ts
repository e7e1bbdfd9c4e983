import { listFolder } from './folder.ts';
import type { ListedImage, OnIgnored } from './kinds.ts';
import { type Format, rootsOf } from './roots.ts';
import { listTar } from './webdataset.ts';

export type { ListedImage, OnIgnored } from './kinds.ts';
export type { Format } from './roots.ts';

/**
 * Lists the images of a data set, in no particular order. `paths` are absolute: folders, tars or single images.
 * Paths within the data set: in a single folder, relative to it; in a tar, `TARNAME/MEMBER`; in one of several folders,
 * `FOLDERNAME/…`. Where two roots have the same name, their paths relative to their common folder take its place.
 * Throws a UserError when a path doesn't exist, isn't a data set, or can't be listed.
 */
export async function* listImages(
  paths: readonly string[],
  format: Format,
  onIgnored: OnIgnored = () => {},
): AsyncGenerator<ListedImage, void, undefined> {
  for (const { path, kind, name } of await rootsOf(paths, format)) {
    if (kind === 'tar') yield* listTar(path, name, onIgnored);
    else if (kind === 'folder') yield* listFolder(path, name, onIgnored);
    else yield { path: name, label: null, file: path, offset: 0, bytes: undefined };
  }
}
