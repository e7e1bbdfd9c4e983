import { readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';
import { isImageName } from './kinds.ts';

/** `auto`: a folder is an ImageFolder unless it holds tars and nothing else to look at; a `.tar` is WebDataset. */
export type Format = 'auto' | 'folder' | 'webdataset';

/** A place that images are listed from. */
export interface Root {
  readonly path: string;
  readonly kind: 'folder' | 'tar' | 'image';
  /** What the paths of its images begin with; empty for the only folder of a data set. */
  readonly name: string;
}

/**
 * What lies at the paths of a data set, each once. Throws a UserError when a path doesn't exist or is no data set.
 */
export async function rootsOf(paths: readonly string[], format: Format): Promise<Root[]> {
  const found: Omit<Root, 'name'>[] = [];
  for (const path of new Set(paths)) found.push(...(await rootsAt(path, format)));
  if (found.length === 1 && found[0]!.kind === 'folder') return [{ ...found[0]!, name: '' }];
  const names = namesOf(found.map((root) => root.path));
  return found.map((root, i) => ({ ...root, name: names[i]! }));
}

/**
 * Names for roots: the file or folder name of each, or where two are the same, the paths relative to the folder that all
 * have in common.
 */
export function namesOf(roots: readonly string[]): string[] {
  const short = roots.map((root) => basename(root));
  if (new Set(short).size === roots.length) return short;
  const parts = roots.map((root) => root.split('/'));
  let common = 0;
  while (parts.every((path) => path.length > common + 1 && path[common] === parts[0]![common])) common++;
  return parts.map((path) => path.slice(common).join('/'));
}

/** What lies at one path: one root, or the tars of a folder of tars. */
async function rootsAt(path: string, format: Format): Promise<Omit<Root, 'name'>[]> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? "doesn't exist" : `can't be read (${error.code})`;
    throw new UserError(`The data set's path ${shownPath(path)} ${why}. Correct \`dataset.path\`.`);
  });
  if (info.isDirectory()) {
    const tars = format === 'folder' ? [] : await tarsIn(path, format);
    if (tars.length > 0) return tars.map((name) => ({ path: `${path}/${name}`, kind: 'tar' as const }));
    if (format !== 'webdataset') return [{ path, kind: 'folder' }];
    throw new UserError(
      `There is no .tar file in ${shownPath(path)}, but \`dataset.format\` is webdataset. Give the tars, or \`format: folder\`.`,
    );
  }
  const looksLikeTar = /\.(tar|tgz)$|\.tar\.\w+$/i.test(path);
  if (format === 'webdataset' || (format === 'auto' && looksLikeTar)) return [{ path, kind: 'tar' }];
  if (isImageName(basename(path))) return [{ path, kind: 'image' }];
  throw new UserError(
    `${shownPath(path)} is no data set: neither a folder of images, nor a .tar, nor an image. Correct \`dataset.path\`${format === 'folder' ? ' or `dataset.format`' : ''}.`,
  );
}

/** Names of the tars directly in a folder; for `auto` none when it holds folders or images beside them. */
async function tarsIn(folder: string, format: Format): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The folder ${shownPath(folder)} can't be read (${error.code}).`);
  });
  const others = entries.some((entry) => entry.isDirectory() || isImageName(entry.name));
  if (format === 'auto' && others) return [];
  const names = entries.filter((entry) => !entry.isDirectory()).map((entry) => entry.name);
  return names.filter((name) => /\.tar$/i.test(name)).sort();
}
