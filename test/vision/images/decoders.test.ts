import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../common/errors.ts';
import { decodeIn } from '../../../vision/images/decoders.ts';
import { resolvePreprocess } from '../../../vision/images/preprocess-spec.ts';

const spec = resolvePreprocess({ resize: 12, crop: 8 }, ['N', 3, null, null]);

/** A picture of its own for each number. */
const picture = (seed: number) =>
  sharp(Buffer.from(Uint8Array.from({ length: 20 * 16 * 3 }, (_, i) => (i * (seed + 3)) & 255)), {
    raw: { width: 20, height: 16, channels: 3 },
  })
    .png()
    .toBuffer();

describe('Threads that decode images', () => {
  it('give what this thread gives, each image its own', async () => {
    const pictures = await Promise.all(Array.from({ length: 20 }, (_, i) => picture(i)));
    const all = (count: number) =>
      Promise.all(pictures.map((bytes, i) => decodeIn(count)(bytes, `${i}.png`, spec, 'ignore')));
    const [here, there] = [await all(0), await all(3)];
    expect(there.map((pixels) => [...pixels])).toEqual(here.map((pixels) => [...pixels]));
    expect(new Set(there.map(String)).size).toBe(20);
  });

  it('write the pixels where they are told to, and leave the file as it is', async () => {
    const file = await picture(4);
    const bytes = Buffer.concat([Buffer.alloc(7), file]).subarray(7); // a part of a buffer
    for (const count of [0, 2]) {
      const into = new Uint8Array(8 * 8 * 3 + 10).subarray(10);
      const given = await decodeIn(count)(bytes, 'part.png', spec, 'ignore', into);
      expect(given).toBe(into);
      expect([...into]).toEqual([...(await decodeIn(0)(file, 'whole.png', spec, 'ignore'))]);
      expect(bytes.equals(file)).toBe(true);
    }
  });

  it('tell what is wrong with an image as this thread does, and go on', async () => {
    const broken = (await picture(1)).subarray(0, 60);
    const told = await Promise.all(
      [0, 2].map((count) =>
        decodeIn(count)(broken, 'cut.png', spec, 'ignore').catch((error: Error) => error),
      ),
    );
    expect(told[1]).toBeInstanceOf(UserError);
    expect((told[1] as Error).message).toBe((told[0] as Error).message);
    expect(await decodeIn(2)(await picture(2), 'whole.png', spec, 'ignore')).toHaveLength(8 * 8 * 3);
  });
});
