import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { promisify } from 'node:util';
import { isUserError, UserError } from '../../common/errors.ts';
import { readImages } from '../../tables/images.ts';
import { readPlaces } from '../../tables/places.ts';
import type { Texts } from '../../tables/texts.ts';
import { shownPath } from './names.ts';
import { parquetReader } from './parquet/reader.ts';

/** The encoded images of one shard, in the order of the image index. */
export interface Shard {
  readonly rows: number;
  readonly paths: Texts;
  readonly labels: Texts<string | null>;
  readonly digests: Texts;
  /**
   * Encoded bytes of image `row`, verified against the index. They are read into what `room` gives, if they are a file's or a
   * part of one. May be called while other reads are under way.
   */
  read(row: number, room?: (length: number) => Buffer): Promise<Buffer>;
  close(): Promise<void>;
}

/**
 * Opens a shard of the image index with the places of its images: 250 bytes of memory an image. Reading throws a UserError that names the image when
 * its file is gone, or holds other bytes than when it was indexed.
 */
export async function openShard(imagesPath: string, placesPath: string): Promise<Shard> {
  const [images, places] = await Promise.all([readImages(imagesPath), readPlaces(placesPath)]);
  if (places.rows !== images.rows) {
    throw new Error(`${images.rows} images, but ${places.rows} places: ${imagesPath}, ${placesPath}`);
  }
  const { rows, paths, labels, digests } = images;
  const parquet = parquetReader();
  return {
    rows,
    paths,
    labels,
    digests,
    async read(row, room) {
      const path = paths.at(row)!;
      const file = places.files.at(row)!;
      const offset = places.offsets[row]!;
      const value = places.values[row]!;
      const reading =
        value < 0 ? readPart(file, offset, places.bytes[row]!, room) : parquet.read(file, offset, value);
      const bytes = await reading.catch((error: NodeJS.ErrnoException) => {
        // What doesn't lie where it lay: the Parquet file is another one now.
        if (isUserError(error)) return undefined;
        throw changed(path, file, error.code === 'ENOENT' ? 'is gone' : `can't be read (${error.code})`);
      });
      const digest = bytes && createHash('sha256').update(bytes).digest('hex');
      if (!bytes || digest !== digests.at(row)) throw changed(path, file, 'changed');
      return bytes;
    },
    close: parquet.close,
  };
}

function changed(path: string, file: string, what: string): UserError {
  return new UserError(
    `The image ${shownPath(path)} ${what} since it was indexed (in ${shownPath(file)}). Run again: the data set is then indexed anew.`,
  );
}

// On files by their numbers: a FileHandle costs as much as decoding a small image.
const [open, read, close] = [promisify(fs.open), promisify(fs.read), promisify(fs.close)];

/** Bytes of a part of a file, in what `room` gives; fewer where the file ends before. */
export async function readPart(
  file: string,
  offset: number,
  length: number,
  room = (bytes: number): Buffer => Buffer.allocUnsafeSlow(bytes),
): Promise<Buffer> {
  const opened = await open(file, 'r');
  try {
    const buffer = room(length);
    let done = 0;
    while (done < length) {
      const { bytesRead } = await read(opened, buffer, done, length - done, offset + done);
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return buffer.subarray(0, done);
  } finally {
    await close(opened);
  }
}

/**
 * The shard that an image belongs to: `00`, `01`, … It depends on the image's path (or that of the rows that it is unpacked
 * with) and the number of shards alone (the first four bytes of the path's SHA-256, modulo `count`), so that adding an
 * image changes one shard.
 */
export function shardOf(path: string, count: number): string {
  const hash = createHash('sha256').update(path).digest().readUInt32BE(0);
  return shardName(hash % count, count);
}

/** Name of shard `index` of `count`: at least two digits, all of one length. */
export function shardName(index: number, count: number): string {
  return String(index).padStart(Math.max(2, String(count - 1).length), '0');
}
