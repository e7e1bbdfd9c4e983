import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { decodePlain } from '../../../vision/images/decode.ts';

/** A picture with some detail, and flat parts. */
function picture(width: number, height: number, channels: 1 | 2 | 3 | 4, seed: number) {
  const data = Uint8Array.from({ length: width * height * channels }, (_, i) => {
    const [x, y] = [Math.floor(i / channels) % width, Math.floor(i / channels / width)];
    const wave = 120 + 90 * Math.sin((x + (seed % 13) * y) / (3 + (seed % 7)) + (i % channels));
    return (x >> 4) % 2 === 0 ? wave : (wave & 0xc0) + ((i * seed) % 61);
  });
  return sharp(data, { raw: { width, height, channels } });
}

/** What the library makes of a file; null when it refuses it. */
async function byLibrary(file: Buffer): Promise<Buffer | null> {
  const image = sharp(file, { failOn: 'error', ignoreIcc: true }).toColourspace('srgb').removeAlpha();
  return image
    .raw({ depth: 'uchar' })
    .toBuffer()
    .catch(() => null);
}

const size = fc.tuple(fc.integer({ min: 1, max: 90 }), fc.integer({ min: 1, max: 90 }));
const seed = fc.integer({ min: 1, max: 1e6 });

const jpeg = fc
  .record({ size, seed, quality: fc.integer({ min: 2, max: 100 }), full: fc.boolean(), grey: fc.boolean() })
  .map(({ size: [width, height], seed, quality, full, grey }) => {
    const image = picture(width, height, 3, seed);
    const chromaSubsampling = full ? '4:4:4' : '4:2:0';
    // mozjpeg's own settings make optimal tables, whose codes are long ones.
    const optimiseCoding = seed % 2 === 0;
    return (grey ? image.toColourspace('b-w') : image)
      .jpeg({ quality, chromaSubsampling, optimiseCoding })
      .toBuffer();
  });

const png = fc
  .record({ size, seed, channels: fc.constantFrom(1, 2, 3, 4), palette: fc.boolean() })
  .map(({ size: [width, height], seed, channels, palette }) => {
    const image = picture(width, height, channels as 3, seed);
    if (channels === 1) return image.toColourspace('b-w').png({ adaptiveFiltering: true }).toBuffer();
    return image.png({ palette: palette && channels === 3, adaptiveFiltering: seed % 2 === 0 }).toBuffer();
  });

const damage = fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat(255)), {
  minLength: 1,
  maxLength: 3,
});

/** The file with bytes set at these shares of its length. */
function damaged(file: Buffer, places: readonly (readonly [number, number])[]): Buffer {
  const copy = Buffer.from(file);
  for (const [share, value] of places) copy[Math.floor(share * copy.length)] = value;
  return copy;
}

/** The same PNG with check sums that fit its chunks, so that only what is in them is wrong. */
function withCheckSums(file: Buffer): Buffer {
  for (let at = 8; at + 12 <= file.length; ) {
    const end = at + 8 + file.readUInt32BE(at);
    if (end + 4 > file.length) break;
    file.writeUInt32BE(crc32(file.subarray(at + 4, end)), end);
    at = end + 4;
  }
  return file;
}

describe('files of the plain kind', () => {
  test.each([
    ['JPEG', jpeg],
    ['PNG', png],
  ] as const)('%s: the same pixels as the library gives', async (_, files) => {
    let plain = 0;
    await fc.assert(
      fc.asyncProperty(files, async (making) => {
        const file = await making;
        const pixels = decodePlain(file, 'apply');
        if (!pixels) return;
        plain++;
        expect(Buffer.compare(Buffer.from(pixels.data), (await byLibrary(file))!)).toBe(0);
      }),
      { numRuns: 120 },
    );
    expect(plain).toBeGreaterThan(60);
  });

  test.each([
    ['JPEG', jpeg],
    ['PNG', png],
  ] as const)('%s, damaged: as the library decodes it, or left to the library', async (_, files) => {
    await fc.assert(
      fc.asyncProperty(files, damage, fc.boolean(), async (making, places, mended) => {
        const broken = damaged(await making, places);
        const file = mended && broken[0] === 0x89 ? withCheckSums(broken) : broken;
        const pixels = decodePlain(file, 'ignore');
        if (!pixels) return;
        const expected = await byLibrary(file);
        expect(expected).not.toBeNull();
        expect(Buffer.compare(Buffer.from(pixels.data), expected!)).toBe(0);
      }),
      { numRuns: 400 },
    );
  });

  test('are not: files that are cut anywhere', async () => {
    for (const format of ['jpeg', 'png'] as const) {
      const whole = await picture(61, 47, 3, 5).toFormat(format).toBuffer();
      expect(decodePlain(whole, 'apply')).toMatchObject({ width: 61, height: 47 });
      for (let length = 0; length < whole.length; length += 7)
        expect(decodePlain(whole.subarray(0, length), 'apply')).toBeUndefined();
    }
  });

  test('are not: progressive and interlaced files, 16 bits, transparent colours, large ones', async () => {
    const image = () => picture(64, 48, 3, 9);
    const files = await Promise.all([
      image().jpeg({ progressive: true }).toBuffer(),
      image().png({ progressive: true }).toBuffer(),
      image().toColourspace('rgb16').png().toBuffer(),
      picture(64, 48, 4, 9).png({ palette: true }).toBuffer(),
      picture(300, 300, 3, 9).png().toBuffer(),
      picture(1200, 1200, 3, 9).jpeg().toBuffer(),
      image().webp().toBuffer(),
    ]);
    for (const file of files) expect(decodePlain(file, 'apply')).toBeUndefined();
  });

  test('are not: those to be turned upright', async () => {
    for (let orientation = 1; orientation <= 8; orientation++) {
      const file = await picture(64, 48, 3, 9).withMetadata({ orientation }).jpeg().toBuffer();
      expect(decodePlain(file, 'apply') !== undefined, `orientation ${orientation}`).toBe(orientation === 1);
      expect(decodePlain(file, 'ignore')).toMatchObject({ width: 64, height: 48 });
    }
  });

  test('with damaged Exif data are as upright as the library takes them for', async () => {
    const files = await Promise.all(
      [1, 3, 6].map((orientation) =>
        picture(24, 16, 3, 9).withMetadata({ orientation }).jpeg({ quality: 30 }).toBuffer(),
      ),
    );
    const exif = fc.tuple(fc.constantFrom(...files), fc.integer({ min: 20, max: 140 }), fc.nat(255));
    let plain = 0;
    await fc.assert(
      fc.asyncProperty(exif, async ([whole, at, value]) => {
        const file = Buffer.from(whole);
        file[at] = value;
        const pixels = decodePlain(file, 'apply');
        if (!pixels) return;
        plain++;
        const { data, info } = await sharp(file, { failOn: 'error', ignoreIcc: true })
          .autoOrient()
          .raw()
          .toBuffer({ resolveWithObject: true });
        expect([pixels.width, pixels.height]).toEqual([info.width, info.height]);
        expect(Buffer.compare(Buffer.from(pixels.data), data)).toBe(0);
      }),
      { numRuns: 300 },
    );
    expect(plain).toBeGreaterThan(20);
  });
});
