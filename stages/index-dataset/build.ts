import { writeFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { UserError } from '../../common/errors.ts';
import type { Task } from '../../engine/stage.ts';
import { writeImages } from '../../tables/images.ts';
import { writePlaces } from '../../tables/places.ts';
import { textsBy } from '../../tables/texts.ts';
import { shownPath } from '../../vision/images/names.ts';
import { shardOf } from '../../vision/images/shard.ts';
import { type ClassName, listImages } from '../../vision/images/sources/index.ts';
import { examine, type Skipped } from './examine.ts';
import { digestAt, type Facts } from './facts.ts';
import type { Params } from './index.ts';
import { type Listing, listing } from './listing.ts';
import { subsetOf } from './subset.ts';

/** The work of the stage: list, examine, and write the index of each shard. Memory: about 700 bytes an image. */
export async function indexDataset(task: Task<Params>): Promise<void> {
  const { images, classes } = await listSorted(task);
  const chosen = subsetOf(images, task.params.subset);
  const { facts, skipped } = await examine(images, chosen, task);
  if (skipped.length === chosen.length) {
    throw new UserError(
      `None of the ${chosen.length} images of the data set can be decoded; the first, ${shownPath(skipped[0]!.path)}: ${skipped[0]!.reason}.`,
    );
  }
  if (skipped.length > 0) {
    task.warn(
      `${countOf(skipped.length, 'image')} can't be decoded and ${skipped.length === 1 ? 'was' : 'were'} left out; the first: ${shownPath(skipped[0]!.path)}.`,
    );
  }
  if (classes) await writeFile(task.output('classes'), `${JSON.stringify(classes, null, 2)}\n`);
  await writeFile(task.output('skipped'), `${JSON.stringify(skipped, null, 2)}\n`);
  for (const [shard, positions] of byShard(images, chosen, facts, task.params.shards)) {
    task.check();
    writeShard(task, shard, positions, images, facts);
  }
}

/** Every image of the data set, sorted by path, and its classes in the order of their numbers, where it tells them. */
async function listSorted(task: Task<Params>): Promise<{ images: Listing; classes?: ClassName[] }> {
  const all = listing();
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
    all.add(image);
    if (all.length % 1000 === 0) task.check();
  }
  if (all.length === 0) {
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
  const images = all.sorted();
  checkDistinct(images);
  return { images, ...(numbered && { classes: [...numbered.classes] }) };
}

function checkDistinct(images: Listing): void {
  let last: string | undefined;
  for (let position = 0; position < images.length; position++) {
    const path = images.path(position);
    if (path === last) {
      const [one, other] = [images.image(position - 1).file, images.image(position).file];
      throw new UserError(
        `Two images of the data set have the path ${shownPath(path)}: one in ${shownPath(one)}, one in ${shownPath(other)}. Rename one, or give each once.`,
      );
    }
    last = path;
  }
}

function otherClasses(one: string, other: string): UserError {
  return new UserError(
    `The files ${shownPath(one)} and ${shownPath(other)} of the data set name different classes, so their labels can't be told apart. Give files of one data set.`,
  );
}

/** Positions of the images of each shard that has any, ascending. */
function byShard(
  images: Listing,
  chosen: Int32Array,
  { widths }: Facts,
  count: number,
): Map<string, number[]> {
  const shards = new Map<string, number[]>();
  for (const position of chosen) {
    if (widths[position] === 0) continue;
    const { group, path } = images.image(position);
    const shard = shardOf(group ?? path, count);
    const positions = shards.get(shard);
    if (positions) positions.push(position);
    else shards.set(shard, [position]);
  }
  return shards;
}

function writeShard(
  task: Task<Params>,
  shard: string,
  positions: readonly number[],
  images: Listing,
  facts: Facts,
): void {
  const bytes = Float64Array.from(positions, (position) => facts.bytes[position]!);
  const texts = <T extends string | null>(of: (position: number) => T) =>
    textsBy(positions.length, (row) => of(positions[row]!));
  writeImages(task.listOutput('shards', shard, 'images'), {
    paths: texts(images.path),
    bytes,
    digests: texts((position) => digestAt(facts, position)),
    labels: texts(images.label),
    widths: Int32Array.from(positions, (position) => facts.widths[position]!),
    heights: Int32Array.from(positions, (position) => facts.heights[position]!),
  });
  writePlaces(task.listOutput('shards', shard, 'places'), {
    files: texts((position) => images.image(position).file),
    offsets: Float64Array.from(positions, (position) => facts.offsets[position]!),
    bytes,
    values: Int32Array.from(positions, (position) => facts.values[position]!),
  });
}

export type { Skipped };

const countOf = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
