import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pLimit from 'p-limit';
import sharp from 'sharp';
import type { Picture } from '../../figures/task-pictures.ts';
import type { ImageNumbers } from '../../tables/images.ts';
import { decode, type Orientation } from '../../vision/images/decode.ts';
import { openShard, type Shard } from '../../vision/images/shard.ts';

/** Longest side in pixels of a picture on the page; smaller images are kept pixel by pixel. */
const PAGE_SIDE = 176;
/** The same in figures, and the side up to which tiny images are blown up for them. */
const FIGURE_SIDE = 108;
/** Images no larger than this are shown with their pixels as squares. */
export const TINY_SIDE = 64;

/** Pictures in work at the same time; decoding has its own threads. */
const AT_ONCE = 8;

/** Where the encoded bytes of a shard are found. */
export interface ShardFiles {
  readonly images: string;
  readonly places: string;
}

/**
 * Makes pictures of the images with the given numbers, shard by shard, and writes those that the page shows itself
 * (`onPage`) into `folder`, by the digest of the image; the others are in figures alone. Throws a UserError that names an image whose file is gone or changed since it was indexed.
 */
export async function makePictures(
  wanted: Iterable<number>,
  onPage: ReadonlySet<number>,
  shards: readonly ShardFiles[],
  numbers: ImageNumbers,
  folder: string,
  orientation: Orientation,
  check: () => void,
): Promise<Map<number, Picture>> {
  const images = [...new Set(wanted)].sort((a, b) => numbers.shards[a]! - numbers.shards[b]! || a - b);
  const pictures = new Map<number, Picture>();
  const limit = pLimit(AT_ONCE);
  for (const [index, files] of shards.entries()) {
    const own = images.filter((image) => numbers.shards[image] === index);
    if (own.length === 0) continue;
    const shard = await openShard(files.images, files.places);
    try {
      const made = own.map((image) =>
        limit(async () => {
          check();
          const target = onPage.has(image) ? folder : undefined;
          pictures.set(image, await pictureOf(image, numbers.rows[image]!, shard, target, orientation));
        }),
      );
      await Promise.all(made);
    } finally {
      await shard.close();
    }
  }
  return pictures;
}

async function pictureOf(
  image: number,
  row: number,
  shard: Shard,
  folder: string | undefined,
  orientation: Orientation,
): Promise<Picture> {
  const [path, label, digest] = [shard.paths.at(row)!, shard.labels.at(row)!, shard.digests.at(row)!];
  const { page, extension, data, width, height } = await thumbnailOf(
    await shard.read(row),
    path,
    orientation,
  );
  const name = `${digest.slice(0, 20)}.${extension}`;
  if (folder !== undefined) await writeFile(join(folder, name), page);
  return { image, path, label, data, file: `images/${name}`, width, height };
}

interface Thumbnail {
  readonly page: Buffer;
  readonly extension: string;
  readonly data: string;
  /** Size of the image itself. */
  readonly width: number;
  readonly height: number;
}

async function thumbnailOf(encoded: Buffer, path: string, orientation: Orientation): Promise<Thumbnail> {
  const { data, width, height } = await decode(encoded, path, orientation);
  const image = () => sharp(data, { raw: { width, height, channels: 3 } });
  const side = Math.max(width, height);
  const within = (to: number) =>
    ({ width: to, height: to, fit: 'inside', withoutEnlargement: true }) as const;
  if (side > TINY_SIDE) {
    const page = await image().resize(within(PAGE_SIDE)).webp({ quality: 84 }).toBuffer();
    const figure = await image().resize(within(FIGURE_SIDE)).jpeg({ quality: 86 }).toBuffer();
    return { page, extension: 'webp', data: dataAddress('jpeg', figure), width, height };
  }
  const page = await image().png({ compressionLevel: 9 }).toBuffer();
  const times = Math.max(1, Math.floor(FIGURE_SIDE / side));
  const size = { width: width * times, height: height * times, kernel: 'nearest' } as const;
  const figure = await image().resize(size).png({ compressionLevel: 9, palette: false }).toBuffer();
  return { page, extension: 'png', data: dataAddress('png', figure), width, height };
}

function dataAddress(type: string, bytes: Buffer): string {
  return `data:image/${type};base64,${bytes.toString('base64')}`;
}
