import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CASES, type Case, type Laid, layOut, preprocessOf } from '../../bench/cases.ts';
import { costOf, misRuns } from '../../bench/mis.ts';
import { type Activations, agreement } from '../../bench/pytorch/agreement.ts';
import { grid, torchSide } from '../../bench/pytorch/torch.ts';
import { UserError } from '../../common/errors.ts';
import { prepare } from '../../vision/images/preprocess.ts';
import { shardOf } from '../../vision/images/shard.ts';
import { openNetwork } from '../../vision/onnx/network.ts';
import { temporaryFolder } from '../support/fake-task.ts';
import { hasGnuTime } from '../support/gnu-time.ts';
import { INSTALL, pythonWith } from '../support/python.ts';

const floats = (...values: number[]) => new Float32Array(values);

describe('agreement', () => {
  const theirs = new Map([
    ['a', floats(1, -10)],
    ['b', floats(0.1, 0.2)],
  ]);

  test('is the largest difference relative to the largest activation of its layer', () => {
    const ours = new Map([...theirs, ['a', floats(1.0005, -10)]]);
    expect(agreement(theirs, theirs)).toBe(0);
    expect(agreement(ours, theirs)).toBeCloseTo(5e-5, 7);
  });

  test.each([
    ['another value', new Map([...theirs, ['b', floats(0.1, 0.2001)]]), /layer b by 0\.000/],
    ['no number', new Map([...theirs, ['b', floats(Number.NaN, 0.2)]]), /layer b by NaN/],
    ['fewer images', new Map([...theirs, ['b', floats(0.1)]]), /layer b/],
    ['a layer less', new Map([['a', floats(1, -10)]]), /mis has a; PyTorch a, b/],
  ])('%s is refused: other work was timed', (_, ours, told) => {
    expect(() => agreement(ours, theirs)).toThrow(told);
    expect(() => agreement(ours, theirs)).toThrow(UserError);
  });
});

test('settings of PyTorch that are tried', () => {
  expect(grid(1).map(({ threads, workers, layout }) => `${threads} ${workers} ${layout}`)).toEqual([
    '1 1 contiguous',
    '1 1 channels_last',
  ]);
  expect(grid(16)).toHaveLength(8);
  expect(grid(16)).toContainEqual({ threads: 8, workers: 16, layout: 'channels_last' });
});

describe('a case', () => {
  const [resnet18, , small] = CASES;

  test('its images are spread evenly over the shards, and the short run has the first of them', async () => {
    const dir = temporaryFolder();
    const { all, few } = await layOut({ ...small! }, dir, 4, { few: 8, all: 24, tried: 0 });
    expect(all.paths).toHaveLength(24);
    expect(few.paths).toHaveLength(8);
    for (const { folder, paths } of [all, few]) {
      const counts = new Map<string, number>();
      for (const path of paths) counts.set(shardOf(path, 4), (counts.get(shardOf(path, 4)) ?? 0) + 1);
      expect([...counts.values()]).toEqual(Array(4).fill(paths.length / 4));
      expect(paths.every((path) => existsSync(join(folder, path)))).toBe(true);
    }
    expect(readFileSync(all.list, 'utf8').split('\n')[0]).toBe(join(all.folder, all.paths[0]!));
  });

  test('what an image costs is what more images cost; the rest is the start', () => {
    const short = { wall: 5, tasks: 3, span: 4, cpu: 4 };
    const long = { wall: 11, tasks: 8, span: 14, cpu: 14 };
    const cost = costOf({ short, long }, { few: 20, all: 120 });
    expect(cost).toEqual({ rate: 20, untilLast: 10, startUp: 4, cpu: 0.1 });
    expect(() => costOf({ short, long: short }, { few: 20, all: 120 })).toThrow(/too much else/);
  });

  test.skipIf(!hasGnuTime())(
    'mis run is done anew each time, images in order (apt-get install time)',
    async () => {
      const dir = temporaryFolder();
      const laid = await layOut(small!, dir, 2, { few: 2, all: 40, tried: 0 });
      const { short, long, activations } = await (await misRuns(laid, small!, dir, 2))();
      for (const { tasks, span, wall } of [short, long]) {
        expect(tasks).toBeGreaterThan(0);
        expect(tasks).toBeLessThanOrEqual(span);
        expect(span).toBeLessThan(wall);
      }
      expect(agreement(activations, await byNetwork(small!, laid))).toBeLessThan(1e-6);
    },
  );

  const python = hasGnuTime() ? pythonWith('torch', 'torchvision', 'PIL', 'numpy') : undefined;
  test.skipIf(!python).each([
    ['photographs, resized', resnet18!],
    ['images of the network’s size', small!],
  ])(`hooks.py computes what mis does: %s (${INSTALL} time)`, async (_, of) => {
    const dir = temporaryFolder();
    const laid = await layOut(of, dir, 1, { few: 1, all: 3, tried: 0 });
    const { rate, cpu, peak, activations } = await torchSide(laid, of, dir).measure({
      ...{ threads: 1, workers: 1, layout: 'channels_last' },
    });
    expect(rate).toBeGreaterThan(0);
    expect(cpu).toBeGreaterThan(0);
    expect(peak).toBeGreaterThan(50 * 2 ** 20);
    const ours = await byNetwork(of, laid);
    expect(agreement(ours, activations)).toBeLessThan(2e-5);
    expect(ours.size).toBeGreaterThan(15);
  });
});

/** Activations of all images by the network alone. */
async function byNetwork(of: Case, { model, all }: Laid): Promise<Activations> {
  const network = await openNetwork(model, {
    layers: ['conv', 'batch-norm'],
    tokens: 'mean',
    output: 'none',
    preprocess: preprocessOf(of),
  });
  const images = await Promise.all(
    all.paths.map((path) =>
      prepare(readFileSync(join(all.folder, path)), path, network.preprocess, 'ignore'),
    ),
  );
  const { activations } = await network.run(Buffer.concat(images), images.length);
  await network.close();
  return new Map(network.layers.map(({ name }, i) => [name, activations[i]!]));
}
