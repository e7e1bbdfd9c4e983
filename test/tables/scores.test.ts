import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import { openExplanations, writeExplanations } from '../../tables/explanations.ts';
import { openMargins, writeMargins } from '../../tables/margins.ts';
import { openTasks, readUnits, type UnitScores, writeTasks, writeUnits } from '../../tables/scores.ts';
import { checkPaths, sameShards } from '../../tables/shards.ts';
import { readUnitStats, writeUnitStats } from '../../tables/unit-stats.ts';
import { temporaryFolder } from '../support/fake-task.ts';

const file = () => join(temporaryFolder(), 'table.arrow');

const stats = {
  count: 3,
  layer: ['stem', 'stem', 'head'],
  layer_type: ['conv', 'conv', 'linear'],
  depth: Int32Array.of(0, 0, 1),
  relative_depth: Float64Array.of(0, 0, 1),
  width: Int32Array.of(2, 2, 1),
  relative_width: Float64Array.of(1, 1, 0.5),
  unit: Int32Array.of(0, 1, 0),
  constant: [false, true, false],
  activation_min: Float64Array.of(-1, 3, 0.1),
  activation_max: Float64Array.of(1, 3, 0.2),
  activation_mean: Float64Array.of(0, 3, 0.15),
  activation_sd: Float64Array.of(0.5, 0, 0.01),
};
const units: UnitScores = {
  ...stats,
  mis: [0.7, null, 0.9],
  mis_low: [0.6, null, 0.8],
  mis_high: [0.8, null, 0.95],
  task_accuracy: [0.75, null, 1],
  mean_margin: [0.1, null, 0.3],
  sd_p: [0.2, null, 0],
};
const explained = {
  layer: ['stem', 'head'],
  unit: Int32Array.of(0, 0),
  task: Int32Array.of(0, 1),
  query_plus: Int32Array.of(5, 6),
  query_minus: Int32Array.of(7, 8),
  references_plus: Int32Array.of(1, 2, 3, 4, 5, 6),
  references_minus: Int32Array.of(9, 8, 7, 6, 5, 4),
};
const similarities = {
  s_plus_plus: Float64Array.of(1, 0.5),
  s_plus_minus: Float64Array.of(0.1, 0.2),
  s_minus_plus: Float64Array.of(0.3, 0.4),
  s_minus_minus: Float64Array.of(-1, -0.5),
  margin: Float64Array.of(2.2, 1.2),
};

async function only<T>(table: { batches(): AsyncGenerator<T>; close(): Promise<void> }): Promise<T[]> {
  const all: T[] = [];
  for await (const batch of table.batches()) all.push(batch);
  await table.close();
  return all;
}

describe('unit tables', () => {
  it('come back as they were', async () => {
    const [a, b] = [file(), file()];
    writeUnitStats(a, stats);
    expect(await readUnitStats(a)).toEqual(stats);
    writeUnits(b, units);
    expect(await readUnits(b)).toEqual(units);
  });

  it("hold nulls for Arrow's own reader too", () => {
    const path = file();
    writeUnits(path, units);
    const table = tableFromIPC(readFileSync(path));
    expect(table.toArray().map((row) => row.mis)).toEqual([0.7, null, 0.9]);
    expect(table.schema.fields.filter((field) => field.nullable).map((field) => field.name)).toEqual([
      ...['mis', 'mis_low', 'mis_high', 'task_accuracy', 'mean_margin', 'sd_p'],
    ]);
  });
});

describe('task tables', () => {
  it('come back batch by batch, with what they are about', async () => {
    const path = file();
    const writer = writeExplanations(path, { tasks: 2, references: 3, images: 77 });
    writer.write(explained);
    writer.write({ ...explained, layer: ['head', 'neck'] });
    writer.close();
    const table = await openExplanations(path);
    expect(table).toMatchObject({ rows: 4, tasks: 2, references: 3, images: 77 });
    expect(await only(table)).toMatchObject([explained, { ...explained, layer: ['head', 'neck'] }]);
  });

  it('margins and scores likewise', async () => {
    const [a, b] = [file(), file()];
    const margins = { layer: explained.layer, unit: explained.unit, task: explained.task, ...similarities };
    const first = writeMargins(a);
    first.write(margins);
    first.close();
    expect(await only(await openMargins(a))).toMatchObject([margins]);
    const tasks = { ...explained, ...similarities, p: Float64Array.of(0.9, 0.8) };
    const second = writeTasks(b, 3, { alpha: 0.2, role: 'factor' });
    second.write(tasks);
    second.close();
    const table = await openTasks(b);
    expect(table).toMatchObject({ rows: 2, references: 3, scale: { alpha: 0.2, role: 'factor' } });
    expect(await only(table)).toEqual([{ rows: 2, ...tasks }]);
    expect([...tableFromIPC(readFileSync(b)).get(1)!.references_minus]).toEqual([6, 5, 4]);
  });
});

describe('shards', () => {
  const files = (...shards: string[]) => shards.map((shard) => ({ path: `f${shard}`, vars: { shard } }));

  it('finds the file of the same shard', () => {
    expect(sameShards(files('0', '1', '2'), files('2', '0', '1'))).toEqual(files('0', '1', '2'));
    expect(() => sameShards(files('0', '1'), files('0'))).toThrow(/1 files for 2 shards/);
    expect(() => sameShards(files('0', '1'), files('0', '2'))).toThrow(/shard 1/);
  });

  it('compares paths with the index', () => {
    checkPaths('f', 1, ['b', 'c'], ['a', 'b', 'c']);
    expect(() => checkPaths('f', 1, ['b', 'x'], ['a', 'b', 'c'])).toThrow(/row 2 of f is x.*it is c/);
  });
});
