import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';

/** Words that say the same split, in names of folders and files. */
const SAME: readonly (readonly string[])[] = [
  ['train', 'training'],
  ['val', 'valid', 'validation', 'dev'],
  ['test', 'testing'],
];

/** All words for a split; a name of its own for one that has no usual ones. */
function wordsFor(split: string): readonly string[] {
  return SAME.find((words) => words.includes(split.toLowerCase())) ?? [split.toLowerCase()];
}

/** Whether a folder's name says that it holds this split. */
export const isSplitFolder = (name: string, split: string): boolean =>
  wordsFor(split).includes(name.toLowerCase());

/**
 * The usual split (`train`, `val`, `test`) that a path of a tar or Parquet file tells: `data/train-00000-of-00005.parquet`,
 * `imagenet-val-000012.tar`, `test/0000.parquet`.
 */
export function splitOf(path: string): string | undefined {
  const words = path.toLowerCase().split(/[^a-z]+/);
  return SAME.find((same) => same.some((word) => words.includes(word)))?.[0];
}

/** Whether a path of a tar or Parquet file tells this split. */
export function isOfSplit(path: string, split: string): boolean {
  const wanted = wordsFor(split);
  return path
    .toLowerCase()
    .split(/[/._-]+/)
    .some((word) => wanted.includes(word));
}

/** Those files of a folder that belong to the split. Throws a UserError when there are none, or when none was asked for and there are several. */
export function filesOfSplit(folder: string, names: readonly string[], split: string | undefined): string[] {
  const found = [...new Set(names.map(splitOf).filter((name) => name !== undefined))].sort();
  if (split === undefined) {
    if (found.length > 1) throw chooseSplit(folder, found);
    return [...names];
  }
  const chosen = names.filter((name) => isOfSplit(name, split));
  if (chosen.length > 0) return chosen;
  throw noSplit(folder, split, found);
}

export function chooseSplit(folder: string, splits: readonly string[]): UserError {
  return new UserError(
    `${shownPath(folder)} holds several splits (${splits.join(', ')}). Say which one: \`dataset.split: ${splits.at(-1)}\`, or give the path of one.`,
  );
}

export function noSplit(folder: string, split: string, splits: readonly string[]): UserError {
  const there = splits.length > 0 ? `it holds ${splits.join(', ')}` : 'no name there tells a split';
  return new UserError(
    `${shownPath(folder)} has no split "${split}": ${there}. Correct \`dataset.split\`, or leave it out.`,
  );
}
