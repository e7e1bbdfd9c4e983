import type { ResolvedPreprocess, Size } from './preprocess-spec.ts';
import { roundHalfEven } from './rounding.ts';

/** What part of which resized image is wanted. All numbers are pixels; `left` and `top` may be negative (zeros there). */
export interface Geometry {
  /** Size to resize the whole image to; equal to the image's own size where nothing is to be resized. */
  readonly resized: Size;
  /** Position of the final image's corner within the resized one. */
  readonly top: number;
  readonly left: number;
}

/**
 * How an image of this height and width becomes one of the spec's final size. Undefined when nothing may be cut
 * (`crop: none`) but the resized image has not the final size.
 */
export function geometryOf(height: number, width: number, spec: ResolvedPreprocess): Geometry | undefined {
  const resized = resizedSize(height, width, spec);
  const [finalHeight, finalWidth] = spec.size;
  if (spec.crop === 'none' && (resized[0] !== finalHeight || resized[1] !== finalWidth)) return undefined;
  return { resized, ...cropOf(resized, spec.size) };
}

/**
 * Size after resizing. `shorter` follows torchvision's `Resize(int)`: the longer side is int(size * long / short).
 * `cover` and `inside` follow timm's `ResizeKeepRatio`: both sides divided by the smaller or the larger ratio, rounded half
 * to even.
 */
function resizedSize(height: number, width: number, { resizing }: ResolvedPreprocess): Size {
  if (resizing.kind === 'none') return [height, width];
  if (resizing.kind === 'exact') return resizing.size;
  if (resizing.kind !== 'shorter') {
    const ratios = [height / resizing.size[0], width / resizing.size[1]];
    const ratio = resizing.kind === 'cover' ? Math.min(...ratios) : Math.max(...ratios);
    return [Math.max(1, roundHalfEven(height / ratio)), Math.max(1, roundHalfEven(width / ratio))];
  }
  const { pixels } = resizing;
  if (width <= height) return [Math.trunc((pixels * height) / width), pixels];
  return [pixels, Math.trunc((pixels * width) / height)];
}

/**
 * Corner of torchvision's `CenterCrop`: an image that is smaller along an axis is first padded with zeros, (missing / 2,
 * rounded down) before it; then the crop starts at round((length - wanted) / 2), halves to even.
 */
function cropOf([height, width]: Size, [wantedHeight, wantedWidth]: Size): { top: number; left: number } {
  const start = (length: number, wanted: number) =>
    wanted > length ? -Math.floor((wanted - length) / 2) : roundHalfEven((length - wanted) / 2);
  return { top: start(height, wantedHeight), left: start(width, wantedWidth) };
}
