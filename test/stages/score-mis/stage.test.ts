import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { tableFromIPC } from 'apache-arrow';
import { describe, expect, it } from 'vitest';
import stage from '../../../stages/score-mis/index.ts';
import { writeExplanations } from '../../../tables/explanations.ts';
import { openMargins, writeMargins } from '../../../tables/margins.ts';
import { openTasks, readUnits } from '../../../tables/scores.ts';
import { pickUnits, writeUnitStats } from '../../../tables/unit-stats.ts';
import { runStage, temporaryFolder } from '../../support/fake-task.ts';
import { INSTALL, pythonWith, runPython } from '../../support/python.ts';

const PARAMS = { similarity: 'cosine', alpha: 0.16, seed: 3 };
const [N, K] = [4, 2];
/** Layer a: units 0 and 2 have tasks, 1 is constant; layer b: 0 is constant, 1 has tasks, 2 is constant. */
const UNITS = [
  ['a', 0, false],
  ['a', 1, true],
  ['a', 2, false],
  ['b', 0, true],
  ['b', 1, false],
  ['b', 2, true],
] as const;
const SCORED = UNITS.filter(([, , constant]) => !constant);

type Margin = (unit: number, task: number) => number;
const someMargin: Margin = (unit, task) => Math.sin(unit * 31 + task * 7) / 3;

function write(marginOf: Margin, scored: readonly (readonly [string, number, boolean])[] = SCORED) {
  const folder = temporaryFolder();
  const paths = { stats: join(folder, 's'), explanations: join(folder, 'e'), margins: join(folder, 'm') };
  const zeros = () => new Float64Array(UNITS.length);
  writeUnitStats(paths.stats, {
    count: UNITS.length,
    layer: UNITS.map(([layer]) => layer),
    layer_type: UNITS.map(() => 'conv'),
    depth: Int32Array.of(0, 0, 0, 1, 1, 1),
    relative_depth: Float64Array.of(0, 0, 0, 1, 1, 1),
    width: new Int32Array(6).fill(3),
    relative_width: zeros().fill(1),
    unit: Int32Array.from(UNITS, ([, unit]) => unit),
    constant: UNITS.map(([, , constant]) => constant),
    activation_min: zeros(),
    activation_max: zeros().fill(2),
    activation_mean: zeros(),
    activation_sd: zeros(),
  });
  const rows = scored.flatMap(([layer, unit], i) =>
    Array.from({ length: N }, (_, task) => ({ layer, unit, i, task })),
  );
  const head = {
    layer: rows.map(({ layer }) => layer),
    unit: rows.map(({ unit }) => unit),
    task: rows.map(({ task }) => task),
  };
  const explanations = writeExplanations(paths.explanations, { tasks: N, references: K, images: 99 });
  const numbers = (length: number) => Int32Array.from({ length }, (_, i) => (i * 13) % 99);
  explanations.write({
    ...head,
    query_plus: numbers(rows.length),
    query_minus: numbers(rows.length).reverse(),
    references_plus: numbers(rows.length * K),
    references_minus: numbers(rows.length * K).reverse(),
  });
  explanations.close();
  const margins = writeMargins(paths.margins);
  const margin = rows.map(({ i, task }) => marginOf(i, task));
  margins.write({
    ...head,
    s_plus_plus: margin,
    s_plus_minus: margin.map(() => 0),
    s_minus_plus: margin.map(() => 0),
    s_minus_minus: margin.map(() => 0),
    margin,
  });
  margins.close();
  return paths;
}

async function score(params: object = {}, marginOf: Margin = someMargin, scored = SCORED) {
  const paths = write(marginOf, scored);
  const run = await runStage(stage, {
    params: { ...PARAMS, ...params },
    inputs: {
      explanations: { path: paths.explanations },
      'unit-stats': { path: paths.stats },
      margins: { path: paths.margins },
    },
  });
  return { units: run.output('units'), tasks: run.output('tasks'), paths };
}

describe('score-mis', () => {
  it('gives constant units nothing, and all others the mean of their p', async () => {
    const { units, tasks } = await score();
    const table = await readUnits(units);
    const rows = tableFromIPC(readFileSync(tasks)).toArray();
    expect(rows.length).toBe(3 * N);
    for (const [row, [layer, unit, constant]] of UNITS.entries()) {
      const mine = rows
        .filter((task) => task.layer === layer && task.unit === unit)
        .map((task) => task.p as number);
      expect(mine.length).toBe(constant ? 0 : N);
      for (const name of ['mis', 'mis_low', 'mis_high', 'task_accuracy', 'mean_margin', 'sd_p'] as const) {
        if (constant) expect(table[name][row]).toBeNull();
        else expect(table[name][row]).toBeTypeOf('number');
      }
      if (constant) continue;
      expect(table.mis[row]).toBeCloseTo(mine.reduce((a, b) => a + b) / N, 15);
      expect(table.mis_low[row]!).toBeLessThan(table.mis[row]!);
      expect(table.mis_high[row]!).toBeGreaterThan(table.mis[row]!);
    }
  });

  it('keeps the columns of units and explanations', async () => {
    const { units, tasks, paths } = await score();
    const stats = tableFromIPC(readFileSync(paths.stats)).toArray();
    const scored = tableFromIPC(readFileSync(units)).toArray();
    stats.forEach((row, i) => {
      for (const [name, value] of Object.entries(row.toJSON())) expect(scored[i][name]).toEqual(value);
    });
    expect(tableFromIPC(readFileSync(units)).schema.fields.map(({ name }) => name)).toEqual([
      ...['layer', 'layer_type', 'depth', 'relative_depth', 'width', 'relative_width', 'unit', 'constant'],
      ...['mis', 'mis_low', 'mis_high', 'task_accuracy', 'mean_margin', 'sd_p'],
      ...['activation_min', 'activation_max', 'activation_mean', 'activation_sd'],
    ]);
    const explained = tableFromIPC(readFileSync(paths.explanations)).toArray();
    const table = await openTasks(tasks);
    expect([table.rows, table.references]).toEqual([3 * N, K]);
    for await (const batch of table.batches()) {
      expect(batch.rows).toBe(3 * N);
      expect([...batch.query_plus]).toEqual(explained.map((row) => row.query_plus));
      expect([...batch.references_minus]).toEqual(explained.flatMap((row) => [...row.references_minus]));
      expect([...batch.s_plus_plus]).toEqual([...batch.margin]);
    }
    await table.close();
  });

  const python = pythonWith('numpy');
  it.skipIf(!python).each(['temperature', 'factor'])(
    `α as a %s: as numpy has it (${INSTALL})`,
    async (role) => {
      const { units } = await score({ 'alpha-role': role, alpha: 0.3 });
      const table = await readUnits(units);
      const margins = SCORED.map((_, i) => Array.from({ length: N }, (_, task) => someMargin(i, task)));
      const program = `
import sys, json, numpy as np
given = json.load(sys.stdin)
x = np.array(given['margins'])
p = 1 / (1 + np.exp(-(x / 0.3 if given['role'] == 'temperature' else x * 0.3)))
print(json.dumps([p.mean(1).tolist(), ((x > 0) + 0.5 * (x == 0)).mean(1).tolist(), x.mean(1).tolist(), p.std(1).tolist()]))`;
      const expected = runPython<number[][]>(python!, program, { margins, role });
      for (const [i, name] of (['mis', 'task_accuracy', 'mean_margin', 'sd_p'] as const).entries()) {
        const found = table[name].filter((value) => value !== null);
        found.forEach((value, unit) => {
          expect(value).toBeCloseTo(expected[i]![unit]!, 13);
        });
      }
    },
  );

  it("draws resamples from the seed, the same for every unit: a unit's interval doesn't depend on its neighbours", async () => {
    const interval = async (params: object, marginOf?: Margin) => {
      const { mis_low, mis_high } = await readUnits((await score(params, marginOf)).units);
      return UNITS.map((_, row) => [mis_low[row], mis_high[row]]);
    };
    const usual = await interval({ bootstrap: 37 });
    expect(await interval({ bootstrap: 37 })).toEqual(usual);
    const others = await interval(
      { bootstrap: 37 },
      (unit, task) => someMargin(unit, task) * (unit === 2 ? 1 : 2),
    );
    expect(others[4]).toEqual(usual[4]);
    expect(others[0]).not.toEqual(usual[0]);
    expect(await interval({ bootstrap: 37, seed: 4 })).not.toEqual(usual);
    // All units of a model share their resamples: equal margins have equal intervals.
    const same = await interval({ bootstrap: 37 }, (_, task) => someMargin(0, task));
    expect(new Set([same[0], same[2], same[4]].map(String)).size).toBe(1);
  });

  it('writes empty tasks and null scores when every unit is constant', async () => {
    const paths = write(someMargin, []);
    const stats = { ...(await readUnits((await score()).units)), constant: Array(6).fill(true) };
    const { mis, mis_low, mis_high, task_accuracy, mean_margin, sd_p, ...columns } = stats;
    writeUnitStats(paths.stats, columns);
    const run = await runStage(stage, {
      params: PARAMS,
      inputs: {
        explanations: { path: paths.explanations },
        'unit-stats': { path: paths.stats },
        margins: { path: paths.margins },
      },
    });
    expect((await readUnits(run.output('units'))).mis).toEqual(Array(6).fill(null));
    expect((await openTasks(run.output('tasks'))).rows).toBe(0);
  });

  it('puts out the sampled units alone where the margins are of a sample, with the scores that they have among all', async () => {
    const paths = write(someMargin);
    const all = await score();
    const sampled = new Map([
      ['a', new Set([2])],
      ['b', new Set([1])],
    ]);
    const full = await openMargins(all.paths.margins);
    const margins = writeMargins(paths.margins, 2);
    for await (const batch of full.batches()) {
      const rows = [...batch.unit.keys()].filter((row) =>
        sampled.get(batch.layer[row]!)?.has(batch.unit[row]!),
      );
      const pick = (values: Float64Array) => Float64Array.from(rows, (row) => values[row]!);
      margins.write({
        layer: rows.map((row) => batch.layer[row]!),
        unit: rows.map((row) => batch.unit[row]!),
        task: rows.map((row) => batch.task[row]!),
        s_plus_plus: pick(batch.s_plus_plus),
        s_plus_minus: pick(batch.s_plus_minus),
        s_minus_plus: pick(batch.s_minus_plus),
        s_minus_minus: pick(batch.s_minus_minus),
        margin: pick(batch.margin),
      });
    }
    margins.close();
    const run = await runStage(stage, {
      params: PARAMS,
      inputs: {
        explanations: { path: paths.explanations },
        'unit-stats': { path: paths.stats },
        margins: { path: paths.margins },
      },
    });
    const [units, whole] = [await readUnits(run.output('units')), await readUnits(all.units)];
    const rows = [2, 4];
    expect(units).toEqual({
      ...pickUnits(whole, rows),
      drawnFrom: 3,
      ...Object.fromEntries(
        (['mis', 'mis_low', 'mis_high', 'task_accuracy', 'mean_margin', 'sd_p'] as const).map((name) => [
          name,
          rows.map((row) => whole[name][row]),
        ]),
      ),
    });
    const tasksOfAll = tableFromIPC(readFileSync(all.tasks)).toArray().map(String);
    const tasks = tableFromIPC(readFileSync(run.output('tasks')))
      .toArray()
      .map(String);
    expect(tasks).toEqual(tasksOfAll.slice(N));
    expect(whole.drawnFrom).toBeUndefined();
  });

  it('stops at tables that do not belong together', async () => {
    await expect(score({}, () => Number.NaN)).rejects.toThrow(/mis.* is NaN/);
    await expect(score({}, someMargin, SCORED.slice(0, 2))).rejects.toThrow(/unit 1 of layer b has no tasks/);
    await expect(score({}, someMargin, SCORED.toReversed())).rejects.toThrow(/out of order/);
  });

  it('takes a positive α only', () => {
    for (const alpha of [0, -1, Number.POSITIVE_INFINITY, Number.NaN]) {
      expect(stage.params.safeParse({ ...PARAMS, alpha }).success).toBe(false);
    }
    expect(stage.params.parse(PARAMS)).toEqual({ ...PARAMS, 'alpha-role': 'temperature', bootstrap: 1000 });
  });
});
