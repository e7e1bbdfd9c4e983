import { writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../../common/errors.ts';
import type { Task } from '../../engine/stage.ts';
import { writeImages } from '../../tables/images.ts';
import { writePlaces } from '../../tables/places.ts';
import { shownPath } from '../../vision/images/names.ts';
import { shardOf } from '../../vision/images/shard.ts';
import { type ClassName, type ListedImage, listImages } from '../../vision/images/sources/index.ts';
import { type Examined, examine, type Skipped } from './examine.ts';
import type { Params } from './index.ts';
import { subsetOf } from './subset.ts';

/** The work of the stage: list, examine, and write the index of each shard. Memory: about 600 bytes an image. */
export async function indexDataset(task: Task<Params>): Promise<void> {
  const { all, classes } = await listSorted(task);
  const images = subsetOf(all, task.params.subset);
  const { examined, skipped } = await examine(images, all, task);
  if (skipped.length === images.length) {
    throw new UserError(
      `None of the ${images.length} images of the data set can be decoded; the first, ${shownPath(skipped[0]!.path)}: ${skipped[0]!.reason}.`,
    );
  }
  if (skipped.length > 0) {
    task.warn(
      `${countOf(skipped.length, 'image')} can't be decoded and ${skipped.length === 1 ? 'was' : 'were'} left out; the first: ${shownPath(skipped[0]!.path)}.`,
    );
  }
  if (classes) await writeFile(task.output('classes'), `${JSON.stringify(classes, null, 2)}\n`);
  await writeFile(task.output('skipped'), `${JSON.stringify(skipped, null, 2)}\n`);
  for (const [shard, rows] of byShard(images, examined, task.params.shards)) {
    task.check();
    writeShard(task, shard, rows, images, examined);
  }
}

/** Every image of the data set, sorted by path, and its classes in the order of their numbers, where it tells them. */
async function listSorted(task: Task<Params>): Promise<{ all: ListedImage[]; classes?: ClassName[] }> {
  const images: ListedImage[] = [];
  const { format, split, columns } = task.params;
  let numbered: { readonly classes: readonly ClassName[]; readonly file: string } | undefined;
  let ignored = 0;
  let firstIgnored = '';
  const listener = {
    ignored: (path: string) => {
      if (ignored++ === 0) firstIgnored = path;
    },
    classes: (classes: readonly ClassName[], file: string) => {
      numbered ??= { classes, file };
      if (!isDeepStrictEqual(classes, numbered.classes)) throw otherClasses(numbered.file, file);
    },
    warn: task.warn,
  };
  const source = { format, split, columns, labels: task.fileIfAny('labels') };
  for await (const image of listImages(task.files('path'), source, listener)) {
    images.push(image);
    if (images.length % 1000 === 0) task.check();
  }
  if (images.length === 0) {
    const seen =
      ignored === 0 ? '' : ` (${countOf(ignored, 'other file')}, such as ${shownPath(firstIgnored)})`;
    throw new UserError(
      `There are no images in the data set ${task.files('path').map(shownPath).join(', ')}${seen}. Images are told by their names: .jpg, .jpeg, .png, .webp, .tif, .tiff, .gif.`,
    );
  }
  if (ignored > 0) {
    task.warn(
      `${countOf(ignored, 'file')} passed over, not images by name; the first: ${shownPath(firstIgnored)}.`,
    );
  }
  images.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  for (let i = 1; i < images.length; i++) {
    if (images[i]!.path === images[i - 1]!.path) {
      throw new UserError(
        `Two images of the data set have the path ${shownPath(images[i]!.path)}: one in ${shownPath(images[i - 1]!.file)}, one in ${shownPath(images[i]!.file)}. Rename one, or give each once.`,
      );
    }
  }
  return { all: images, ...(numbered && { classes: [...numbered.classes] }) };
}

function otherClasses(one: string, other: string): UserError {
  return new UserError(
    `The files ${shownPath(one)} and ${shownPath(other)} of the data set name different classes, so their labels can't be told apart. Give files of one data set.`,
  );
}

/** Rows of each shard that has images, ascending. */
function byShard(images: readonly ListedImage[], { widths }: Examined, count: number): Map<string, number[]> {
  const shards = new Map<string, number[]>();
  for (const [row, { path, group }] of images.entries()) {
    if (widths[row] === 0) continue;
    const shard = shardOf(group ?? path, count);
    const rows = shards.get(shard);
    if (rows) rows.push(row);
    else shards.set(shard, [row]);
  }
  return shards;
}

function writeShard(
  task: Task<Params>,
  shard: string,
  rows: readonly number[],
  images: readonly ListedImage[],
  examined: Examined,
): void {
  const bytes = Float64Array.from(rows, (row) => examined.bytes[row]!);
  writeImages(task.listOutput('shards', shard, 'images'), {
    paths: rows.map((row) => images[row]!.path),
    bytes,
    digests: rows.map((row) => examined.digests[row]!),
    labels: rows.map((row) => images[row]!.label),
    widths: Int32Array.from(rows, (row) => examined.widths[row]!),
    heights: Int32Array.from(rows, (row) => examined.heights[row]!),
  });
  writePlaces(task.listOutput('shards', shard, 'places'), {
    files: rows.map((row) => images[row]!.file),
    offsets: Float64Array.from(rows, (row) => images[row]!.offset),
    bytes,
    values: Int32Array.from(rows, (row) => images[row]!.value ?? -1),
  });
}

export type { Skipped };

const countOf = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
