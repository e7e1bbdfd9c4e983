import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { writeKnown } from '../../bench/scale/known.ts';
import { make } from '../../bench/scale/made-up.ts';
import { folderOf, layPictures, networkFile, writeNetworks } from '../../bench/scale/pictures.ts';
import { costOf, memoryOf } from '../../bench/scale/points.ts';
import { type Job, runJob, WORKS, type Work } from '../../bench/scale/stages.ts';
import { openKept } from '../../tables/activation-extremes.ts';
import { readImages } from '../../tables/images.ts';
import { temporaryFolder } from '../support/fake-task.ts';

const CHILD = fileURLToPath(new URL('../../bench/scale/child.ts', import.meta.url));

describe('the benchmark scale', () => {
  test('takes the cost of an image from the slope between sizes', () => {
    const point = (images: number, cpu: number, mib: number) => ({ images, cpu, peak: mib * 2 ** 20 });
    const points = [point(10, 5, 1), point(100, 5.9, 2), point(200, 6.9, 4), point(400, 10.9, 1024)];
    const cost = costOf('work', points, { quick: false, rounds: 3, text: '' });
    const memory = memoryOf('work', points, '');
    expect(cost.to).toBeCloseTo(10_000, 6);
    expect(cost.of).toBeCloseTo(20_000, 6);
    expect(cost.ratio).toBeCloseTo(0.5, 9);
    expect(memory).toMatchObject({ ratio: 2, of: 1024, target: 1 });
  });

  test('runs every stage on what it lays out and makes up', async () => {
    const pictures = temporaryFolder();
    await layPictures(pictures, 2000, [1000]);
    writeNetworks(pictures);
    const [dir, out, indexed] = ['made', 'out', 'indexed'].map((name) => join(pictures, name)) as [
      string,
      string,
      string,
    ];
    make({ dir, pictures, shards: 2, images: 900, units: 8, dimensions: 4, depth: 200 });
    const kept = await openKept(join(dir, 'extremes-0'));
    expect(kept.form).toBe('extremes');
    await kept.close();
    for (const folder of [out, indexed]) mkdirSync(folder);
    const folder = folderOf(pictures, 1000);
    await writeKnown({ folder, pictures, file: join(indexed, 'known') });
    const jobOf = (work: Work): Omit<Job, 'work'> => {
      if (work === 'index of what is known') return { dir: folder, shards: 1, out: indexed };
      const model = networkFile(pictures, work === 'pairs of a sample' ? 'pair' : 'one');
      if (work === 'caching of activations' || work === 'embedding')
        return { dir, shards: 1, out: indexed, model, limit: 100 };
      return { dir, shards: 2, out, model };
    };
    const works = (Object.keys(WORKS) as Work[]).filter((work) => work !== 'hard selection');
    for (const work of works) await runJob({ ...jobOf(work), work });
    const index = await readImages(join(indexed, 'images'));
    expect([index.rows, new Set(index.digests).size]).toEqual([1000, 1]);
    expect(existsSync(join(out, 'report', 'index.html'))).toBe(true);
    const job = JSON.stringify({ ...jobOf('accuracy'), work: 'accuracy' });
    const printed = execFileSync(process.execPath, ['--import', 'tsx', CHILD, 'run', job]).toString();
    expect(Number(printed)).toBeGreaterThan(0);
  });
});
