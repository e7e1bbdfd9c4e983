import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';
import type { ColumnNames } from '../parquet/features.ts';
import { isImageName } from './kinds.ts';
import { isParquetList } from './list.ts';
import { chooseSplit, filesOfSplit, isOfSplit, isSplitFolder, noSplit, splitOf } from './splits.ts';

/**
 * `auto`: a folder is one of images unless it holds tars or Parquet files and no images; a file is what its name says.
 * `imagenet`: like `folder`, and the flat folder of validation images must have its ground truth.
 */
export type Format = 'auto' | 'folder' | 'webdataset' | 'parquet' | 'list' | 'imagenet';

/** What is to be listed of what lies at the paths. */
export interface Choice {
  readonly format: Format;
  /** Name of a split: a folder of that name, or the tars or Parquet files whose names tell it. */
  readonly split?: string | undefined;
  readonly columns: ColumnNames;
}

/** A place that images are listed from. */
export interface Root {
  readonly path: string;
  readonly kind: 'folder' | 'tar' | 'parquet' | 'list' | 'image';
  /** The path of the data set that it was found at: the folder itself, or one above. */
  readonly above: string;
  /** What the paths of its images begin with; empty for the only folder or list of a data set. */
  readonly name: string;
}

type Found = Omit<Root, 'name' | 'above'>;

/**
 * What lies at the paths of a data set, each once. Throws a UserError when a path doesn't exist or is no data set, or when it
 * has several splits and none was chosen.
 */
export async function rootsOf(paths: readonly string[], choice: Choice): Promise<Root[]> {
  const found: Omit<Root, 'name'>[] = [];
  for (const path of ofSplit([...new Set(paths)], choice.split)) {
    found.push(...(await rootsAt(path, choice)).map((root) => ({ ...root, above: path })));
  }
  if (found.length === 1 && ['folder', 'list'].includes(found[0]!.kind)) return [{ ...found[0]!, name: '' }];
  const names = namesOf(found.map((root) => root.path));
  return found.map((root, i) => ({ ...root, name: names[i]! }));
}

/** Without the tars and Parquet files whose names tell another split. */
function ofSplit(paths: readonly string[], split: string | undefined): readonly string[] {
  if (split === undefined) return paths;
  const others = (path: string) => {
    const name = basename(path);
    return /\.(tar|parquet)$/i.test(name) && splitOf(name) !== undefined && !isOfSplit(name, split);
  };
  const chosen = paths.filter((path) => !others(path));
  const told = [...new Set(paths.map((path) => splitOf(basename(path))))].filter(
    (name) => name !== undefined,
  );
  if (chosen.length === 0) throw noSplit(paths[0]!, split, told);
  return chosen;
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

/** What lies at one path: one root, or the tars or Parquet files of a folder. */
async function rootsAt(path: string, choice: Choice): Promise<Found[]> {
  const info = await stat(path).catch((error: NodeJS.ErrnoException) => {
    const why = error.code === 'ENOENT' ? "doesn't exist" : `can't be read (${error.code})`;
    throw new UserError(`The data set's path ${shownPath(path)} ${why}. Correct \`dataset.path\`.`);
  });
  return info.isDirectory() ? rootsIn(path, choice) : [await fileRoot(path, choice)];
}

async function fileRoot(path: string, { format, columns }: Choice): Promise<Found> {
  if (format === 'webdataset') return { path, kind: 'tar' };
  if (format === 'list') return { path, kind: 'list' };
  if (format === 'parquet') return { path, kind: 'parquet' };
  if (format === 'auto' && /\.(tar|tgz)$|\.tar\.\w+$/i.test(path)) return { path, kind: 'tar' };
  if (format === 'auto' && /\.(csv|tsv)$/i.test(path)) return { path, kind: 'list' };
  if (format === 'auto' && /\.parquet$/i.test(path)) {
    return { path, kind: (await isParquetList(path, columns)) ? 'list' : 'parquet' };
  }
  if (isImageName(basename(path))) return { path, kind: 'image' };
  throw new UserError(
    `${shownPath(path)} is no data set: neither a folder of images, nor a .tar, .parquet, .csv or .tsv, nor an image. Correct \`dataset.path\`${format === 'folder' ? ' or `dataset.format`' : ''}.`,
  );
}

/** Endings of the files that hold images, by format; `auto` takes the first that a folder has. */
const CONTAINERS = { webdataset: /\.tar$/i, parquet: /\.parquet$/i } as const;

async function rootsIn(path: string, choice: Choice): Promise<Found[]> {
  const { format, split } = choice;
  if (format === 'list') {
    throw new UserError(
      `${shownPath(path)} is a folder, but \`dataset.format\` is list. Give the list's file.`,
    );
  }
  const inside = format === 'folder' || format === 'imagenet' ? undefined : await containersIn(path, format);
  if (inside) {
    const names = filesOfSplit(path, inside.names, split);
    return Promise.all(
      names.map((name) => fileRoot(`${path}/${name}`, { ...choice, format: inside.format })),
    );
  }
  if (format === 'webdataset' || format === 'parquet') {
    throw new UserError(
      `There is no ${format === 'parquet' ? '.parquet' : '.tar'} file in ${shownPath(path)}, but \`dataset.format\` is ${format}. Give the files, or \`format: folder\`.`,
    );
  }
  return [{ path: await splitFolder(path, choice), kind: 'folder' }];
}

/** Tars or Parquet files in a folder, if there are any and no images; names relative to it, sorted. */
async function containersIn(
  folder: string,
  format: 'auto' | keyof typeof CONTAINERS,
): Promise<{ names: string[]; format: keyof typeof CONTAINERS } | undefined> {
  const formats = format === 'auto' ? (['webdataset', 'parquet'] as const) : ([format] as const);
  const found = { webdataset: [] as string[], parquet: [] as string[] };
  const visit = async (prefix: string, depth: number): Promise<boolean> => {
    const entries = await entriesOf(prefix === '' ? folder : `${folder}/${prefix}`);
    const folders: string[] = [];
    for (const entry of entries) {
      const name = prefix === '' ? entry.name : `${prefix}/${entry.name}`;
      if (entry.isDirectory()) folders.push(name);
      else if (format === 'auto' && isImageName(entry.name)) return false;
      for (const each of formats)
        if (!entry.isDirectory() && CONTAINERS[each].test(name)) found[each].push(name);
    }
    // The first folder of images settles it: folders beside it aren't looked into.
    for (const name of depth > 0 ? folders : []) if (!(await visit(name, depth - 1))) return false;
    return true;
  };
  // Tars are looked for in the folder itself, Parquet files also as Hugging Face lays them out (data/, CONFIG/SPLIT/).
  if (!(await visit('', formats.includes('parquet' as never) ? 2 : 0))) return undefined;
  const chosen = formats.find((each) => found[each].length > 0);
  return chosen && { names: found[chosen].sort(), format: chosen };
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    throw new UserError(`The folder ${shownPath(folder)} can't be read (${error.code}).`);
  });
}

/** Where Kaggle's archive of ImageNet has its splits. */
const INNER = ['', 'ILSVRC/Data/CLS-LOC', 'Data/CLS-LOC'];

/** The folder of the split that was asked for; the folder itself when none was and it has none. */
async function splitFolder(path: string, { format, split }: Choice): Promise<string> {
  const splits: string[] = [];
  for (const inner of INNER) {
    const folder = inner === '' ? path : `${path}/${inner}`;
    const entries = inner === '' ? await entriesOf(folder) : await entriesOf(folder).catch(() => []);
    const names = entries.filter((entry) => !entry.isFile()).map(({ name }) => name);
    const chosen = split === undefined ? undefined : names.find((name) => isSplitFolder(name, split));
    if (chosen !== undefined) return `${folder}/${chosen}`;
    const named = names.filter((name) => splitOf(name) !== undefined && isSplitFolder(name, splitOf(name)!));
    splits.push(...named);
    // A folder of nothing but splits has no classes of its own.
    const onlySplits = named.length > 1 && (named.length === names.length || inner !== '');
    if (split === undefined && format !== 'folder' && onlySplits) throw chooseSplit(path, named.sort());
  }
  if (split !== undefined) throw noSplit(path, split, splits.sort());
  return path;
}
