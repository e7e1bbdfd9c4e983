import fc from 'fast-check';
import { expect, test } from 'vitest';
import { resolvePreprocess } from '../../../vision/images/preprocess-spec.ts';
import type { Shard } from '../../../vision/images/shard.ts';
import { Feed } from '../../../vision/onnx/feed.ts';

const spec = resolvePreprocess({ size: 2 }, ['N', 3, null, null]);
const PIXELS = 2 * 2 * 3;

/** A shard whose image `row` is a file of so many bytes, all of them `row`, that is read as late as the delay says. */
const shardOf = (files: readonly { readonly bytes: number; readonly delay: number }[]) =>
  ({
    rows: files.length,
    paths: files.map((_, row) => `${row}`),
    async read(row: number, room: (length: number) => Buffer) {
      const { bytes, delay } = files[row]!;
      const file = room(bytes);
      for (let i = 0; i < delay; i++) await new Promise(setImmediate);
      return file.fill(row);
    },
  }) as unknown as Shard;

/** Takes its time over an image, and looks at its file in the end. */
const slow = async (
  encoded: Uint8Array,
  path: string,
  _: unknown,
  __: unknown,
  into: Uint8Array = new Uint8Array(PIXELS),
) => {
  for (let i = 0; i < encoded.length % 4; i++) await new Promise(setImmediate);
  return into.fill(encoded.every((byte) => byte === Number(path)) ? Number(path) : 255);
};

test('every batch has the pixels of its own images, whatever the files and however long they take', async () => {
  const file = fc.record({
    bytes: fc.oneof(fc.integer({ min: 1, max: 1000 }), fc.integer({ min: 1, max: 3 * 2 ** 20 })),
    delay: fc.nat(3),
  });
  const shards = fc.array(file, { minLength: 1, maxLength: 25 });
  await fc.assert(
    fc.asyncProperty(
      shards,
      fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1 }),
      async (files, sizes) => {
        let asked = 0;
        const feed = new Feed(shardOf(files), spec, 'ignore', () => sizes[asked++ % sizes.length]!, slow);
        const given: number[] = [];
        for (let row = 0; row < files.length; ) {
          const { data, count } = await feed.take();
          // As while a network runs: the batch after it is being decoded.
          await new Promise(setImmediate);
          for (let i = 0; i < count; i++) {
            const own = data.subarray(i * PIXELS, (i + 1) * PIXELS);
            expect(new Set(own).size).toBe(1);
            given.push(own[0]!);
          }
          row += count;
        }
        expect(given).toEqual(files.map((_, row) => row));
      },
    ),
    { numRuns: 60 },
  );
});
