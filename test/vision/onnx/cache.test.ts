import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, it } from 'vitest';
import { openNetwork } from '../../../vision/onnx/network.ts';
import { bytesOf, folder, type Made, node, weight, write } from './make.ts';

const where = folder();
const made = (seed: number): Made => ({
  nodes: [node('Conv', ['input', 'conv.weight'], 'out')],
  weights: [weight('conv.weight', [4, 3, 1, 1], seed)],
  input: ['N', 3, 4, 4],
  output: 'out',
  outputShape: ['N', 4, 4, 4],
});
const options = { layers: ['all'], tokens: 'mean', output: 'none', preprocess: {} } as const;
const image = Uint8Array.from({ length: 48 }, (_, i) => i * 5);
const open = (file: string) => openNetwork(file, options);
const values = async (network: Awaited<ReturnType<typeof open>>) => [
  ...(await network.run(image, 1)).activations[0]!,
];

it('a network stays usable while others come and go, and gives the same when opened again', async () => {
  const files = [1, 2, 3, 4, 5].map((seed) => write(where, `${seed}.onnx`, made(seed)));
  const held = await open(files[0]!);
  const before = await values(held);
  const others: number[][] = [];
  for (const file of files.slice(1)) {
    const network = await open(file);
    others.push(await values(network));
    await network.close();
  }
  expect(await values(held)).toEqual(before);
  await held.close();
  for (const [i, file] of files.entries()) {
    const again = await open(file);
    expect(await values(again)).toEqual(i === 0 ? before : others[i - 1]);
    await again.close();
  }
  expect(new Set([before, ...others].map(String)).size).toBe(5);
});

it('a model is known by its content, not by its name', async () => {
  const file = path.join(where, 'changing.onnx');
  writeFileSync(file, bytesOf(made(1)));
  const first = await open(file);
  const one = await values(first);
  await first.close();
  writeFileSync(file, bytesOf(made(2)));
  const second = await open(file);
  expect(await values(second)).not.toEqual(one);
  await second.close();
});

it('one that failed is tried anew', async () => {
  const file = path.join(where, 'repaired.onnx');
  writeFileSync(file, bytesOf({ ...made(1), weights: [] }));
  await expect(open(file)).rejects.toMatchObject({ name: 'UserError' });
  await expect(open(file)).rejects.toMatchObject({ name: 'UserError' });
  writeFileSync(file, bytesOf(made(1)));
  await (await open(file)).close();
});

it('a network that runs leaves no memory behind that garbage would have to be collected for', async () => {
  const units = 8192;
  const wide: Made = {
    ...made(1),
    weights: [weight('conv.weight', [units, 3, 1, 1], 1)],
    outputShape: ['N', units, 4, 4],
  };
  const network = await open(write(where, 'wide.onnx', wide));
  const images = Uint8Array.from({ length: 32 * 48 }, (_, i) => i % 251);
  const first = [...(await network.run(images, 32)).activations[0]!];
  await network.run(images, 32);
  const before = process.memoryUsage().arrayBuffers;
  for (let i = 0; i < 16; i++) {
    const { activations } = await network.run(images, 32);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(units * 32 * 4);
    if (i === 15) expect([...activations[0]!]).toEqual(first);
  }
  await network.close();
});
