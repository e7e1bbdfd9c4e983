import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import { openDirections } from '../../vision/onnx/directions.ts';
import { inspectModel } from '../../vision/onnx/inspect.ts';
import { readMetadata } from '../../vision/onnx/metadata.ts';
import { openNetwork } from '../../vision/onnx/network.ts';
import { openPairs } from '../../vision/onnx/pairs.ts';
import { INSTALL, pythonWith, runPython } from '../support/python.ts';
import { folder } from '../vision/onnx/make.ts';

const python = pythonWith('torch', 'torchvision', 'numpy', 'onnx');

interface Expected {
  readonly lpips: number[];
  readonly dists: { values: number[]; channels: number };
  readonly dreamsim: number[][];
  readonly sae: { relu: number[][]; top: number[][]; jump: number[][]; list: string };
}

describe.skipIf(!python)(`scripts that export models, on random weights (${INSTALL} python3-onnx)`, () => {
  const where = folder();
  const at = (name: string) => path.join(where, name);
  let expected: Expected;
  beforeAll(() => {
    const program = readFileSync(new URL('./tools.py', import.meta.url), 'utf8');
    const tools = fileURLToPath(new URL('../../tools', import.meta.url));
    expected = runPython<Expected>(python!, program, { tools, folder: where });
  }, 300_000);

  async function embeddings(name: string, pixels: string, count: number) {
    const preprocess = (await readMetadata(at(name))).preprocess!;
    const network = await openNetwork(at(name), {
      layers: [],
      tokens: 'mean',
      output: 'auto',
      outputNeeded: true,
      preprocess,
    });
    const { output } = await network.run(readFileSync(at(pixels)), count);
    const { length } = network.output!;
    await network.close();
    return Array.from({ length: count }, (_, i) => [...output!.subarray(i * length, (i + 1) * length)]);
  }

  it('LPIPS: squared distances of embeddings are LPIPS by its definition', async () => {
    const [a, b, c, d] = await embeddings('lpips.onnx', 'pixels', 4);
    const squared = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + (value - y[i]!) ** 2, 0);
    expect(squared(a!, c!) / expected.lpips[0]!).toBeCloseTo(1, 4);
    expect(squared(b!, d!) / expected.lpips[1]!).toBeCloseTo(1, 4);
  });

  it('DISTS: pairs have the distance of its definition', async () => {
    const pairs = await openPairs(at('dists.onnx'), { output: 'auto', preprocess: { size: 48 } });
    const pixels = readFileSync(at('pixels'));
    const half = pixels.length / 2;
    const values = await pairs.run(pixels.subarray(0, half), pixels.subarray(half), 2);
    const same = await pairs.run(pixels.subarray(0, half), pixels.subarray(0, half), 2);
    await pairs.close();
    expect(expected.dists.channels).toBe(1475);
    expected.dists.values.forEach((value, i) => {
      expect(values[i]).toBeCloseTo(value, 4);
    });
    expect(Math.max(...same)).toBeLessThan(1e-5);
  });

  it("DreamSim: the package's embeddings, alone and together", async () => {
    const found = await embeddings('dreamsim.onnx', 'square', 2);
    found.forEach((embedding, i) => {
      embedding.forEach((value, j) => {
        expect(value).toBeCloseTo(expected.dreamsim[i]![j]!, 5);
      });
    });
    expect(await readMetadata(at('dreamsim.onnx'))).toMatchObject({ similarity: 'cosine', alpha: 0.16 });
  });

  it.each(['relu', 'top', 'jump'] as const)('sparse autoencoder: %s', async (name) => {
    const direction = { name, layer: 'x', file: at(`${name}.onnx`), per: 'position' } as const;
    const opened = await openDirections(direction, 6);
    const rows = new Float32Array(Uint8Array.from(readFileSync(at('rows'))).buffer);
    const latents = await opened.apply(rows, 5, 1);
    await opened.close();
    expect(opened.units).toBe(11);
    expected.sae[name].flat().forEach((value, i) => {
      expect(latents[i]).toBeCloseTo(value, 4);
    });
    expect(expected.sae.list).toContain("layer: 'tensor:/relu@1'\n  file: jump.onnx");
  });

  it('networks keep batch norms and names, and say how images are prepared', async () => {
    const { layers } = await inspectModel(at('resnet18.onnx'));
    expect(layers.filter(({ type }) => type === 'batch-norm')).toHaveLength(20);
    expect(layers.map(({ name }) => name)).toContain('layer4.1.bn2');
    const { preprocess, source } = await readMetadata(at('resnet18.onnx'));
    expect(preprocess).toEqual({
      size: 64,
      resize: 64,
      interpolation: 'bilinear',
      mean: [0.485, 0.456, 0.406],
      std: [0.229, 0.224, 0.225],
    });
    expect(source).toMatch(/^torchvision .*resnet18/);
    expect((await inspectModel(at('mine.onnx'))).layers.map(({ name }) => name)).toEqual(['0', '1', '4']);
    expect((await readMetadata(at('mine.onnx'))).preprocess).toEqual({
      size: 31,
      mean: [0.5, 0.5, 0.5],
      std: [0.2, 0.2, 0.2],
    });
  });
});
