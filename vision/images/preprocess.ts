import { UserError } from '../../common/errors.ts';
import { decodeByLibrary, decodePlain, type Orientation } from './decode.ts';
import { geometryOf } from './geometry.ts';
import { shownPath } from './names.ts';
import { type Pixels, roomFor, type Window } from './pixels.ts';
import type { ResolvedPreprocess } from './preprocess-spec.ts';
import { resize } from './resize.ts';

/**
 * Encoded image → what the model's graph takes in: uint8 RGB, `height × width × 3` of the spec's final size. The channel
 * order, range, mean and std are the graph's affair (`normalisation`). Decodes plain files of moderate size and resizes in the
 * calling thread, decodes others in libuv's pool. `path` is for messages; the pixels are written `into` what is given. Throws a UserError when
 * the image can't be decoded or may not be cropped.
 */
export async function prepare(
  encoded: Uint8Array,
  path: string,
  spec: ResolvedPreprocess,
  orientation: Orientation,
  into = roomFor(...spec.size),
): Promise<Uint8Array> {
  const pixels = decodePlain(encoded, orientation) ?? (await decodeByLibrary(encoded, path, orientation));
  return fitPixels(pixels, path, spec, into);
}

/** Resizes and crops a decoded image to the spec's final size, as torchvision and timm do with Pillow images. */
export function fitPixels(
  image: Pixels,
  path: string,
  spec: ResolvedPreprocess,
  into = roomFor(...spec.size),
): Uint8Array {
  const geometry = geometryOf(image.height, image.width, spec);
  const [height, width] = spec.size;
  if (!geometry) {
    throw new UserError(
      `The image ${shownPath(path)} is ${image.height} × ${image.width} (height × width), but with \`crop-mode: none\` every image must come out as ${height} × ${width}. Use \`crop-mode: center\`, or \`resize: [${height}, ${width}]\`.`,
    );
  }
  const { resized, top, left } = geometry;
  const inside = intersect(resized, { top, left, height, width });
  if (inside.height === height && inside.width === width)
    return resize(image, resized, inside, spec.interpolation, into);
  const part = resize(image, resized, inside, spec.interpolation);
  return padded(part, inside, { top, left, height, width }, spec.fill ?? [0, 0, 0], into);
}

/** The part of the wanted window that lies in the image. */
function intersect([height, width]: readonly [number, number], wanted: Window): Window {
  const top = Math.max(0, wanted.top);
  const left = Math.max(0, wanted.left);
  return {
    top,
    left,
    height: Math.min(height, wanted.top + wanted.height) - top,
    width: Math.min(width, wanted.left + wanted.width) - left,
  };
}

/** Sets the part into a window of one colour. */
function padded(
  part: Uint8Array,
  inside: Window,
  wanted: Window,
  fill: readonly number[],
  into: Uint8Array,
): Uint8Array {
  Buffer.from(into.buffer, into.byteOffset, into.length).fill(Uint8Array.from(fill));
  for (let y = 0; y < inside.height; y++) {
    const row = part.subarray(y * inside.width * 3, (y + 1) * inside.width * 3);
    into.set(row, ((inside.top - wanted.top + y) * wanted.width + inside.left - wanted.left) * 3);
  }
  return into;
}
