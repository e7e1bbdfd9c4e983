import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { expect, it } from 'vitest';
import { instrument } from '../../../vision/onnx/instrument.ts';
import { readModel } from '../../../vision/onnx/model.ts';
import { folder } from './make.ts';

const RESNET = fileURLToPath(new URL('../../../demo/models/resnet-w050.onnx', import.meta.url));
const where = folder();

/** The operators of a run, in their order, from the profile in the folder. */
function operators(where: string): string[] {
  const file = readdirSync(where).find((name) => name.startsWith('profile'))!;
  const events = JSON.parse(readFileSync(join(where, file), 'utf8')) as {
    name: string;
    ts: number;
    args?: { op_name?: string };
  }[];
  return events
    .filter(({ name }) => name.endsWith('_kernel_time'))
    .sort((a, b) => a.ts - b.ts)
    .map(({ args }) => args!.op_name!);
}

it('pools a layer before later ones are computed, as the profile of the runtime tells', async () => {
  const model = await readModel(RESNET);
  const taps = model.graph.node
    .filter(({ opType }) => opType === 'Relu')
    .map(({ output }) => ({ name: output[0]!, tensor: output[0]!, channelAxis: 1 }));
  const plain = { scale: [1, 1, 1], bias: [0, 0, 0], layout: 'nchw', channelOrder: 'rgb' } as const;
  const pixels = { height: 32, width: 32, ...plain };
  const { bytes } = await instrument(model, { taps, outputs: [], tokens: 'mean' }, pixels);
  const session = await InferenceSession.create(bytes, {
    enableProfiling: true,
    profileFilePrefix: join(where, 'profile'),
    intraOpNumThreads: 1,
  });
  await session.run({ 'mis/pixels': new Tensor('uint8', new Uint8Array(2 * 32 * 32 * 3), [2, 32, 32, 3]) });
  (session as unknown as { endProfiling(): void }).endProfiling();
  await session.release();
  expect(taps.length).toBeGreaterThan(5);
  const order = operators(where);
  // A block has two convolutions, or one that its input goes round; behind each comes a layer that is pooled.
  let open = 0;
  for (const operator of order) {
    if (operator === 'Conv') open++;
    if (operator === 'GlobalAveragePool') open = 0;
    expect(open).toBeLessThanOrEqual(2);
  }
  expect(order.filter((name) => name === 'GlobalAveragePool').length).toBe(taps.length);
});
