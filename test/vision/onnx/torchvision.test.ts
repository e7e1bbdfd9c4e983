import { describe, expect, it } from 'vitest';
import { INSTALL, pythonWith } from '../../support/python.ts';
import { compareWithHooks, type Exported } from './hooked.ts';

const python = pythonWith('torch', 'torchvision', 'numpy');
const wide = process.env.MIS_TEST_WIDE === '1';

const NETWORKS = [
  'resnet18',
  'resnet50',
  'densenet121',
  'googlenet',
  'mobilenet_v2',
  'mobilenet_v3_large',
  'efficientnet_b0',
  'regnet_y_400mf',
  'convnext_tiny',
  'vit_b_32',
  'swin_t',
];

const plain = (network: string, opset: number, options: Exported['options'] = {}): Exported => ({
  network,
  exporter: 'torchscript',
  opset,
  size: 64,
  options,
});

/** What is always tried: the networks whose kinds torch.test.ts hasn't, and the exporter's forms. */
const SOME: readonly Exported[] = [
  plain('googlenet', 11),
  plain('efficientnet_b0', 17, { fixed: true }),
  plain('regnet_x_400mf', 15, { initializers: true }),
  plain('mobilenet_v3_small', 13, { untouched: true }),
];

/** `MIS_TEST_WIDE=1`: every network, every opset from 11 to 17, and untrained weights; class tokens. */
const ALL: readonly Exported[] = [
  ...NETWORKS.flatMap((network) => [
    ...[11, 12, 13, 14, 15, 16, 17].map((opset) => plain(network, opset)),
    plain(network, 17, { untouched: true }),
  ]),
  ...[11, 14, 17].map((opset) => plain('vit_b_32', opset, { cls: true })),
];

const title = ({ network, exporter, opset, options }: Exported) =>
  [network, exporter, `opset ${opset}`, ...Object.keys(options)].join(', ');

describe.skipIf(!python)(`torchvision's networks agree with PyTorch's hooks (${INSTALL})`, () => {
  it.each((wide ? ALL : SOME).map((exported) => ({ title: title(exported), exported })))(
    '$title',
    async ({ exported }) => {
      const { problems, layers } = await compareWithHooks(python!, exported);
      expect(problems).toEqual([]);
      expect(layers).toBeGreaterThan(20);
    },
    wide ? 600_000 : 120_000,
  );
});

/**
 * A newer PyTorch (2.x with onnxscript, and timm), which Debian doesn't have: the Python that MIS_TEST_TORCH2 names. With
 * `optimize` its exporter folds batch norms into convolutions, so that is left off.
 */
const newer = process.env.MIS_TEST_TORCH2;
const NEWER: readonly Exported[] = [
  ...(wide ? NETWORKS : ['resnet18', 'convnext_tiny']).map(
    (network) => ({ ...plain(network, 18), exporter: 'dynamo' }) as const,
  ),
  ...['timm/vit_tiny_patch16_224', 'timm/convnext_atto', 'timm/resnetv2_50d_gn', 'timm/mixer_s32_224'].map(
    (network) => ({ ...plain(network, 18), exporter: 'dynamo' }) as const,
  ),
  ...['timm/vit_tiny_patch16_224', 'timm/convnext_atto', 'timm/resnetv2_50d_gn'].map((network) =>
    plain(network, 17),
  ),
  ...['resnet18', 'convnext_tiny'].map((network) => plain(network, 18)),
];

describe.skipIf(!newer)('networks of a newer PyTorch, both of its exporters (MIS_TEST_TORCH2=python)', () => {
  it.each(NEWER.map((exported) => ({ title: title(exported), exported })))(
    '$title',
    async ({ exported }) => {
      expect((await compareWithHooks(newer!, exported)).problems).toEqual([]);
    },
    600_000,
  );
});
