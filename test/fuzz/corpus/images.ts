import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { scanTar } from '../../../vision/images/sources/tar.ts';
import type { Item } from './item.ts';

const DEMO = fileURLToPath(new URL('../../../demo/cifar10/cifar10-test-00000.tar', import.meta.url));

/** Images in the formats that are read, and some that come with the demonstration. */
export async function imageItems(): Promise<Item[]> {
  const raw = { width: 24, height: 17, channels: 3 } as const;
  const pixels = Buffer.from(Array.from({ length: 24 * 17 * 3 }, (_, i) => (i * 37 + (i >> 4)) & 255));
  const image = () => sharp(pixels, { raw });
  const made: Record<string, Promise<Buffer>> = {
    'plain.jpg': image().jpeg({ quality: 80 }).toBuffer(),
    'progressive.jpg': image()
      .jpeg({ progressive: true })
      .withExif({ IFD0: { Copyright: 'none' } })
      .toBuffer(),
    'upright.jpg': image().withMetadata({ orientation: 6 }).jpeg().toBuffer(),
    'cmyk.jpg': image().toColourspace('cmyk').jpeg().toBuffer(),
    'grey.jpg': image().grayscale().jpeg().toBuffer(),
    'plain.png': image().png().toBuffer(),
    'palette.png': image().png({ palette: true, colours: 16 }).toBuffer(),
    'deep.png': image().toColourspace('rgb16').png().toBuffer(),
    'alpha.png': image().ensureAlpha(0.5).png({ adaptiveFiltering: true }).toBuffer(),
    'interlaced.png': image().png({ progressive: true }).toBuffer(),
    'lossy.webp': image().webp().toBuffer(),
    'lossless.webp': image().ensureAlpha(0.5).webp({ lossless: true }).toBuffer(),
    'plain.gif': image().gif().toBuffer(),
    'deflate.tiff': image()
      .tiff({ compression: 'deflate', tile: true, tileWidth: 16, tileHeight: 16 })
      .toBuffer(),
    'lzw.tiff': image().tiff({ compression: 'lzw', pyramid: true }).toBuffer(),
    'plain.tiff': image().tiff({ compression: 'none' }).toBuffer(),
  };
  const items: Item[] = [];
  for (const [name, bytes] of Object.entries(made)) items.push({ kind: 'image', name, bytes: await bytes });
  for await (const { name, read } of scanTar(DEMO)) {
    if (items.length >= Object.keys(made).length + 4) break;
    if (name.endsWith('.png'))
      items.push({ kind: 'image', name: `demo-${items.length}.png`, bytes: Buffer.from(await read()) });
  }
  return items;
}

/** The first members of a tar of the demonstration, ended properly. */
export function demoTar(): Buffer {
  const bytes = readFileSync(DEMO);
  let at = 0;
  for (let members = 0; members < 12; members++) {
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 135), 8);
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return Buffer.concat([bytes.subarray(0, at), Buffer.alloc(1024)]);
}
