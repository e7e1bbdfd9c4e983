import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { campaign } from './campaign.ts';

const CASES = 10_000;

it(
  `${CASES} mutated inputs: a message or a correct result`,
  async () => {
    const result = await campaign({ cases: CASES, seed: 20_260, jobs: Math.min(2, availableParallelism()) });
    expect(result.faults).toEqual([]);
    const sum = (counts: Readonly<Record<string, number>>) =>
      Object.values(counts).reduce((a, b) => a + b, 0);
    expect(sum(result.read) + sum(result.refused)).toBe(CASES);
    // Both ways out are taken often for every kind of input, or the mutations would be too wild or too tame.
    for (const kind of ['config', 'pipeline', 'onnx', 'tar', 'image', 'activations', 'units']) {
      expect(result.read[kind], `${kind} read`).toBeGreaterThan(5);
      expect(result.refused[kind], `${kind} refused`).toBeGreaterThan(5);
    }
  },
  15 * 60_000,
);

it('is started with a seed, and ends with a line of JSON', () => {
  const main = fileURLToPath(new URL('main.ts', import.meta.url));
  const args = [
    '--import',
    import.meta.resolve('tsx'),
    main,
    '--cases',
    '40',
    '--seed',
    '3',
    '--jobs',
    '1',
    '--json',
  ];
  const { stdout, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  expect(stdout.trim().split('\n').at(-1)).toBe('{"cases":40,"faults":0}');
  expect(status).toBe(0);
}, 120_000);
