import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import sharp from 'sharp';
import { writeImages } from '../../../tables/images.ts';
import { writePlaces } from '../../../tables/places.ts';

/** Height and width of the test images. */
export const SIDE = 8;

export interface TestImage {
  readonly path: string;
  readonly file: string;
  readonly encoded: Buffer;
  /** uint8 RGB [SIDE, SIDE, 3]. */
  readonly pixels: Uint8Array;
}

/** PNG files of reproducible pixels, sorted by path. */
export async function makeImages(folder: string, count: number): Promise<TestImage[]> {
  mkdirSync(folder, { recursive: true });
  const images = Array.from({ length: count }, async (_, i) => {
    const pixels = Uint8Array.from(
      { length: SIDE * SIDE * 3 },
      (__, j) => (i * 37 + j * 11 + ((i * j) % 13)) % 256,
    );
    const encoded = await sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
      .png()
      .toBuffer();
    const name = `${String(i).padStart(3, '0')}.png`;
    const file = path.join(folder, name);
    writeFileSync(file, encoded);
    return { path: name, file, encoded, pixels };
  });
  return Promise.all(images);
}

/** Index and places of a shard that holds these images. */
export function makeShard(folder: string, name: string, images: readonly TestImage[]) {
  const index = path.join(folder, `${name}.images`);
  const places = path.join(folder, `${name}.places`);
  const bytes = Float64Array.from(images, ({ encoded }) => encoded.length);
  writeImages(index, {
    paths: images.map((image) => image.path),
    bytes,
    digests: images.map(({ encoded }) => createHash('sha256').update(encoded).digest('hex')),
    labels: images.map(() => null),
    widths: new Int32Array(images.length).fill(SIDE),
    heights: new Int32Array(images.length).fill(SIDE),
  });
  writePlaces(places, {
    files: images.map(({ file }) => file),
    offsets: new Float64Array(images.length),
    values: new Int32Array(images.length).fill(-1),
    bytes,
  });
  return { images: { path: index }, places: { path: places } };
}
