import { describe, expect, it } from 'vitest';
import { planTasks } from '../../../stages/select-explanations/plan.ts';
import { openAll } from '../../../stages/select-explanations/rows.ts';
import { selectAll } from '../../../stages/select-explanations/select.ts';
import { type ActivationLayer, writeActivations } from '../../../tables/activations.ts';
import { numberImages, readPaths } from '../../../tables/images.ts';
import { unitsOf } from '../../support/dealt.ts';
import { temporaryFolder } from '../../support/fake-task.ts';
import { somePaths, writeShards } from '../../support/shards.ts';

const IMAGES = 24_000;
const LAYERS: ActivationLayer[] = [
  { name: 'one', type: 'conv', op: 'Conv', tensor: 'a', units: 6, depth: 0 },
  { name: 'two', type: 'conv', op: 'Conv', tensor: 'b', units: 1, depth: 1 },
];

const noise = (image: number, unit: number) => {
  const value = Math.sin(image * 12.9898 + unit * 78.233) * 43_758.5453;
  return value - Math.floor(value);
};
const UNITS: ((image: number) => number)[] = [
  (image) => noise(image, 0),
  (image) => 1e6 + noise(image, 1),
  (image) => -noise(image, 2),
  () => 2,
  (image) => (image < 23_000 ? noise(image, 4) : 5 + noise(image, 4)),
  // Equal activations stand in the order of the numbers, of which a few whole batches say little: misleads.
  (image) => Math.max(0, noise(image, 5) - 0.95),
  (image) => Math.round(noise(image, 6) * 5),
];

const paths = somePaths(IMAGES);
const number = new Map(paths.toSorted((a, b) => (a < b ? -1 : 1)).map((path, i) => [path, i]));
const value = (unit: number, position: number) => UNITS[unit]!(number.get(paths[position]!)!);

async function written() {
  const shards = 5;
  const { images, files } = writeShards(
    temporaryFolder(),
    { paths, shardOf: (position) => position % shards, shards },
    (file, names, positions) => {
      const writer = writeActivations(file, LAYERS);
      const column = (first: number, units: number) =>
        Float32Array.from({ length: units * positions.length }, (_, i) =>
          value(first + (i % units), positions[Math.floor(i / units)]!),
        );
      writer.write(names, [column(0, 6), column(6, 1)]);
      writer.close();
    },
  );
  const names = await Promise.all(images.map(({ path }) => readPaths(path)));
  const numbers = numberImages(names.map((own) => ({ rows: own.length, paths: own })));
  const activations = await openAll(
    files.map(({ path }) => path),
    names,
    numbers,
  );
  return activations;
}

describe('selection far from the ends', () => {
  it('finds with a sample what it finds without, also where the sample misleads', async () => {
    const activations = await written();
    for (const difficulty of [0.1, 'very-hard', 0.49] as const) {
      const plan = planTasks(IMAGES, 5, 4, difficulty);
      const run = async (sample: number, memory: number) => {
        const put: unknown[] = [];
        const read: string[] = [];
        const stats = await selectAll({
          activations: {
            ...activations,
            pass(from, to, ...rest) {
              read.push(`${from}–${to - 1}`);
              return activations.pass(from, to, ...rest);
            },
          },
          images: IMAGES,
          nameOf: String,
          plan,
          seed: 3,
          memory,
          threads: 1,
          sample,
          meanwhile: () => {},
          put: (units) => put.push(...unitsOf(units)),
          pause: () => {},
        });
        return { read, result: { stats, put } };
      };
      const whole = await run(IMAGES, 1e9);
      expect(whole.read).toEqual(['0–6']);
      const sampled = await run(IMAGES / 8, 1e9);
      expect(sampled.result).toEqual(whole.result);
      expect((await run(IMAGES / 8, 400_000)).result).toEqual(whole.result);
      expect((await run(IMAGES / 8, 1)).result).toEqual(whole.result);
      if (difficulty === 'very-hard') expect(sampled.read).toEqual(['0–6', '5–6']);
    }
    await activations.close();
  });
});
