import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Preprocess } from '../../../vision/images/preprocess-spec.ts';
import { wire } from '../../../vision/onnx/graph.ts';
import { findLayers } from '../../../vision/onnx/layers.ts';
import { readModel } from '../../../vision/onnx/model.ts';
import { openNetwork } from '../../../vision/onnx/network.ts';
import { noise } from '../../../vision/onnx/probe.ts';
import { INSTALL, pythonWith, runPython } from '../../support/python.ts';

const python = pythonWith('torch', 'numpy');
const demo = fileURLToPath(new URL('../../../demo', import.meta.url));
const PROGRAM = readFileSync(new URL('./demo_networks.py', import.meta.url), 'utf8');

const files = ['models', 'encoders'].flatMap((folder) => {
  const where = path.join(demo, folder);
  const names = existsSync(where)
    ? readdirSync(where).filter((name) => name.endsWith('.onnx') && name !== 'dists.onnx')
    : [];
  return names.map((name) => path.join(where, name));
});

const MEAN: [number, number, number] = [0.4914, 0.4822, 0.4465];
const STD: [number, number, number] = [0.247, 0.2435, 0.2616];
const preprocess: Preprocess = { mean: MEAN, std: STD };
const COUNT = 6;
const SIZE = 32;
const pixels = noise(COUNT * SIZE * SIZE * 3);

/** The weights by the names that PyTorch gives them; those of linear layers that became a MatMul stand transposed. */
async function weightsOf(file: string) {
  const { graph } = await readModel(file);
  const wiring = wire(graph);
  const names = new Map<string, string>();
  for (const { name, op, tensor } of findLayers(wiring)) {
    if (!op.startsWith('MatMul')) continue;
    const last = wiring.producer(tensor)!;
    const product =
      op === 'MatMul' ? last : last.input.map(wiring.producer).find((node) => node?.opType === 'MatMul')!;
    names.set(product.input[1]!, `${name}.weight`);
  }
  return Object.fromEntries(
    graph.initializer
      .filter(({ dataType }) => dataType === 1)
      .map(({ name, dims, rawData }) => [
        names.get(name) ?? name,
        {
          dims: dims.map(Number),
          data: Buffer.from(rawData).toString('base64'),
          transposed: names.has(name),
        },
      ]),
  );
}

function expectClose(actual: Float32Array, expected: readonly number[], what: string): void {
  expect(actual.length, what).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  const off = Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!)));
  expect(off / largest, what).toBeLessThan(1e-4);
}

describe.skipIf(!python)(`networks of the demonstration set agree with PyTorch's (${INSTALL})`, () => {
  const names = files.map((file) => path.basename(file, '.onnx'));
  let seen: { layers: Record<string, number[][]>; output: number[][] }[] = [];
  beforeAll(async () => {
    const weights = await Promise.all(files.map(weightsOf));
    seen = runPython(python!, PROGRAM, {
      demo,
      networks: names.map((name, i) => ({ name: name.replace(/-epoch-\d+$/, ''), weights: weights[i] })),
      size: SIZE,
      pixels: Buffer.from(pixels).toString('base64'),
      mean: MEAN,
      std: STD,
    });
  });

  it.each(names.map((name, index) => ({ name, index })))('$name', async ({ index }) => {
    const expected = seen[index]!;
    const options = { layers: ['all'], tokens: 'mean', output: 'auto', preprocess } as const;
    const network = await openNetwork(files[index]!, options);
    const { activations, output } = await network.run(pixels, COUNT);
    expect(network.layers.map((layer) => layer.name).sort()).toEqual(Object.keys(expected.layers).sort());
    network.layers.forEach((layer, i) => {
      expectClose(activations[i]!, expected.layers[layer.name]!.flat(), layer.name);
    });
    expectClose(output!, expected.output.flat(), 'output');
    await network.close();
  });
});
