import { existsSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { type SmallProject, smallProject } from '../support/small.ts';
import { storedRows } from '../support/stored.ts';
import { bytesOf, type Made, node, weight } from '../vision/onnx/make.ts';

/** A Vulkan driver that computes on the processor, and what finds it. */
const DRIVER = '/usr/lib/chromium/vk_swiftshader_icd.json';
const LOADER = '/usr/lib/x86_64-linux-gnu/libvulkan.so.1';
const INSTALL = 'apt-get install chromium-common libvulkan1';
const found = existsSync(DRIVER) && existsSync(LOADER);
if (!found && process.env.CI) throw new Error(`CI needs ${DRIVER} and ${LOADER}: ${INSTALL}`);

/** Each kind of operator takes a shader that has to be compiled first. */
const tiny: Made = {
  nodes: [
    node('Conv', ['input', 'conv1.weight'], 'a', { pads: [1, 1, 1, 1] }),
    node('Relu', ['a'], 'b'),
    node('Conv', ['b', 'conv2.weight'], 'c', { strides: [2, 2] }),
    node('GlobalAveragePool', ['c'], 'd'),
    node('Flatten', ['d'], 'e'),
    node('Gemm', ['e', 'fc.weight'], 'logits', { transB: 1 }),
  ],
  weights: [
    weight('conv1.weight', [8, 3, 3, 3], 1),
    weight('conv2.weight', [16, 8, 3, 3], 2),
    weight('fc.weight', [10, 16], 3),
  ],
  input: ['N', 3, 32, 32],
  output: 'logits',
  outputShape: ['N', 10],
};
const MODEL = 'small/models/tiny.yaml';

let project: SmallProject;
let config: readonly string[];

beforeAll(async () => {
  project = await smallProject({ models: [], perClass: 1 });
  project.write('small/tiny.onnx', bytesOf(tiny));
  project.write(MODEL, 'model: ../tiny.onnx\npreprocess: { mean: 0.5, std: 0.25 }\n');
  config = [...project.config, '--set', 'dataset.shards=1'];
  expect((await project.run('cache-activations', ...config)).end).toMatchObject({ ran: 2, failed: 0 });
});

test('threads and batch run nothing again; a model may say its own', async () => {
  const other = await project.plan(
    'cache-activations',
    ...config,
    '--set',
    'inference={device: cpu, threads: 4, batch: 3}',
  );
  expect([...other.tasks.values()]).toEqual(['hit', 'hit']);
  const half = await project.plan('cache-activations', ...config, '--set', 'inference.precision=float16');
  expect([...half.tasks.values()]).toEqual(['hit', 'will-run']);
  const before = project.read(MODEL);
  project.write(MODEL, `${before}\ndevice: webgpu\nthreads: 2\n`);
  const plan = await project.plan('cache-activations', ...config);
  expect(plan.tasks.get('cache-activations model=tiny shard=00')).toBe('will-run');
  project.write(MODEL, before);
});

describe('a device that is not there', () => {
  // A driver that does not exist: nothing is found, whatever this machine has.
  const without = { VK_ICD_FILENAMES: '/nowhere.json', VK_DRIVER_FILES: '/nowhere.json' };

  test.each([
    ['webgpu', without, /the device webgpu can't be used: .*adapter/, /needs Vulkan/],
    ['dml:1', {}, /the device dml:1 can't be used: onnxruntime has no provider "dml"/, /for Windows/],
  ])('%s is an error that says what there is', async (device, env, what, hint) => {
    Object.assign(process.env, env);
    project.write('small/device.yaml', `extends: config.yaml\ninference:\n  device: ${device}\n`);
    const set = ['-c', 'small/device.yaml', '--set', 'dataset.shards=1'];
    const { code, stdout, stderr } = await project.mis('run', 'cache-activations', ...set);
    expect(stderr).toMatch(
      /^mis: cache-activations model=tiny shard=00 failed\.\nsmall\/device\.yaml:3:11: /,
    );
    expect(stderr).toMatch(what);
    expect(stderr).toMatch(hint);
    expect(stderr).toMatch(/Other providers of this installation: cpu/);
    expect(stderr.split('\n')).toHaveLength(6);
    expect(stdout).toMatch(/1 task failed/);
    expect(code).toBe(1);
  });
});

describe.skipIf(!found)(`WebGPU, computed by the processor (${INSTALL})`, () => {
  test('gives what the CPU gives, within 1e-5 of the largest activation of a layer', async () => {
    Object.assign(process.env, { VK_ICD_FILENAMES: DRIVER, VK_DRIVER_FILES: DRIVER });
    const webgpu = [...config, '--set', 'inference.device=webgpu'];
    const run = await project.run('cache-activations', ...webgpu);
    expect(run.stderr).toBe('');
    expect(run.code).toBe(0);
    expect(run.stages['cache-activations']).toEqual({ hit: 0, ran: 1 });
    expect(run.events).toContainEqual(
      expect.objectContaining({ event: 'note', stage: 'cache-activations', message: 'runs on webgpu' }),
    );
    const [a, b] = await Promise.all(
      [config, webgpu].map((given) => storedRows(project, given, ['cache-activations', 'activations'])),
    );
    expect(b!.paths).toEqual(a!.paths);
    expect([...b!.vectors.keys()]).toEqual([...a!.vectors.keys()]);
    let same = true;
    for (const [layer, { values }] of a!.vectors) {
      const other = b!.vectors.get(layer)!.values;
      const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const apart = values.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0);
      expect(apart / largest, layer).toBeLessThan(1e-5);
      same &&= apart === 0;
    }
    expect(same, 'computed by another provider').toBe(false);
  });
});
