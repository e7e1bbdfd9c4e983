import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Case, Laid } from '../cases.ts';
import { runChild, succeeded } from '../measure.ts';
import { pythonWith } from '../python.ts';

const HOOKS = fileURLToPath(new URL('./hooks.py', import.meta.url));

export const PACKAGES = { torch: 'python3-torch', torchvision: 'python3-torchvision', PIL: 'python3-pil' };

/** How PyTorch is set up: its own threads, processes of its DataLoader, order of the axes in memory. */
export interface Setting {
  readonly threads: number;
  readonly workers: number;
  readonly layout: 'contiguous' | 'channels_last';
}

/** A line of hooks.py. */
interface Line extends Setting {
  readonly images: number;
  readonly seconds: number;
  readonly cpu: number;
  readonly peak: number;
}

/** One measurement of PyTorch; see `Measured` of mis. */
export interface Measured {
  readonly rate: number;
  readonly cpu: number;
  readonly peak: number;
  readonly activations: ReadonlyMap<string, Float32Array>;
}

export interface Side {
  /** Runs all settings on the first `count` images; gives the fastest. */
  best(settings: readonly Setting[], count: number): Promise<Setting>;
  measure(setting: Setting): Promise<Measured>;
}

/** Settings that are tried: all cores or half of them for inference, the same for decoding, both layouts. */
export function grid(cores: number): Setting[] {
  const counts = [...new Set([Math.ceil(cores / 2), cores])];
  return counts.flatMap((threads) =>
    counts.flatMap((workers) =>
      (['contiguous', 'channels_last'] as const).map((layout) => ({ threads, workers, layout })),
    ),
  );
}

export const shown = ({ threads, workers, layout }: Setting): string =>
  `${threads} ${threads === 1 ? 'thread' : 'threads'}, ${workers} ${workers === 1 ? 'worker' : 'workers'}, ${layout}`;

export function torchSide(laid: Laid, of: Case, dir: string): Side {
  const { python } = pythonWith(PACKAGES);
  const out = join(dir, `${of.id}-torch`);
  mkdirSync(out);
  const hooks = async (settings: readonly Setting[], more: readonly string[]) => {
    const args = [HOOKS, '--network', of.network, '--weights', laid.weights, '--images', laid.all.list];
    if (of.resize) args.push('--resize', `${of.resize.shorter}`, '--crop', `${of.resize.crop}`);
    args.push('--mean', ...of.mean.map(String), '--std', ...of.std.map(String), '--batch', `${of.batch}`);
    for (const { threads, workers, layout } of settings)
      args.push('--setting', `${threads},${workers},${layout}`);
    const { stdout } = succeeded('hooks.py', await runChild(python, [...args, ...more]));
    return stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Line);
  };
  return {
    best: async (settings, count) => {
      if (settings.length === 1) return settings[0]!;
      const lines = await hooks(settings, ['--first', `${count}`]);
      return lines.reduce((best, line) => (line.seconds < best.seconds ? line : best));
    },
    measure: async (setting) => {
      const [line] = await hooks([setting], ['--out', out]);
      const { images, seconds, cpu, peak } = line!;
      return { rate: images / seconds, cpu: cpu / images, peak, activations: activationsIn(out) };
    },
  };
}

function activationsIn(folder: string): Map<string, Float32Array> {
  const files = readdirSync(folder).filter((file) => file.endsWith('.f32'));
  return new Map(
    files.map((file) => {
      const bytes = Uint8Array.from(readFileSync(join(folder, file)));
      return [file.slice(0, -'.f32'.length), new Float32Array(bytes.buffer)];
    }),
  );
}
