import { writeFile } from 'node:fs/promises';
import { UserError } from '../../common/errors.ts';
import type { Task } from '../../engine/stage.ts';
import { writeImages } from '../../tables/images.ts';
import { writePlaces } from '../../tables/places.ts';
import { shownPath } from '../../vision/images/names.ts';
import { shardOf } from '../../vision/images/shard.ts';
import { type ListedImage, listImages } from '../../vision/images/sources/index.ts';
import { type Examined, examine, type Skipped } from './examine.ts';
import type { Params } from './index.ts';

/** The work of the stage: list, examine, and write the index of each shard. Memory: about 300 bytes an image. */
export async function indexDataset(task: Task<Params>): Promise<void> {
  const images = await listSorted(task);
  const { examined, skipped } = await examine(images, task);
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
  await writeFile(task.output('skipped'), `${JSON.stringify(skipped, null, 2)}\n`);
  for (const [shard, rows] of byShard(images, examined, task.params.shards)) {
    task.check();
    writeShard(task, shard, rows, images, examined);
  }
}

async function listSorted(task: Task<Params>): Promise<ListedImage[]> {
  const images: ListedImage[] = [];
  let ignored = 0;
  let firstIgnored = '';
  const onIgnored = (path: string) => {
    if (ignored++ === 0) firstIgnored = path;
  };
  for await (const image of listImages(task.files('path'), task.params.format, onIgnored)) {
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
  return images;
}

/** Rows of each shard that has images, ascending. */
function byShard(images: readonly ListedImage[], { widths }: Examined, count: number): Map<string, number[]> {
  const shards = new Map<string, number[]>();
  for (const [row, { path }] of images.entries()) {
    if (widths[row] === 0) continue;
    const shard = shardOf(path, count);
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
    digests: rows.map((row) => examined.digests.toString('hex', row * 32, row * 32 + 32)),
    labels: rows.map((row) => images[row]!.label),
    widths: Int32Array.from(rows, (row) => examined.widths[row]!),
    heights: Int32Array.from(rows, (row) => examined.heights[row]!),
  });
  writePlaces(task.listOutput('shards', shard, 'places'), {
    files: rows.map((row) => images[row]!.file),
    offsets: Float64Array.from(rows, (row) => images[row]!.offset),
    bytes,
  });
}

export type { Skipped };

const countOf = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`;
