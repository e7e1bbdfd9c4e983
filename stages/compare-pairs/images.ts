import pLimit from 'p-limit';
import type { Orientation } from '../../vision/images/decode.ts';
import { prepare } from '../../vision/images/preprocess.ts';
import type { ResolvedPreprocess } from '../../vision/images/preprocess-spec.ts';

/** Images that are read and decoded side by side. */
const TOGETHER = 4;

/** What the cache needs of the world. */
export interface PixelSource {
  /** Encoded bytes of an image, verified, and its path for messages. */
  read(image: number): Promise<Uint8Array>;
  nameOf(image: number): string;
  readonly preprocess: ResolvedPreprocess;
  readonly orientation: Orientation;
  /** Bytes of pixels that may be kept. */
  readonly memory: number;
}

/**
 * Images in the network's size (uint8 RGB, flat [height, width, 3]), by number; those used last are kept as long as they
 * fit into `memory`. Throws a UserError that names the image when one can't be read or decoded.
 */
export function pixelCache({ read, nameOf, preprocess, orientation, memory }: PixelSource) {
  const [height, width] = preprocess.size;
  const most = Math.max(1, Math.floor(memory / (height * width * 3)));
  const kept = new Map<number, Promise<Uint8Array>>();
  const limit = pLimit(TOGETHER);
  return {
    take(image: number): Promise<Uint8Array> {
      const known = kept.get(image);
      const pixels =
        known ?? limit(async () => prepare(await read(image), nameOf(image), preprocess, orientation));
      // A failure is told to who awaits the image, even if that is later or never.
      if (!known) pixels.catch(() => {});
      kept.delete(image);
      kept.set(image, pixels);
      for (const [oldest] of kept) {
        if (kept.size <= most) break;
        kept.delete(oldest);
      }
      return pixels;
    },
  };
}

export type PixelCache = ReturnType<typeof pixelCache>;
