import { describe, expect, it } from 'vitest';
import { floatTensor } from '../../../vision/onnx/build.ts';
import { openNetwork } from '../../../vision/onnx/network.ts';
import { folder, node, pixels, write } from './make.ts';

const where = folder();
const FLOAT16 = 10;

describe('float16', () => {
  // Pixels of 1 become 30,000 and -20,000; the sum over 36 of them is far beyond 65,504, the largest float16.
  const nodes = [
    node('Cast', ['weight'], 'w', { to: FLOAT16 }),
    node('Conv', ['input', 'w'], 'y'),
    node('Transpose', ['y'], 'last', { perm: [0, 2, 3, 1] }),
  ];
  const weights = [floatTensor([2, 3, 1, 1], [10_000, 10_000, 10_000, -20_000, 0, 0], 'weight')];
  const input = ['N', 3, 6, 6];
  const file = write(where, 'large.onnx', { nodes, weights, input, elemType: FLOAT16, output: 'last' });

  it('is averaged in float32: means of large activations are finite', async () => {
    const layers = ['conv', 'tensor:last@-1'];
    const network = await openNetwork(file, { layers, tokens: 'mean', output: 'none', preprocess: {} });
    const { activations } = await network.run(new Uint8Array(2 * 6 * 6 * 3).fill(255), 2);
    await network.close();
    for (const values of activations) expect([...values]).toEqual([30_000, -20_000, 30_000, -20_000]);
  });

  it('is what the pixels are converted to after they were normalised', async () => {
    const images = pixels(2, 6, 6);
    const preprocess = { mean: 0.5, std: 0.25 };
    const network = await openNetwork(file, { layers: ['conv'], tokens: 'mean', output: 'none', preprocess });
    const { activations } = await network.run(images, 2);
    await network.close();
    const means = [0, 1].map((image) => {
      const values = Array.from({ length: 36 }, (_, i) => images[(image * 36 + i) * 3]!);
      return values.reduce((sum, value) => sum + (value / 255 - 0.5) / 0.25, 0) / 36;
    });
    means.forEach((mean, image) => {
      expect(Math.abs(activations[0]![2 * image + 1]! + 20_000 * mean)).toBeLessThan(2e-3 * 20_000);
    });
  });
});
