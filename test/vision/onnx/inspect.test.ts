import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { int64Tensor, makeConstant } from '../../../vision/onnx/build.ts';
import { inspectModel } from '../../../vision/onnx/inspect.ts';
import { folder, type Made, node, weight, write } from './make.ts';

const where = folder();
const made: Made = {
  nodes: [
    node('Conv', ['input', 'conv.weight'], 'a', { strides: [2, 2] }),
    makeConstant('shape', int64Tensor([3], [0, 4, 16])),
    node('Reshape', ['a', 'shape'], 'r'),
    node('Transpose', ['r'], 't', { perm: [0, 2, 1] }),
    node('LayerNormalization', ['t', 'norm.weight', 'norm.bias'], 'out'),
  ],
  weights: [weight('conv.weight', [4, 3, 1, 1]), weight('norm.weight', [4]), weight('norm.bias', [4])],
  input: ['N', 3, 8, 8],
  output: 'out',
  outputShape: ['N', 16, 4],
};

describe('inspectModel', () => {
  it('tells inputs, outputs and the layers with their shapes, as plain JSON', async () => {
    const file = write(where, 'model.onnx', made);
    const found = await inspectModel(file);
    expect(found).toEqual({
      file,
      opset: 17,
      ir: 8,
      producer: 'test',
      inputs: [{ name: 'input', type: 'float32', shape: ['N', 3, 8, 8] }],
      outputs: [{ name: 'out', type: 'float32', shape: ['N', 16, 4] }],
      layers: [
        {
          name: 'conv',
          type: 'conv',
          op: 'Conv',
          tensor: 'a',
          units: 4,
          channelAxis: 1,
          shape: ['N', 4, 4, 4],
          depth: 0,
        },
        {
          name: 'norm',
          type: 'layer-norm',
          op: 'LayerNormalization',
          tensor: 'out',
          units: 4,
          channelAxis: -1,
          shape: ['N', 16, 4],
          depth: 1,
        },
      ],
    });
    expect(JSON.parse(JSON.stringify(found))).toEqual(found);
  });

  it("passes the runtime's reason on where it can't load a model, without its source positions", async () => {
    const unknown = [...made.nodes, node('FancyOp', ['out'], 'fancy')];
    const file = write(where, 'unknown.onnx', { ...made, nodes: unknown, output: 'fancy' });
    await expect(inspectModel(file)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(/unknown\.onnx: .*No Op registered for FancyOp/),
    });
    const future = inspectModel(write(where, 'future.onnx', { ...made, ir: 99 }));
    await expect(future).rejects.toThrow(/future\.onnx: Unsupported model IR version: 99/);
  });
});

describe('the runtime', () => {
  it('is not loaded by looking at the stages', () => {
    const program = `
      await import('./stages/cache-activations/index.ts');
      await import('./stages/embed-images/index.ts');
      const { default: stage } = await import('./stages/embed-images/index.ts');
      stage.environment({ device: 'auto' });
      const loaded = process.report.getReport().sharedObjects.filter((name) => /onnxruntime|sharp|vips/.test(name));
      console.log(JSON.stringify(loaded));`;
    const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
      encoding: 'utf8',
      cwd: new URL('../../..', import.meta.url),
    });
    expect(run.stderr).toBe('');
    expect(JSON.parse(run.stdout)).toEqual([]);
  });
});
