import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { describe, expect, test } from 'vitest';
import { resnet } from '../../bench/networks.ts';
import { photograph } from '../../bench/photographs.ts';
import { writeWeights } from '../../bench/cases.ts';
import { openNetwork } from '../../vision/onnx/network.ts';
import { temporaryFolder } from '../support/fake-task.ts';
import { INSTALL, pythonWith, runPython } from '../support/python.ts';

const HOOKS = dirname(fileURLToPath(new URL('../../bench/pytorch/hooks.py', import.meta.url)));
const LOGITS = `
import json, pathlib, sys
asked = json.load(sys.stdin)
sys.path.insert(0, asked["hooks"])
import hooks, numpy as np, torch, torchvision
pixels = np.fromfile(asked["pixels"], np.uint8).reshape(-1, asked["size"], asked["size"], 3)
images = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - 0.5) / 0.25
answers = []
for each in asked["networks"]:
    network = getattr(torchvision.models, each["name"])(weights=None, num_classes=10)
    network = hooks.with_weights(network, pathlib.Path(each["weights"])).eval()
    with torch.no_grad():
        answers.append(network(images).tolist())
print(json.dumps(answers))
`;

const digest = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

describe('photographs', () => {
  test('are JPEG files of the size of those in ImageNet, some of them upright', async () => {
    const all = await Promise.all(Array.from({ length: 12 }, (_, seed) => photograph(seed)));
    const sizes = await Promise.all(all.map(async (bytes) => sharp(bytes).metadata()));
    const shapes = new Set(sizes.map(({ format, width, height }) => `${format} ${width} × ${height}`));
    expect([...shapes].sort()).toEqual(['jpeg 375 × 500', 'jpeg 500 × 375']);
    const mean = all.reduce((sum, { length }) => sum + length, 0) / all.length;
    expect(mean).toBeGreaterThan(80_000);
    expect(mean).toBeLessThan(120_000);
    expect(new Set(all.map(digest)).size).toBe(all.length);
    expect(digest(await photograph(3))).toBe(digest(all[3]!));
  });

  test('have dark and light, and no channel like another', async () => {
    const { channels } = await sharp(await photograph(1)).stats();
    for (const { stdev, mean } of channels) {
      expect(stdev).toBeGreaterThan(25);
      expect(mean).toBeGreaterThan(50);
      expect(mean).toBeLessThan(205);
    }
  });
});

describe('networks', () => {
  const size = 64;
  const noise = Uint8Array.from({ length: 3 * size * size * 3 }, (_, i) => (i * 7919) % 251);

  async function results(depth: 18 | 50, foldNorms: boolean) {
    const file = join(temporaryFolder(), 'network.onnx');
    writeFileSync(file, resnet(depth, { size, classes: 10, foldNorms }).bytes);
    const options = {
      layers: ['all'],
      tokens: 'mean',
      output: 'auto',
      preprocess: { mean: 0.5, std: 0.25 },
    } as const;
    const network = await openNetwork(file, options);
    const { activations, output } = await network.run(noise, 3);
    const layers = network.layers.map(({ type, units }, i) => ({ type, units, values: activations[i]! }));
    await network.close();
    return { layers, output: output! };
  }

  test.each([
    [18, 20],
    [50, 53],
  ] as const)('ResNet-%i has its layers, and activations of order 1', async (depth, convolutions) => {
    const { layers } = await results(depth, false);
    const count = (type: string) => layers.filter((layer) => layer.type === type).length;
    expect([count('conv'), count('batch-norm'), count('linear')]).toEqual([convolutions, convolutions, 1]);
    for (const { values } of layers) {
      const power = values.reduce((sum, value) => sum + value * value, 0) / values.length;
      expect(Math.sqrt(power)).toBeGreaterThan(0.03);
      expect(Math.sqrt(power)).toBeLessThan(5);
    }
  });

  // Numbers of parameters as torchvision's documentation gives them.
  test.each([
    [18, 11_689_512],
    [50, 25_557_032],
  ] as const)('ResNet-%i has %i parameters', (depth, parameters) => {
    const learned = [...resnet(depth).state].filter(([name]) => !name.includes('running'));
    expect(learned.reduce((sum, [, { values }]) => sum + values.length, 0)).toBe(parameters);
  });

  test('norms can be folded into convolutions: the same results', async () => {
    const [apart, folded] = [await results(18, false), await results(18, true)];
    expect(folded.layers.map(({ type }) => type)).toEqual([...Array(20).fill('conv'), 'linear']);
    const largest = Math.max(...apart.output.map(Math.abs));
    folded.output.forEach((value, i) => {
      expect(Math.abs(value - apart.output[i]!)).toBeLessThan(1e-5 * largest);
    });
  });

  const python = pythonWith('torch', 'torchvision', 'PIL', 'numpy');
  test.skipIf(!python)(`torchvision's with the same weights give the same logits (${INSTALL})`, async () => {
    const folder = temporaryFolder();
    const pixels = join(folder, 'pixels');
    writeFileSync(pixels, noise);
    const networks = ([18, 50] as const).map((depth) => {
      const weights = join(folder, `${depth}.json`);
      writeWeights(weights, resnet(depth, { size, classes: 10 }).state);
      return { depth, name: `resnet${depth}`, weights };
    });
    const answers = runPython<number[][][]>(python!, LOGITS, { hooks: HOOKS, networks, pixels, size });
    for (const [i, { depth }] of networks.entries()) {
      const expected = answers[i]!.flat();
      const { output } = await results(depth, false);
      expect(output).toHaveLength(expected.length);
      const largest = Math.max(...expected.map(Math.abs));
      expected.forEach((value, at) => {
        expect(Math.abs(value - output[at]!)).toBeLessThan(1e-5 * largest);
      });
    }
  });
});
