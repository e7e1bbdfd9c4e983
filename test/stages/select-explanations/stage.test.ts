import { readFileSync } from 'node:fs';
import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import stage from '../../../stages/select-explanations/index.ts';
import { planTasks } from '../../../stages/select-explanations/plan.ts';
import { openAll } from '../../../stages/select-explanations/rows.ts';
import { selectAll } from '../../../stages/select-explanations/select.ts';
import { openKept, writeKept } from '../../../tables/activation-extremes.ts';
import type { ActivationLayer } from '../../../tables/activations.ts';
import { openExplanations } from '../../../tables/explanations.ts';
import { EXTREMES } from '../../../tables/extremes.ts';
import { numberImages, readImages } from '../../../tables/images.ts';
import { readUnitStats } from '../../../tables/unit-stats.ts';
import { unitsOf } from '../../support/dealt.ts';
import { runStage, temporaryFolder } from '../../support/fake-task.ts';
import { somePaths, writeShards } from '../../support/shards.ts';

const IMAGES = 130;
const LAYERS: ActivationLayer[] = [
  { name: 'stem', type: 'conv', op: 'Conv', tensor: 's', units: 3, depth: 0 },
  { name: 'norm', type: 'batch-norm', op: 'BatchNormalization', tensor: 'n', units: 5, depth: 1 },
  { name: 'head', type: 'linear', op: 'Gemm', tensor: 'h', units: 2, depth: 2 },
];
const PARAMS = { n: 5, k: 4, difficulty: 'easy', seed: 7 };

/** A few ties; unit 1 of the stem and unit 0 of the head are constant. */
function activation(layer: string, unit: number, position: number): number {
  if (layer === 'stem' && unit === 1) return 3;
  if (layer === 'head' && unit === 0) return 1e-9 * (position % 2);
  const value = Math.sin(position * 12.9898 + unit * 78.233 + layer.length) * 43_758.5453;
  return Math.fround(Math.floor((value - Math.floor(value)) * 60) / 7 - 3);
}

const paths = somePaths(IMAGES);
const number = new Map(paths.toSorted((a, b) => (a < b ? -1 : 1)).map((path, i) => [path, i]));

/** With a depth, activation files hold extremes alone where the shard is large enough. */
function write(
  shards: number,
  layers: readonly ActivationLayer[] = LAYERS,
  value = activation,
  depth?: number,
) {
  const shardOf = (position: number) => (position * position + position) % shards;
  return writeShards(
    temporaryFolder(),
    { paths, shardOf, shards },
    (file, names, positions) => {
      const writer = writeKept(file, layers, names.length, depth);
      const rows = layers.map(({ name, units }) =>
        Float32Array.from({ length: units * positions.length }, (_, i) =>
          value(name, i % units, positions[Math.floor(i / units)]!),
        ),
      );
      writer.write(names, rows);
      writer.close();
    },
    { model: 'm' },
  );
}

async function select(
  shards: number,
  layers = LAYERS,
  params: object = PARAMS,
  value = activation,
  depth?: number,
) {
  const { images, files } = write(shards, layers, value, depth);
  const run = await runStage(stage, { params, inputs: { images, activations: files.toReversed() } });
  const [explanations, units] = [run.output('explanations'), run.output('unit-stats')];
  const extremes = run.output('extremes');
  const bytes = [explanations, units, extremes].map((path) => readFileSync(path));
  return { explanations, units, extremes, bytes };
}

interface Row {
  layer: string;
  unit: number;
  task: number;
  query_plus: number;
  query_minus: number;
  references_plus: number[];
  references_minus: number[];
}

/** The table as Arrow's own reader sees it. */
function rowsOf(path: string): Row[] {
  return tableFromIPC(readFileSync(path))
    .toArray()
    .map((row) => JSON.parse(JSON.stringify(row)) as Row);
}

/** Positions of all images in the order of a unit, most extreme first. */
function order(layer: string, unit: number, sign: 1 | -1): number[] {
  return paths
    .map((path) => ({ value: 0, image: number.get(path)! }))
    .map(({ image }, position) => ({ value: activation(layer, unit, position), image }))
    .sort((a, b) => sign * (b.value - a.value || a.image - b.image))
    .map(({ image }) => image);
}

const ascending = (values: Iterable<number>) => [...values].sort((a, b) => a - b);

describe('select-explanations', () => {
  it('cuts the sorted images of every unit that is not constant into bins and queries', async () => {
    const { explanations } = await select(3);
    const rows = rowsOf(explanations);
    expect(rows.length).toBe(8 * 5);
    for (const { name, units } of LAYERS) {
      for (let unit = 0; unit < units; unit++) {
        const mine = rows.filter((row) => row.layer === name && row.unit === unit);
        if ((name === 'stem' && unit === 1) || (name === 'head' && unit === 0)) {
          expect(mine).toEqual([]);
          continue;
        }
        expect(mine.map((row) => row.task)).toEqual([0, 1, 2, 3, 4]);
        for (const [side, sign] of [
          ['plus', 1],
          ['minus', -1],
        ] as const) {
          const images = order(name, unit, sign);
          for (let bin = 0; bin < 4; bin++) {
            const found = mine.map((row) => row[`references_${side}`][bin]!);
            expect(ascending(found)).toEqual(ascending(images.slice(bin * 5, bin * 5 + 5)));
          }
          expect(ascending(mine.map((row) => row[`query_${side}`]))).toEqual(ascending(images.slice(20, 25)));
        }
      }
    }
  });

  it('keeps the images from either end of every unit that is not constant, most extreme first', async () => {
    const rows = tableFromIPC(readFileSync((await select(3)).extremes))
      .toArray()
      .map(
        (row) =>
          JSON.parse(JSON.stringify(row)) as { layer: string; unit: number; most: number[]; least: number[] },
      );
    expect(rows).toHaveLength(8);
    for (const { layer, unit, most, least } of rows) {
      expect(most).toEqual(order(layer, unit, 1).slice(0, EXTREMES));
      expect(least).toEqual(order(layer, unit, -1).slice(0, EXTREMES));
    }
  });

  it('describes every unit, constant ones too', async () => {
    const units = await readUnitStats((await select(2)).units);
    expect(units.count).toBe(10);
    expect(units.layer).toEqual([
      ...Array(3).fill('stem'),
      ...Array(5).fill('norm'),
      ...Array(2).fill('head'),
    ]);
    expect(units.layer_type[4]).toBe('batch-norm');
    expect([...units.unit]).toEqual([0, 1, 2, 0, 1, 2, 3, 4, 0, 1]);
    expect([...units.depth]).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 2, 2]);
    expect([...units.relative_depth.slice(2, 9)]).toEqual([0, 0.5, 0.5, 0.5, 0.5, 0.5, 1]);
    expect([...units.width.slice(2, 4)]).toEqual([3, 5]);
    expect([...units.relative_width]).toEqual([0.6, 0.6, 0.6, 1, 1, 1, 1, 1, 0.4, 0.4]);
    expect(units.constant).toEqual([false, true, false, false, false, false, false, false, true, false]);
    expect([units.activation_min[1], units.activation_max[1], units.activation_sd[1]]).toEqual([3, 3, 0]);
    const values = paths.map((_, position) => activation('norm', 2, position));
    expect(units.activation_min[5]).toBe(Math.min(...values));
    expect(units.activation_max[5]).toBe(Math.max(...values));
    const mean = values.reduce((sum, value) => sum + value) / IMAGES;
    expect(units.activation_mean[5]).toBeCloseTo(mean, 12);
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / IMAGES;
    expect(units.activation_sd[5]).toBeCloseTo(Math.sqrt(variance), 12);
  });

  it('puts out the same bytes for any number of shards (empty ones too) and any order of columns', async () => {
    const one = await select(1);
    for (const shards of [2, 5, 40]) expect((await select(shards)).bytes).toEqual(one.bytes);
    expect((await select(3, [LAYERS[2]!, LAYERS[0]!, LAYERS[1]!])).bytes).toEqual(one.bytes);
  });

  it('puts out the same bytes from extremes alone, where the shards are large enough to keep no more', async () => {
    const params = { n: 2, k: 2, difficulty: 'easy', seed: 3 };
    const whole = await select(3, LAYERS, params);
    for (const [shards, depth] of [
      [1, 6],
      [1, 32],
      [3, 6],
      [4, 7],
      [40, 6],
    ] as const) {
      expect((await select(shards, LAYERS, params, activation, depth)).bytes).toEqual(whole.bytes);
    }
    const reordered = [LAYERS[2]!, LAYERS[0]!, LAYERS[1]!];
    expect((await select(2, reordered, params, activation, 6)).bytes).toEqual(whole.bytes);
    const forms = await Promise.all(write(4, LAYERS, activation, 7).files.map(({ path }) => openKept(path)));
    expect(new Set(forms.map(({ form }) => form))).toEqual(new Set(['full', 'extremes']));
    await Promise.all(forms.map((file) => file.close()));
  });

  it('takes harder queries from extremes that are deep enough, and says what depth would be', async () => {
    const params = { n: 2, k: 2, difficulty: 0.1, seed: 3 };
    const whole = await select(1, LAYERS, params);
    expect((await select(1, LAYERS, params, activation, 15)).bytes).toEqual(whole.bytes);
    await expect(select(1, LAYERS, params, activation, 14)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(/first 15 images .* only 14 .*`inference\.depth: 15`.*store: full/),
    });
  });

  it('refuses extremes of other images', async () => {
    const { files } = write(1, LAYERS, activation, 6);
    const names = paths.map((name) => name.replace('class-0', 'class-9'));
    const renamed = writeShards(temporaryFolder(), { paths: names, shardOf: () => 0, shards: 1 }, () => {});
    await expect(
      runStage(stage, { params: PARAMS, inputs: { images: renamed.images, activations: files } }),
    ).rejects.toThrow(/not those of the image index/);
  });

  it('chooses the same images of a layer when the others are not there', async () => {
    const all = rowsOf((await select(2)).explanations).filter((row) => row.layer === 'norm');
    expect(rowsOf((await select(2, [LAYERS[1]!])).explanations)).toEqual(all);
    const alone = await readUnitStats((await select(2, [LAYERS[1]!])).units);
    expect([...alone.relative_depth]).toEqual([0, 0, 0, 0, 0]);
  });

  it('chooses the same with little memory, in several passes that cut through layers', async () => {
    const { images, files } = write(3);
    const shards = await Promise.all(images.map(({ path }) => readImages(path)));
    const numbers = numberImages(shards);
    const paths = shards.map((shard) => [...shard.paths]);
    const activations = await openAll(
      files.map(({ path }) => path),
      paths,
      numbers,
    );
    const plan = planTasks(IMAGES, 5, 4, 'easy');
    const run = async (memory: number) => {
      const put: unknown[] = [];
      let passes = 0;
      const units = await selectAll({
        activations: {
          ...activations,
          pass(...args) {
            passes++;
            return activations.pass(...args);
          },
        },
        images: IMAGES,
        nameOf: String,
        plan,
        seed: 7,
        memory,
        threads: 1,
        sample: IMAGES,
        meanwhile: () => {},
        put: (units) => put.push(...unitsOf(units)),
        pause: (done, total) => expect(done).toBeLessThanOrEqual(total),
      });
      return { passes, units, put };
    };
    const [ample, little, least] = [await run(1e9), await run(10_000), await run(1)];
    expect(ample.passes).toBe(1);
    expect(little.passes).toBeGreaterThan(1);
    expect(little.passes).toBeLessThan(10);
    expect(least.passes).toBe(10);
    expect({ ...little, passes: 0 }).toEqual({ ...ample, passes: 0 });
    expect({ ...least, passes: 0 }).toEqual({ ...ample, passes: 0 });
    await activations.close();
  });

  it('takes harder queries from their rank', async () => {
    const rows = rowsOf((await select(2, LAYERS, { ...PARAMS, difficulty: 0.3 })).explanations);
    const mine = rows.filter((row) => row.layer === 'norm' && row.unit === 3);
    expect(ascending(mine.map((row) => row.query_minus))).toEqual(
      ascending(order('norm', 3, -1).slice(39, 44)),
    );
  });

  it('writes empty tables of tasks when all units are constant', async () => {
    const { explanations, units } = await select(2, LAYERS, PARAMS, () => 0);
    const table = await openExplanations(explanations);
    expect([table.rows, table.tasks, table.references, table.images]).toEqual([0, 5, 4, IMAGES]);
    await table.close();
    expect((await readUnitStats(units)).constant).toEqual(Array(10).fill(true));
  });

  it('names unit, layer and image of an activation that is not finite', async () => {
    const value = (layer: string, unit: number, position: number) =>
      layer === 'norm' && unit === 2 && position === 40 ? Number.NaN : activation(layer, unit, position);
    await expect(select(2, LAYERS, PARAMS, value)).rejects.toMatchObject({
      name: 'UserError',
      message: expect.stringMatching(new RegExp(`unit 2 of layer norm .* ${paths[40]}\\.`)),
    });
  });

  it('refuses settings that do not fit the data, and unknown ones', async () => {
    await expect(select(2, LAYERS, { ...PARAMS, n: 14 })).rejects.toThrow(/n = 13/);
    const { success } = stage.params.safeParse({ ...PARAMS, difficulty: 0.5 });
    expect(success).toBe(false);
    for (const odd of [{ difficulty: 'tough' }, { n: 0 }, { k: 1.5 }, { extra: 1 }]) {
      expect(stage.params.safeParse({ ...PARAMS, ...odd }).success).toBe(false);
    }
  });
});
