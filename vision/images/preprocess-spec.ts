import { z } from 'zod';
import { UserError } from '../../common/errors.ts';
import { roundHalfEven } from './rounding.ts';

const pixels = z.int().min(1).max(16384);
const size = z.union([pixels, z.tuple([pixels, pixels])]);
const three = (number: z.ZodType<number>) => z.union([number, z.tuple([number, number, number])]);

/**
 * A model's preprocessing, said the way torchvision and timm say it. Images become RGB, upright, 8 bits a channel; they
 * are resized and cropped as Pillow does it, and then `x = (range(pixel) - mean) / std`.
 */
export const preprocessSchema = z
  .strictObject({
    preset: z
      .enum(['imagenet'])
      .optional()
      .describe('imagenet: size 224, crop-pct 0.875 (resize 256), bilinear, ImageNet mean and std'),
    size: size
      .optional()
      .describe("Final size, one number or [height, width]; by default the model's own input size"),
    crop: size.optional().describe("torchvision's word for `size`; give one of the two"),
    resize: z
      .union([size, z.literal('none')])
      .optional()
      .describe(
        'Shorter side after resizing, or [height, width] exactly, or none; default: just covers `size`',
      ),
    'crop-pct': z
      .number()
      .gt(0)
      .max(1)
      .optional()
      .describe('timm: resize to floor(size / crop-pct), then crop; instead of `resize`'),
    'crop-mode': z
      .enum(['center', 'squash', 'border', 'none'])
      .optional()
      .describe(
        'center: keep the proportions, cut the centre out; squash: resize both sides, ignoring proportions; border: resize the whole image into the size, a border of the mean around it; none: cut nothing, every image must come out in the final size',
      ),
    interpolation: z.enum(['bilinear', 'bicubic', 'nearest', 'lanczos', 'box']).optional(),
    antialias: z.literal(true).optional().describe('Pillow always does it; there is no other way here'),
    mean: three(z.number()).optional().describe('Per channel, in the order of `channel-order`; default 0'),
    std: three(z.number().gt(0))
      .optional()
      .describe('Per channel, in the order of `channel-order`; default 1'),
    'channel-order': z.enum(['rgb', 'bgr']).optional(),
    range: z
      .tuple([z.number(), z.number()])
      .optional()
      .describe('What pixel values 0 and 255 become before mean and std; default [0, 1]'),
    layout: z
      .enum(['nchw', 'nhwc', 'auto'])
      .optional()
      .describe("Order of the model's input axes; auto: where its channels axis of 3 stands"),
  })
  .check((context) => {
    const spec = context.value;
    const refuse = (key: string, message: string) =>
      context.issues.push({ code: 'custom', message, path: [key], input: spec });
    if (spec.size !== undefined && spec.crop !== undefined) {
      refuse('crop', '`crop` and `size` mean the same: give one of them');
    }
    if (spec['crop-pct'] !== undefined && spec.resize !== undefined) {
      refuse('crop-pct', '`crop-pct` and `resize` both say how large to resize: give one of them');
    }
    const mode = spec['crop-mode'];
    if ((mode === 'squash' || mode === 'border') && spec.resize !== undefined) {
      refuse(
        'resize',
        `\`crop-mode: ${mode}\` resizes to size / crop-pct: leave \`resize\` out, or the crop mode`,
      );
    }
    if (spec.range && !(spec.range[0] < spec.range[1])) {
      refuse('range', 'the range must ascend, as in [0, 1], [0, 255] or [-1, 1]');
    }
  });

/** Preprocessing as a config gives it; keys that are left out have the defaults that the schema describes. */
export type Preprocess = z.infer<typeof preprocessSchema>;

export type Interpolation = NonNullable<Preprocess['interpolation']>;
/** Height and width in pixels. */
export type Size = readonly [height: number, width: number];
type Triple = readonly [number, number, number];

/**
 * How an image is resized before it is cropped:
 * - `none`
 * - `shorter`: the shorter side becomes `pixels` (torchvision's `Resize(int)`)
 * - `cover`: the smallest size of the same proportions that covers `size` (timm's non-square `ResizeKeepRatio`)
 * - `inside`: the largest size of the same proportions that lies within `size` (timm's `ResizeKeepRatio(longest=1)`)
 * - `exact`: to `size`, whatever the proportions
 */
export type Resizing =
  | { readonly kind: 'none' }
  | { readonly kind: 'shorter'; readonly pixels: number }
  | { readonly kind: 'cover' | 'inside' | 'exact'; readonly size: Size };

/** Preprocessing with every choice made. Plain JSON. */
export interface ResolvedPreprocess {
  readonly size: Size;
  readonly resizing: Resizing;
  readonly crop: 'center' | 'none';
  /** Pixel (red, green, blue) that stands around an image which is smaller than `size`; zeros by default. */
  readonly fill?: Triple;
  readonly interpolation: Interpolation;
  readonly mean: Triple;
  readonly std: Triple;
  readonly channelOrder: 'rgb' | 'bgr';
  readonly range: readonly [number, number];
  readonly layout: 'nchw' | 'nhwc';
}

const PRESETS: Record<NonNullable<Preprocess['preset']>, { size: Size; spec: Preprocess }> = {
  imagenet: {
    size: [224, 224],
    spec: { 'crop-pct': 0.875, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  },
};

/** Axes of a model's image input; a number where the model fixes it, anything else where it is free. */
export type InputShape = readonly (number | bigint | string | null | undefined)[];

/**
 * Fills in what the config leaves out, from the preset and from the model's input shape (`[N, 3, H, W]` or
 * `[N, H, W, 3]`). Throws a UserError when the final size isn't given anywhere, contradicts the model, or the input has
 * no axis of 3 channels.
 */
export function resolvePreprocess(given: Preprocess, input?: InputShape): ResolvedPreprocess {
  const preset = given.preset && PRESETS[given.preset];
  const spec = merged(given, preset?.spec);
  const layout = layoutOf(given.layout ?? 'auto', input);
  const size = sizeOf(given, preset?.size, fixedSize(input, layout));
  return {
    size,
    resizing: resizingOf(spec, size),
    crop: spec['crop-mode'] === 'none' ? 'none' : 'center',
    ...(spec['crop-mode'] === 'border' && { fill: meanPixel(spec) }),
    interpolation: spec.interpolation ?? 'bilinear',
    mean: tripleOf(spec.mean ?? 0),
    std: tripleOf(spec.std ?? 1),
    channelOrder: spec['channel-order'] ?? 'rgb',
    range: spec.range ?? [0, 1],
    layout,
  };
}

/** The preset's keys where the config has none; a config's `resize` takes the place of the preset's `crop-pct`. */
function merged(given: Preprocess, preset: Preprocess | undefined): Preprocess {
  if (!preset) return given;
  if (given.resize === undefined) return { ...preset, ...given };
  const { 'crop-pct': _, ...rest } = preset;
  return { ...rest, ...given };
}

function layoutOf(layout: 'nchw' | 'nhwc' | 'auto', input: InputShape | undefined): 'nchw' | 'nhwc' {
  if (!input) return layout === 'auto' ? 'nchw' : layout;
  const shape = input.map((axis) => (typeof axis === 'bigint' ? Number(axis) : axis));
  const shown = `[${shape.map((axis) => axis ?? '?').join(', ')}]`;
  if (shape.length !== 4) {
    throw new UserError(
      `The model's input has the shape ${shown}; images need four axes, [N, 3, H, W] or [N, H, W, 3].`,
    );
  }
  const canBe = (axis: number) => typeof shape[axis] !== 'number' || shape[axis] <= 0 || shape[axis] === 3;
  const found = layout !== 'auto' ? layout : shape[1] === 3 || shape[3] !== 3 ? 'nchw' : 'nhwc';
  if (canBe(found === 'nchw' ? 1 : 3)) return found;
  throw new UserError(
    layout === 'auto'
      ? `The model's input has the shape ${shown}: neither axis 1 nor axis 3 has 3 channels. Only models of RGB images can be used.`
      : `The model's input has the shape ${shown}, which has not 3 channels where \`preprocess.layout: ${layout}\` has them. Use \`auto\` or the other layout.`,
  );
}

function fixedSize(input: InputShape | undefined, layout: 'nchw' | 'nhwc'): (number | undefined)[] {
  const axes = layout === 'nchw' ? [2, 3] : [1, 2];
  return axes.map((axis) => {
    const length = Number(input?.[axis] ?? 0);
    return Number.isInteger(length) && length > 0 ? length : undefined;
  });
}

function sizeOf(given: Preprocess, preset: Size | undefined, fixed: readonly (number | undefined)[]): Size {
  const asked = given.size ?? given.crop ?? (Array.isArray(given.resize) ? given.resize : undefined);
  const [height, width] = fixed;
  if (asked === undefined) {
    if (height && width) return [height, width];
    const size = preset && ([height ?? preset[0], width ?? preset[1]] as const);
    if (size) return size;
    throw new UserError(
      "The size of the model's input images is known neither from the model (its height and width are free) nor from the config. Add for example `preprocess: { size: 224 }` to the model.",
    );
  }
  const size = pair(asked);
  if ((height && height !== size[0]) || (width && width !== size[1])) {
    throw new UserError(
      `The config asks for images of ${size.join(' × ')} (height × width), but the model takes ${height ?? 'any'} × ${width ?? 'any'}. Change \`preprocess.size\`, or leave it out.`,
    );
  }
  return size;
}

function resizingOf(spec: Preprocess, size: Size): Resizing {
  if (spec.resize === 'none') return { kind: 'none' };
  if (typeof spec.resize === 'number') return { kind: 'shorter', pixels: spec.resize };
  if (spec.resize) return { kind: 'exact', size: spec.resize };
  const share = spec['crop-pct'] ?? 1;
  const scaled: Size = [Math.floor(size[0] / share), Math.floor(size[1] / share)];
  if (spec['crop-mode'] === 'squash') return { kind: 'exact', size: scaled };
  if (spec['crop-mode'] === 'border') return { kind: 'inside', size: scaled };
  return scaled[0] === scaled[1] ? { kind: 'shorter', pixels: scaled[0] } : { kind: 'cover', size: scaled };
}

/** The pixel that becomes 0 after the normalisation, as near as whole numbers come; rounded as Python rounds. */
function meanPixel(spec: Preprocess): Triple {
  const [low, high] = spec.range ?? [0, 1];
  const pixels = tripleOf(spec.mean ?? 0).map((mean) => roundHalfEven((255 * (mean - low)) / (high - low)));
  const [red, green, blue] = spec['channel-order'] === 'bgr' ? pixels.reverse() : pixels;
  return [red!, green!, blue!];
}

const pair = (value: number | readonly [number, number]): Size =>
  typeof value === 'number' ? [value, value] : value;

const tripleOf = (value: number | Triple): Triple =>
  typeof value === 'number' ? [value, value, value] : value;

/**
 * The affine map from 8-bit pixel values to the model's input, `x = pixel * scale + bias`, a value a channel in the
 * model's channel order: scale = (high - low) / 255 / std, bias = (low - mean) / std for `range: [low, high]`.
 */
export function normalisation(spec: ResolvedPreprocess): {
  readonly scale: Triple;
  readonly bias: Triple;
  readonly channelOrder: 'rgb' | 'bgr';
} {
  const [low, high] = spec.range;
  const map = (of: (mean: number, std: number) => number): Triple => [
    of(spec.mean[0], spec.std[0]),
    of(spec.mean[1], spec.std[1]),
    of(spec.mean[2], spec.std[2]),
  ];
  return {
    scale: map((_, std) => (high - low) / 255 / std),
    bias: map((mean, std) => (low - mean) / std),
    channelOrder: spec.channelOrder,
  };
}
