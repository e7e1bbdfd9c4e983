import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { forgetSources } from '../../../cache/sources/fetch.ts';
import { add } from '../../../engine/cli/models-add.ts';
import { startHub } from '../../cache/sources/hub-server.ts';

const COMMIT = 'c0ffee'.padEnd(40, '0');
const NET = new URL('../../../demo/models/resnet.onnx', import.meta.url);
const PREPARED = { size: 32, mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] };
const home = mkdtempSync(join(tmpdir(), 'mis-add-'));
let into: string;
let told: string;

beforeEach(() => {
  into = mkdtempSync(join(home, 'models-'));
  told = '';
  vi.spyOn(process.stdout, 'write').mockImplementation(() => true);
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    told += text;
    return true;
  });
});
afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});
afterAll(() => rmSync(home, { recursive: true }));

const written = (name: string) => readFileSync(join(into, `${name}.yaml`), 'utf8');

it('a file: layers with counts, a batch that was run, the path relative to the YAML', async () => {
  mkdirSync(join(into, 'files'));
  writeFileSync(join(into, 'files/net.onnx'), readFileSync(NET));
  await add(join(into, 'files/net.onnx'), {
    into,
    name: 'mine',
    preprocess: 'size: 32, mean: [0.5, 0.4, 0.3], std: 0.2',
  });
  const text = written('mine');
  const yaml = parse(text);
  expect(yaml).toMatchObject({ model: 'files/net.onnx', preprocess: { ...PREPARED, std: 0.2 } });
  expect(yaml.layers).toEqual(expect.arrayContaining(['conv', 'batch-norm', 'linear']));
  expect(text).toMatch(/- conv +# \d+ layers, \d+ units: stem/);
  expect(text).toMatch(/# given with --preprocess/);
  expect(told).toMatch(/Tried on 4 images of noise, 32 × 32 pixels: \d+ layers, \d+ units/);
  await expect(add(join(into, 'files/net.onnx'), { into, name: 'mine' })).rejects.toThrow(
    /exists already.*--force/,
  );
});

it('a file of which nothing is known: the missing keys are named', async () => {
  const file = join(into, 'net.onnx');
  writeFileSync(file, readFileSync(NET));
  await expect(add(file, { into })).rejects.toThrow(/how images are prepared.*mean: \[r, g, b\]/);
  await expect(add(file, { into, preprocess: 'sizes: 3' })).rejects.toThrow(/--preprocess: .*sizes/);
  writeFileSync(
    join(into, 'config.json'),
    JSON.stringify({
      pretrained_cfg: { input_size: [3, 32, 32], crop_pct: 1, mean: PREPARED.mean, std: PREPARED.std },
    }),
  );
  await add(file, { into });
  expect(parse(written('net')).preprocess).toEqual({ ...PREPARED, size: [32, 32], 'crop-pct': 1 });
});

it('from the hub: pinned to the commit, prepared as the repository says, named after it', async () => {
  const hub = await startHub({
    'lab/tiny-net': {
      commit: COMMIT,
      branches: ['main'],
      files: {
        'onnx/model.onnx': readFileSync(NET),
        'preprocessor_config.json': Buffer.from(
          JSON.stringify({
            do_resize: true,
            size: 32,
            resample: 3,
            image_mean: PREPARED.mean,
            image_std: PREPARED.std,
          }),
        ),
      },
    },
  });
  try {
    vi.stubEnv('HF_ENDPOINT', hub.url);
    vi.stubEnv('HF_HUB_CACHE', join(into, 'cache'));
    vi.stubEnv('HF_TOKEN_PATH', join(into, 'none'));
    forgetSources();
    await add('hf://lab/tiny-net/onnx/model.onnx', { into });
    const yaml = parse(written('tiny-net'));
    expect(yaml.model).toBe(`hf://lab/tiny-net@${COMMIT}/onnx/model.onnx`);
    expect(yaml.preprocess).toEqual({ ...PREPARED, resize: [32, 32], interpolation: 'bicubic' });
    expect(told).toContain('Downloading hf://lab/tiny-net/onnx/model.onnx');
  } finally {
    await hub.close();
  }
});
