import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { unwrap } from '../../../engine/spec/check.ts';
import cacheActivations from '../../../stages/cache-activations/index.ts';
import comparePairs from '../../../stages/compare-pairs/index.ts';
import embedImages from '../../../stages/embed-images/index.ts';
import { resolveDevices } from '../../../vision/onnx/devices.ts';
import { runtimeEnvironment } from '../../../vision/onnx/environment.ts';
import { inferenceNeeds } from '../../../vision/onnx/needs.ts';
import { inferenceParams } from '../../../vision/onnx/params.ts';
import { executionProvider } from '../../../vision/onnx/session.ts';
import { reasonIn } from '../../../vision/onnx/try-device.ts';
import { temporaryFolder } from '../../support/fake-task.ts';

/** A machine with some libraries of the runtime, device files and environment. */
function machine(libraries: readonly string[], devices: readonly string[], env: Record<string, string> = {}) {
  const folder = temporaryFolder();
  for (const [name, files] of Object.entries({ libraries, devices })) {
    mkdirSync(join(folder, name));
    for (const file of files) writeFileSync(join(folder, name, file), '');
  }
  return { libraries: join(folder, 'libraries'), devices: join(folder, 'devices'), env };
}

const CUDA = ['libonnxruntime_providers_cuda.so', 'libonnxruntime_providers_shared.so'];
const GPUS = ['nvidia0', 'nvidia1', 'nvidiactl', 'nvidia-uvm'];

describe('auto', () => {
  it.each([
    ['cuda:0', CUDA, GPUS, {}],
    ['cuda:0', CUDA, GPUS, { CUDA_VISIBLE_DEVICES: '1' }],
    ['cuda:0', CUDA, GPUS, { CUDA_VISIBLE_DEVICES: '1,-1,0' }],
    ['cpu', CUDA, GPUS, { CUDA_VISIBLE_DEVICES: '' }],
    ['cpu', CUDA, GPUS, { CUDA_VISIBLE_DEVICES: '-1' }],
    ['cpu', CUDA, ['nvidiactl'], {}],
    ['cpu', CUDA.slice(1), GPUS, {}],
    ['cpu', [], [], {}],
  ])('is %s where there are the libraries %j, the devices %j and %j', (device, libraries, devices, env) => {
    const { provider, names } = resolveDevices('auto', machine(libraries, devices, env));
    expect([names, provider]).toEqual([[device], device.split(':')[0]]);
  });
});

it('devices of a list are those of one provider, with their index', () => {
  expect(resolveDevices(['cuda', 'cuda:3'])).toEqual({ provider: 'cuda', names: ['cuda:0', 'cuda:3'] });
  expect(resolveDevices('webgpu')).toEqual({ provider: 'webgpu', names: ['webgpu'] });
  expect(['cpu', 'webgpu', 'cuda:2', 'dml:0'].map(executionProvider)).toEqual([
    'cpu',
    'webgpu',
    { name: 'cuda', deviceId: 2 },
    { name: 'dml', deviceId: 0 },
  ]);
});

it('the provider counts, which of its devices does not', () => {
  const providers = ['cpu', 'cuda', 'cuda:1', ['cuda:0', 'cuda:1'], 'webgpu'].map(
    (device) => runtimeEnvironment({ device }).provider,
  );
  expect(providers).toEqual(['cpu', 'cuda', 'cuda', 'cuda', 'webgpu']);
  for (const stage of [cacheActivations, embedImages, comparePairs]) {
    expect(Object.keys(unwrap(stage.params)!.shape!)).toEqual(expect.arrayContaining([...stage.uncounted!]));
    expect(stage.uncounted).not.toContain('precision');
  }
});

it('a task on the CPU takes as many jobs as it has threads', async () => {
  expect(await inferenceNeeds({ device: 'cpu', threads: 3 })).toEqual({
    units: {},
    jobs: 3,
    note: 'runs on the CPU, 3 threads a task',
  });
});

describe('names', () => {
  const { device } = inferenceParams;
  it.each([['auto'], ['cpu'], ['cuda'], ['cuda:12'], ['webgpu'], ['coreml'], ['dml:1']])('%s', (name) => {
    expect(device.parse(name)).toBe(name);
  });
  it.each([
    ['gpu', /auto \| cpu \| cuda/],
    ['cuda:x', /auto \| cpu \| cuda/],
    ['cuda:-1', /auto \| cpu \| cuda/],
    ['cuda:01', /auto \| cpu \| cuda/],
    ['webgpu:0', /auto \| cpu \| cuda/],
    [['cuda:0', 'cpu'], /compute with different providers/],
    [['cuda', 'cuda:0'], /"cuda:0" is listed twice/],
    [['auto', 'cpu'], /"auto" stands alone/],
    [[], /Too small/],
  ])('%j is none', (name, message) => {
    const { issues } = z.strictObject({ device }).safeParse({ device: name }).error!;
    const all = issues.flatMap((issue) => [issue, ...('errors' in issue ? issue.errors.flat() : [])]);
    expect(all.map((issue) => issue.message).join('\n')).toMatch(message);
  });
});

describe('why a device fails, from what a trial of it prints', () => {
  it('nothing, where it works', () => {
    expect(reasonIn('\n{}\n', 'warnings of a driver', 'exit code 0')).toBeUndefined();
  });
  it('the library that another one lacks, which the log alone names', () => {
    const log =
      '[E:onnxruntime:onnxruntime-node, provider_bridge_ort.cc:2146 Create] Failed to load library /a/b/libonnxruntime_providers_cuda.so with error: libcudnn.so.9: cannot open shared object file: No such file or directory\n';
    const out = '{"error":"OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library"}\n';
    expect(reasonIn(out, log, 'exit code 0')).toBe(
      'libcudnn.so.9: cannot open shared object file: No such file or directory',
    );
  });
  it('what the runtime says, without the place in its source', () => {
    const error =
      '/src/webgpu_context.cc:65 void f() status == Success was false. Failed to get a WebGPU adapter: No supported adapters\n';
    expect(reasonIn(`\n${JSON.stringify({ error })}\n`, '', 'signal SIGSEGV')).toBe(
      'Failed to get a WebGPU adapter: No supported adapters',
    );
  });
  it('how the process ended, where it told nothing', () => {
    expect(reasonIn('', 'noise', 'signal SIGSEGV')).toBe('a trial of it ended with signal SIGSEGV');
  });
});
