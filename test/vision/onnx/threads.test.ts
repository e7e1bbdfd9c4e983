import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Axis } from '../../../vision/onnx/build.ts';
import { openNetwork } from '../../../vision/onnx/network.ts';
import { createSession, leastRows, runFeeds } from '../../../vision/onnx/session.ts';
import { bytesOf, type Made, node, numbers, pixels, weight } from './make.ts';

const DEMO = fileURLToPath(new URL('../../../demo/models', import.meta.url));
const networks = ['convnext', 'densenet', 'mobilenet', 'resnet-gn', 'resnet-w025', 'vit'];
const COUNT = 9;

/** What comes out for some images of 32 × 32, in batches of a size, with so many threads. */
async function results(file: string, threads: number, batch: number): Promise<Float32Array[]> {
  const images = pixels(COUNT, 32, 32);
  const each = images.length / COUNT;
  const options = { layers: ['all'], tokens: 'mean', output: 'auto', preprocess: {} } as const;
  const network = await openNetwork(path.join(DEMO, `${file}.onnx`), { ...options, inference: { threads } });
  const parts: Float32Array[][] = [];
  for (let from = 0; from < COUNT; from += batch) {
    const to = Math.min(COUNT, from + batch);
    const { activations, output } = await network.run(images.subarray(from * each, to * each), to - from);
    parts.push(structuredClone(output ? [...activations, output] : [...activations]));
  }
  await network.close();
  return parts[0]!.map((_, i) => Float32Array.from(parts.flatMap((part) => [...part[i]!])));
}

describe.each(networks)('%s', (file) => {
  it('gives the same, bit for bit, whatever the threads and the batch', async () => {
    const alone = await results(file, 1, COUNT);
    for (const [threads, batch] of [
      [1, 2],
      [2, 1],
      [2, 4],
      [4, 2],
      [4, COUNT],
    ] as const)
      expect(await results(file, threads, batch), `${threads} threads, batch ${batch}`).toEqual(alone);
  });
});

interface Case {
  readonly made: Omit<Made, 'output' | 'input'>;
  readonly shape: readonly number[];
}

const size = (max: number, min = 1) => fc.integer({ min, max });
const maps = fc.record({ c: size(40), out: size(50), k: fc.constantFrom(1, 3, 5, 7), h: size(40, 7) });
const tokens = fc.record({ t: size(150), c: size(500), out: size(500) });

/** An operator on an input whose first axis, the batch, isn't among the lengths. */
const operators: Record<string, fc.Arbitrary<Case>> = {
  convolution: fc.tuple(maps, fc.constantFrom(1, 2)).map(([{ c, out, k, h }, stride]) => ({
    made: {
      nodes: [node('Conv', ['input', 'w'], 'y', { strides: [stride, stride] })],
      weights: [weight('w', [out, c, k, k])],
    },
    shape: [c, h, h],
  })),
  'depthwise convolution': maps.map(({ c, h }) => ({
    made: { nodes: [node('Conv', ['input', 'w'], 'y', { group: c })], weights: [weight('w', [c, 1, 3, 3])] },
    shape: [c, h, h],
  })),
  linear: tokens.map(({ c, out }) => ({
    made: {
      nodes: [node('Gemm', ['input', 'w'], 'y', { transB: 1 })],
      weights: [weight('w', [out, 4 * c])],
    },
    shape: [4 * c],
  })),
  'linear on tokens': tokens.map(({ t, c, out }) => ({
    made: { nodes: [node('MatMul', ['input', 'w'], 'y')], weights: [weight('w', [c, out])] },
    shape: [t, c],
  })),
  'mean over tokens': tokens.map(({ t, c }) => ({
    made: { nodes: [node('ReduceMean', ['input'], 'y', { axes: [1] })] },
    shape: [t, c],
  })),
  'mean over pixels': maps.map(({ c, h }) => ({
    made: { nodes: [node('GlobalAveragePool', ['input'], 'y')] },
    shape: [c, h, h],
  })),
  softmax: tokens.map(({ t, c }) => ({
    made: { nodes: [node('Softmax', ['input'], 'y', { axis: 2 })] },
    shape: [t, c],
  })),
  'layer norm': tokens.map(({ t, c }) => ({
    made: {
      nodes: [node('LayerNormalization', ['input', 'w', 'b'], 'y')],
      weights: [weight('w', [c]), weight('b', [c], 2)],
    },
    shape: [t, c],
  })),
};

describe.each(Object.entries(operators))('%s', (_, cases) => {
  it('comes out the same, bit for bit, with several threads and at least as many rows', async () => {
    await fc.assert(
      fc.asyncProperty(
        cases,
        fc.constantFrom(2, 3, 4, 8),
        size(3, 0),
        async ({ made, shape }, threads, more) => {
          const dims = [leastRows({ threads }) + more, ...shape];
          const free: Axis[] = [null, ...shape];
          const bytes = bytesOf({ ...made, input: free, output: 'y', outputShape: dims.map(() => null) });
          const data = Float32Array.from(numbers(dims, 3));
          const run = async (count: number) => {
            const session = await createSession(bytes, { file: 'made', optimise: true, threads: count });
            const values = await runFeeds(
              session,
              { input: { type: 'float32', data, dims } },
              ['y'],
              'failed',
            );
            await session.release();
            return values.get('y')!.data;
          };
          expect(Buffer.from((await run(threads)).buffer).equals(Buffer.from((await run(1)).buffer))).toBe(
            true,
          );
        },
      ),
      { numRuns: 12 },
    );
  });
});
