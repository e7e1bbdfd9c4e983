import { parentPort } from 'node:worker_threads';
import { isUserError } from '../../common/errors.ts';
import type { Orientation } from './decode.ts';
import { prepare } from './preprocess.ts';
import type { ResolvedPreprocess } from './preprocess-spec.ts';

/** An image to be decoded in another thread. */
export interface Encoded {
  readonly id: number;
  readonly bytes: Uint8Array;
  readonly path: string;
  readonly preprocess: ResolvedPreprocess;
  readonly orientation: Orientation;
}

/** What becomes of it. */
export type Decoded =
  | { readonly id: number; readonly pixels: Uint8Array }
  | {
      readonly id: number;
      readonly message: string;
      readonly stack: string | undefined;
      readonly isExpected: boolean;
    };

const port = parentPort!;

port.on('message', async ({ id, bytes, path, preprocess, orientation }: Encoded) => {
  try {
    const pixels = await prepare(bytes, path, preprocess, orientation);
    port.postMessage({ id, pixels } satisfies Decoded, [pixels.buffer as ArrayBuffer]);
  } catch (thrown) {
    const { message, stack } = thrown instanceof Error ? thrown : new Error(String(thrown));
    port.postMessage({ id, message, stack, isExpected: isUserError(thrown) } satisfies Decoded);
  }
});
