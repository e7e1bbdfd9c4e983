import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { resultsOf } from '../../bench/scale/index.ts';
import { make } from '../../bench/scale/made-up.ts';
import { WORKS } from '../../bench/scale/stages.ts';
import { openKept } from '../../tables/activation-extremes.ts';
import { temporaryFolder } from '../support/fake-task.ts';

const CHILD = fileURLToPath(new URL('../../bench/scale/child.ts', import.meta.url));

describe('the benchmark scale', () => {
  test('takes the cost of an image from the slope between sizes', () => {
    const point = (images: number, cpu: number, mib: number) => ({ images, cpu, peak: mib * 2 ** 20 });
    const points = [point(10, 5, 1), point(100, 5.9, 2), point(200, 6.9, 4), point(400, 10.9, 1024)];
    const [cost, memory] = resultsOf('work', points, false, 3);
    expect(cost!.to).toBeCloseTo(10_000, 6);
    expect(cost!.of).toBeCloseTo(20_000, 6);
    expect(cost!.ratio).toBeCloseTo(0.5, 9);
    expect(memory).toMatchObject({ ratio: 2, of: 1024, target: 1 });
  });

  test('runs every stage on what it makes up, as a process of its own', async () => {
    const dir = temporaryFolder();
    make({ dir, shards: 2, images: 900, units: 8, dimensions: 4, depth: 200 });
    const kept = await openKept(join(dir, 'extremes-0'));
    expect(kept.form).toBe('extremes');
    await kept.close();
    const out = join(dir, 'out');
    mkdirSync(out);
    for (const work of Object.keys(WORKS)) {
      if (work === 'hard selection') continue;
      const job = JSON.stringify({ work, dir, shards: 2, out });
      const printed = execFileSync(process.execPath, ['--import', 'tsx', CHILD, 'run', job]).toString();
      expect(Number(printed)).toBeGreaterThan(0);
    }
  });
});
