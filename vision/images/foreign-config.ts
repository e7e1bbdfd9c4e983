import { type Interpolation, type Preprocess, preprocessSchema } from './preprocess-spec.ts';

/** A JSON object of another tool. */
type Foreign = Readonly<Record<string, unknown>>;

const object = (value: unknown): Foreign | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Foreign) : undefined;
const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined);

/**
 * Preprocessing by the `config.json` that timm puts beside its weights (`pretrained_cfg`, or the same keys at the top, as it
 * was before). Undefined when it is another file.
 */
export function fromTimm(json: unknown): Preprocess | undefined {
  const outer = object(json);
  const config = object(outer?.pretrained_cfg) ?? outer;
  const size = config?.input_size ?? config?.test_input_size;
  if (!config || !Array.isArray(size) || size.length !== 3 || config.mean === undefined) return undefined;
  return checked({
    size: [size[1], size[2]],
    'crop-pct': number(config.test_crop_pct) ?? number(config.crop_pct) ?? 0.875,
    'crop-mode': config.crop_mode,
    interpolation: config.interpolation,
    mean: config.mean,
    std: config.std,
  });
}

/** Pillow's numbers of resampling filters. */
const RESAMPLE: Readonly<Record<number, Interpolation>> = {
  0: 'nearest',
  1: 'lanczos',
  2: 'bilinear',
  3: 'bicubic',
  4: 'box',
};

/**
 * Preprocessing by the `preprocessor_config.json` of Hugging Face transformers' image processors: resize, centre crop,
 * rescale, normalise, in this order. Undefined when it is another file, or does something that has no name here.
 */
export function fromTransformers(json: unknown): Preprocess | undefined {
  const config = object(json);
  if (!config || (config.image_mean === undefined && config.do_resize === undefined)) return undefined;
  const normalises = config.do_normalize !== false;
  const sizes = placed(config);
  if (!sizes) return undefined;
  const scale = number(config.rescale_factor) ?? 1 / 255;
  const range = config.do_rescale === false ? [0, 255] : [0, scale * 255];
  return checked({
    ...sizes,
    interpolation: RESAMPLE[number(config.resample) ?? 2],
    range: Math.abs(range[1]! - 1) < 1e-6 ? undefined : range,
    mean: normalises ? config.image_mean : undefined,
    std: normalises ? config.image_std : undefined,
  });
}

/** Resizing and cropping. */
function placed(config: Foreign): Preprocess | undefined {
  const side = (value: unknown) => pair(object(value)) ?? number(value);
  const size = object(config.size);
  const shortest = number(size?.shortest_edge) ?? (size ? undefined : number(config.size));
  if (config.do_resize === false) return { resize: 'none', size: side(config.crop_size) } as Preprocess;
  const share = number(config.crop_pct);
  // ConvNeXt's processor: below 384 resized by the share and cropped, from there on squashed.
  if (share !== undefined && shortest !== undefined) {
    return shortest < 384
      ? { size: shortest, 'crop-pct': share }
      : ({ size: shortest, 'crop-mode': 'squash' } as Preprocess);
  }
  const crops =
    config.do_center_crop === true || (config.do_center_crop === undefined && config.crop_size !== undefined);
  const resize = pair(size) ?? shortest;
  if (resize === undefined) return undefined;
  if (crops) return { resize, size: side(config.crop_size) ?? resize } as Preprocess;
  // Without a crop a number means both sides, in the processors that take one.
  return { resize: typeof resize === 'number' ? [resize, resize] : resize, size: resize } as Preprocess;
}

function pair(size: Foreign | undefined): [number, number] | undefined {
  const [height, width] = [number(size?.height), number(size?.width)];
  return height === undefined || width === undefined ? undefined : [height, width];
}

/** Checked as a config is, keys without a value left out. */
function checked(values: Foreign): Preprocess | undefined {
  const given = Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && value !== null),
  );
  const result = preprocessSchema.safeParse(given);
  return result.success ? result.data : undefined;
}
