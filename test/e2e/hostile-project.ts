import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import sharp from 'sharp';
import { afterAll } from 'vitest';
import { modelItems } from '../fuzz/corpus/models.ts';

const MIS = fileURLToPath(new URL('../../bin/mis.js', import.meta.url));

/** A folder with a small model and a config of it, in which whole runs are made; it goes when the tests are done. */
export interface HostileProject {
  readonly dir: string;
  /** The data set's folder. */
  readonly data: string;
  run(): Promise<{ code: number | null; output: string; peakMiB: number }>;
  /** Every path below the project's parent, but for what a run is to write: the store and the report. */
  listing(): string[];
}

export function hostileProject(config: Readonly<Record<string, unknown>> = {}): HostileProject {
  const parent = mkdtempSync(join(tmpdir(), 'mis-hostile-'));
  afterAll(() => rmSync(parent, { recursive: true, force: true }));
  const dir = join(parent, 'project');
  const data = join(dir, 'data');
  mkdirSync(data, { recursive: true });
  for (const { name, bytes } of modelItems()) {
    if (name === 'conv.onnx') writeFileSync(join(dir, name), bytes);
  }
  const preprocess = { mean: 0.5, std: 0.25 };
  const all = {
    dataset: { path: 'data', shards: 2, 'on-error': 'skip' },
    models: [{ name: 'm', model: 'conv.onnx', preprocess }],
    encoders: [{ name: 'e', model: 'conv.onnx', similarity: 'cosine', preprocess }],
    task: { n: 2, k: 2, difficulty: 'easy', seed: 0 },
    score: { alpha: 0.16, 'alpha-role': 'temperature' },
    ...config,
  };
  // JSON is YAML.
  writeFileSync(join(dir, 'config.yaml'), JSON.stringify(all));
  return {
    dir,
    data,
    run: () => run(dir),
    listing: () =>
      readdirSync(parent, { recursive: true, encoding: 'latin1' })
        .filter((name) => !/^project\/(store|report)(\/|$)/.test(name))
        .map(
          (name) =>
            `${name} ${statSync(Buffer.from(join(parent, name), 'latin1'), { throwIfNoEntry: false })?.size}`,
        )
        .sort(),
  };
}

function run(cwd: string): Promise<{ code: number | null; output: string; peakMiB: number }> {
  const { MIS_STORE: _, NODE_OPTIONS: __, VITEST: ___, ...env } = process.env;
  const args = [MIS, 'run', '-c', 'config.yaml', '--store', 'store'];
  const child = spawn(process.execPath, args, { cwd, env: { ...env, NO_COLOR: '1' } });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    output += data;
  });
  let peakMiB = 0;
  const watch = setInterval(async () => {
    const status = await readFile(`/proc/${child.pid}/status`, 'utf8').catch(() => '');
    peakMiB = Math.max(peakMiB, Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
  }, 50);
  return new Promise((resolve) => {
    child.on('close', (code) => {
      clearInterval(watch);
      resolve({ code, output, peakMiB });
    });
  });
}

/** A PNG of 8 × 8 pixels that is different for each number. */
export function picture(number: number): Promise<Buffer> {
  const pixels = Buffer.from(Array.from({ length: 192 }, (_, i) => (number * 37 + i * (number + 3)) & 255));
  return sharp(pixels, { raw: { width: 8, height: 8, channels: 3 } })
    .png()
    .toBuffer();
}
