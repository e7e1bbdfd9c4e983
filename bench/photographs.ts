import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import sharp from 'sharp';
import { randomStreams, type Stream } from '../stats/random.ts';

/** The size of most images of ImageNet; one in four is upright. */
export const LONGER = 500;
export const SHORTER = 375;
const QUALITY = 90;

/** Cells of the noise, in pixels, coarse to fine, and how strong each is: as 1/f, like the spectra of photographs. */
const OCTAVES = [160, 80, 40, 20, 10, 5].map((cell) => ({ cell, strength: 5 * cell ** 0.5 }));

/**
 * A JPEG file the size of a photograph in ImageNet (500 × 375 or 375 × 500, about 110 KB), made of noise: gradients of all
 * scales, edges, grain. The same seed gives the same bytes with the same version of sharp.
 */
export async function photograph(seed: number): Promise<Buffer> {
  const random = randomStreams('photograph', seed);
  const upright = random.below(4) === 0;
  const [width, height] = upright ? [SHORTER, LONGER] : [LONGER, SHORTER];
  const light = new Float32Array(width * height);
  for (const { cell, strength } of OCTAVES) addNoise(light, width, cell, strength, random);
  const region = new Float32Array(width * height);
  addNoise(region, width, 120, 1, random);
  addNoise(region, width, 30, 0.4, random);
  const [warm, green] = [new Float32Array(width * height), new Float32Array(width * height)];
  for (const tint of [warm, green]) addNoise(tint, width, 60, 40, random);
  const data = coloured({ light, region, warm, green }, random);
  return sharp(data, { raw: { width, height, channels: 3 } })
    .jpeg({ quality: QUALITY })
    .toBuffer();
}

/** Writes photographs 0 … count − 1 as FOLDER/photographs/NNNNN.jpg, a folder of images by class; returns their paths. */
export async function writePhotographs(folder: string, count: number): Promise<string[]> {
  const files = Array.from({ length: count }, (_, i) =>
    join(folder, 'photographs', `${i}`.padStart(5, '0').concat('.jpg')),
  );
  for (const [i, file] of files.entries()) {
    if (i === 0) mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, await photograph(i));
  }
  return files;
}

interface Fields {
  readonly light: Float32Array;
  /** Its sign parts the picture into things of two brightnesses, with an edge between. */
  readonly region: Float32Array;
  readonly warm: Float32Array;
  readonly green: Float32Array;
}

function coloured({ light, region, warm, green }: Fields, random: Stream): Uint8ClampedArray {
  const base = 90 + random.below(70);
  const contrast = 10 + random.below(40);
  const grain = 20 + random.below(50);
  const drawn = new Uint32Array(light.length);
  random.fillBelow(drawn, 1024);
  const data = new Uint8ClampedArray(light.length * 3);
  for (let i = 0; i < light.length; i++) {
    const side = region[i]! > 0 ? contrast : -contrast;
    const value = base + side + light[i]! + grain * (drawn[i]! / 512 - 1);
    data[3 * i] = value + warm[i]!;
    data[3 * i + 1] = value + green[i]!;
    data[3 * i + 2] = value - warm[i]!;
  }
  return data;
}

/** Adds values between ± strength: random ones on the corners of square cells, interpolated linearly between. */
function addNoise(field: Float32Array, width: number, cell: number, strength: number, random: Stream): void {
  const height = field.length / width;
  const [columns, rows] = [Math.floor(width / cell) + 2, Math.floor(height / cell) + 2];
  const drawn = new Uint32Array(columns * rows);
  random.fillBelow(drawn, 2048);
  const corners = Float32Array.from(drawn, (value) => strength * (value / 1024 - 1));
  const line = new Float32Array(columns);
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / cell);
    const down = y / cell - row;
    for (let c = 0; c < columns; c++) {
      const above = corners[row * columns + c]!;
      line[c] = above + down * (corners[(row + 1) * columns + c]! - above);
    }
    for (let x = 0; x < width; x++) {
      const column = Math.floor(x / cell);
      const left = line[column]!;
      field[y * width + x]! += left + (x / cell - column) * (line[column + 1]! - left);
    }
  }
}
