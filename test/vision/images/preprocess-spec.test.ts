import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  normalisation,
  type Preprocess,
  preprocessSchema,
  resolvePreprocess,
} from '../../../vision/images/preprocess-spec.ts';

const problems = (spec: unknown) =>
  preprocessSchema.safeParse(spec).error?.issues.map((issue) => [issue.path.join('.'), issue.message]) ?? [];

test('the ImageNet preset is resize 256, crop 224 and the usual mean and std', () => {
  expect(resolvePreprocess({ preset: 'imagenet' })).toEqual({
    size: [224, 224],
    resizing: { kind: 'shorter', pixels: 256 },
    crop: 'center',
    interpolation: 'bilinear',
    mean: [0.485, 0.456, 0.406],
    std: [0.229, 0.224, 0.225],
    channelOrder: 'rgb',
    range: [0, 1],
    layout: 'nchw',
  });
});

test('a preset gives way to what the config and the model say', () => {
  const spec = resolvePreprocess({ preset: 'imagenet', interpolation: 'bicubic', mean: 0.5 }, [
    'N',
    3,
    299,
    299,
  ]);
  expect(spec).toMatchObject({
    size: [299, 299],
    resizing: { kind: 'shorter', pixels: 341 },
    mean: [0.5, 0.5, 0.5],
  });
  expect(resolvePreprocess({ preset: 'imagenet', resize: 232 }).resizing).toEqual({
    kind: 'shorter',
    pixels: 232,
  });
});

test("the model's input gives size and layout", () => {
  expect(resolvePreprocess({}, ['batch', 3, 32, 32])).toMatchObject({
    size: [32, 32],
    layout: 'nchw',
    resizing: { kind: 'shorter', pixels: 32 },
  });
  expect(resolvePreprocess({}, [1n, 224n, 192n, 3n])).toMatchObject({ size: [224, 192], layout: 'nhwc' });
  expect(resolvePreprocess({ size: 64 }, [null, 3, null, -1])).toMatchObject({ size: [64, 64] });
  expect(resolvePreprocess({ resize: [16, 24] }, ['N', 3, 'h', 'w'])).toMatchObject({ size: [16, 24] });
});

test.each<[string, Preprocess, (number | string | null)[] | undefined, RegExp]>([
  ['no size anywhere', {}, ['N', 3, 'h', 'w'], /size: 224/],
  ['no size, no model', { resize: 256 }, undefined, /size: 224/],
  ['contradicts the model', { size: 224 }, [1, 3, 299, 299], /224 × 224 .* 299 × 299/],
  ['no axis of three channels', {}, [1, 1, 28, 28], /\[1, 1, 28, 28\].*RGB/],
  ['the other layout', { layout: 'nhwc' }, [1, 3, 32, 32], /layout: nhwc/],
  ['not an image input', {}, [1, 768], /four axes/],
])('refuses: %s', (_, spec, input, message) => {
  expect(() => resolvePreprocess(spec, input)).toThrow(message);
});

test('the schema refuses what contradicts itself, at the key', () => {
  expect(problems({ size: 224, crop: 224 })).toEqual([['crop', expect.stringContaining('the same')]]);
  expect(problems({ resize: 256, 'crop-pct': 0.9 })).toEqual([
    ['crop-pct', expect.stringContaining('one of')],
  ]);
  expect(problems({ resize: 256, 'crop-mode': 'squash' })).toEqual([['resize', expect.any(String)]]);
  expect(problems({ range: [1, 0] })).toEqual([['range', expect.stringContaining('ascend')]]);
  expect(problems({ std: [1, 0, 1] })).toHaveLength(1);
  expect(problems({ mean: [0.5, 0.5] })).toHaveLength(1);
  expect(problems({ 'crop-pct': 1.2 })).toHaveLength(1);
  expect(problems({ antialias: false })).toHaveLength(1);
  expect(problems({ resise: 3 })).toEqual([['', expect.stringContaining('resise')]]);
});

test('the schema exports as JSON Schema with a description of every key that needs one', () => {
  const json = z.toJSONSchema(preprocessSchema) as { properties: Record<string, unknown> };
  expect(Object.keys(json.properties)).toContain('crop-pct');
});

const at = (spec: Preprocess, channel: 0 | 1 | 2, pixel: number) => {
  const { scale, bias } = normalisation(resolvePreprocess({ size: 8, ...spec }));
  return pixel * scale[channel] + bias[channel];
};

test('normalisation as the frameworks compute it', () => {
  // torchvision: (128 / 255 − 0.456) / 0.224
  expect(at({ preset: 'imagenet' }, 1, 128)).toBeCloseTo((128 / 255 - 0.456) / 0.224, 12);
  // Keras "tf" mode: x / 127.5 − 1, said in two ways
  expect(at({ range: [-1, 1] }, 0, 200)).toBeCloseTo(200 / 127.5 - 1, 12);
  expect(at({ mean: 0.5, std: 0.5 }, 0, 200)).toBeCloseTo(200 / 127.5 - 1, 12);
  // Keras "caffe" mode: BGR, blue less 103.939
  const caffe: Preprocess = { range: [0, 255], mean: [103.939, 116.779, 123.68], 'channel-order': 'bgr' };
  expect(at(caffe, 0, 10)).toBeCloseTo(10 - 103.939, 12);
  expect(normalisation(resolvePreprocess({ size: 8, ...caffe })).channelOrder).toBe('bgr');
  // nothing declared: values between 0 and 1
  expect([at({}, 2, 0), at({}, 2, 255)]).toEqual([0, 1]);
});
