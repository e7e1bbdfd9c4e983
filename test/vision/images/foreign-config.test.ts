import { describe, expect, it } from 'vitest';
import { fromTimm, fromTransformers } from '../../../vision/images/foreign-config.ts';

const IMAGENET = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

describe("timm's config.json", () => {
  const pretrained = {
    input_size: [3, 224, 288],
    interpolation: 'bicubic',
    crop_pct: 0.95,
    crop_mode: 'center',
    ...IMAGENET,
  };
  const expected = {
    size: [224, 288],
    interpolation: 'bicubic',
    'crop-pct': 0.95,
    'crop-mode': 'center',
    ...IMAGENET,
  };

  it('with pretrained_cfg, and as it was before', () => {
    expect(fromTimm({ architecture: 'x', pretrained_cfg: pretrained })).toEqual(expected);
    expect(fromTimm({ architecture: 'x', ...pretrained })).toEqual(expected);
    expect(fromTimm({ pretrained_cfg: { ...pretrained, crop_mode: 'squash' } })?.['crop-mode']).toBe(
      'squash',
    );
  });

  it.each([{ model_type: 'vit', image_size: 224 }, null, [], 'x'])('is none: %j', (json) => {
    expect(fromTimm(json)).toBeUndefined();
  });
});

describe("transformers' preprocessor_config.json", () => {
  const common = { do_normalize: true, image_mean: IMAGENET.mean, image_std: IMAGENET.std };

  it.each([
    // DINOv2
    [
      {
        do_resize: true,
        size: { shortest_edge: 256 },
        do_center_crop: true,
        crop_size: { height: 224, width: 224 },
        resample: 3,
        rescale_factor: 0.00392156862745098,
      },
      { resize: 256, size: [224, 224], interpolation: 'bicubic' },
    ],
    // ViT
    [
      { do_resize: true, size: { height: 224, width: 224 }, resample: 2 },
      { resize: [224, 224], size: [224, 224], interpolation: 'bilinear' },
    ],
    // CLIP, as it was first
    [
      { do_resize: true, size: 224, do_center_crop: true, crop_size: 224, resample: 3 },
      { resize: 224, size: 224, interpolation: 'bicubic' },
    ],
    // ConvNeXt
    [
      { do_resize: true, size: { shortest_edge: 224 }, crop_pct: 0.875, resample: 3 },
      { size: 224, 'crop-pct': 0.875, interpolation: 'bicubic' },
    ],
    [
      { do_resize: true, size: { shortest_edge: 384 }, crop_pct: 1, resample: 3 },
      { size: 384, 'crop-mode': 'squash', interpolation: 'bicubic' },
    ],
  ])('%j', (json, expected) => {
    expect(fromTransformers({ ...json, ...common })).toEqual({ ...expected, ...IMAGENET });
  });

  it('without normalisation or rescaling', () => {
    expect(
      fromTransformers({
        do_resize: true,
        size: 64,
        do_normalize: false,
        image_mean: [1, 1, 1],
        do_rescale: false,
      }),
    ).toEqual({
      resize: [64, 64],
      size: 64,
      interpolation: 'bilinear',
      range: [0, 255],
    });
    expect(fromTransformers({ architectures: ['X'] })).toBeUndefined();
  });
});
