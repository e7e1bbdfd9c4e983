import { deflateSync } from 'node:zlib';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { isUserError } from '../../../common/errors.ts';
import { decode, UnreadableImage } from '../../../vision/images/decode.ts';

/** A picture with some detail. */
function noise(width: number, height: number) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => (i * 37 + (i >> 5) * 11) % 256);
  return sharp(data, { raw: { width, height, channels: 3 } });
}

async function reason(bytes: Uint8Array, path = 'class/name.png'): Promise<string> {
  const error = await decode(bytes, path, 'apply').then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(UnreadableImage);
  expect(isUserError(error)).toBe(true);
  expect((error as Error).message).toContain(path);
  expect((error as Error).message).not.toContain('\n');
  return (error as UnreadableImage).reason;
}

const NAMES = { jpeg: 'JPEG', png: 'PNG', webp: 'WebP', gif: 'GIF' };

describe('what can not be decoded is told with its path', () => {
  test('an empty file', async () => {
    expect(await reason(new Uint8Array(0))).toBe('the file is empty');
  });

  test('a text named .png', async () => {
    expect(await reason(Buffer.from('this is not an image\n'))).toMatch(/not an image/);
    const svg =
      '<svg xmlns="http://www.w3.org/2000/svg" width="4" height="4"><rect width="4" height="4"/></svg>';
    expect(await reason(Buffer.from(svg))).toMatch(/not an image/);
  });

  test.each(['jpeg', 'png', 'webp', 'gif'] as const)('a %s that is cut anywhere', async (format) => {
    const whole = await noise(61, 47).toFormat(format).toBuffer();
    for (const share of [0.1, 0.5, 0.9, 0.99]) {
      expect(await reason(whole.subarray(0, Math.floor(whole.length * share)))).toBe(
        `the ${NAMES[format]} file is cut short`,
      );
    }
  });

  test('the reason is the same when many fail at once', async () => {
    const whole = await noise(61, 47).png().toBuffer();
    const bad = [
      whole.subarray(0, 900),
      Buffer.from('text'),
      Buffer.alloc(0),
      Buffer.concat([whole]).fill(7, 60, 90),
    ];
    const all = await Promise.all(Array.from({ length: 60 }, (_, i) => reason(bad[i % 4]!)));
    for (const [i, text] of all.entries()) expect(text).toBe(all[i % 4]);
    expect(all.slice(0, 4)).toEqual([
      'the PNG file is cut short',
      expect.stringContaining('not an image'),
      'the file is empty',
      'the PNG file is damaged',
    ]);
  });

  test('formats that are images, but not for us', async () => {
    expect(await reason(Buffer.from('BM0000000000000000000000'))).toMatch(/BMP/);
    expect(await reason(Buffer.from('P6\n1 1\n255\nabc'))).toMatch(/PPM/);
  });

  test('more pixels than a machine should take', async () => {
    expect(await reason(pngHeader(30000, 30000))).toMatch(/30000 × 30000 pixels/);
  });

  test('random bytes never crash it', async () => {
    for (let seed = 1; seed <= 40; seed++) {
      const whole = await noise(33, 21)
        .toFormat(seed % 2 ? 'jpeg' : 'png')
        .toBuffer();
      const bytes = Uint8Array.from(whole, (value, i) =>
        (i * seed) % 97 === 3 ? (value + seed) % 256 : value,
      );
      const result = await decode(bytes, 'x', 'apply').catch((error: unknown) => error);
      if (result instanceof Error) expect(result).toBeInstanceOf(UnreadableImage);
    }
  });
});

test('16-bit grey gives the high byte, like 16-bit RGB', async () => {
  const values = [0, 255, 256, 32768, 65535];
  const image = await decode(grey16(values), 'x', 'apply');
  expect(Array.from(image.data)).toEqual(values.flatMap((v) => [v >> 8, v >> 8, v >> 8]));
});

test('alpha is dropped, not blended', async () => {
  const pixels = Uint8Array.from([200, 100, 50, 0, 10, 20, 30, 128]);
  const png = await sharp(pixels, { raw: { width: 2, height: 1, channels: 4 } })
    .png()
    .toBuffer();
  expect(Array.from((await decode(png, 'x', 'apply')).data)).toEqual([200, 100, 50, 10, 20, 30]);
});

test('orientation turns the image upright, or is ignored', async () => {
  const png = await noise(5, 3).withMetadata({ orientation: 6 }).png().toBuffer();
  expect(await decode(png, 'x', 'apply')).toMatchObject({ width: 3, height: 5 });
  expect(await decode(png, 'x', 'ignore')).toMatchObject({ width: 5, height: 3 });
});

function crc(bytes: Uint8Array): number {
  let value = ~0;
  for (const byte of bytes) {
    value ^= byte;
    for (let bit = 0; bit < 8; bit++) value = (value >>> 1) ^ (value & 1 ? 0xedb88320 : 0);
  }
  return ~value >>> 0;
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name), data]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length, 0);
  frame.writeUInt32BE(crc(body), 4);
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
}

function png(width: number, height: number, depth: number, colour: number, rows: Buffer): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header[8] = depth;
  header[9] = colour;
  const signature = Buffer.from('89504e470d0a1a0a', 'hex');
  return Buffer.concat([
    signature,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const pngHeader = (width: number, height: number) => png(width, height, 8, 2, Buffer.alloc(100));

function grey16(values: readonly number[]): Buffer {
  const row = Buffer.alloc(1 + values.length * 2);
  for (const [i, value] of values.entries()) row.writeUInt16BE(value, 1 + i * 2);
  return png(values.length, 1, 16, 0, row);
}
