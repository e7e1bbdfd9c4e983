import type { Task } from '../../engine/stage.ts';
import { randomStreams } from '../../stats/random.ts';
import { sharedBootstrap } from '../../stats/shared-bootstrap.ts';
import {
  type ExplanationRows,
  openExplanations,
  tasksOf,
  type UnitSet,
  unitSet,
} from '../../tables/explanations.ts';
import { type MarginRows, type MarginTable, openMargins } from '../../tables/margins.ts';
import { type TaskRows, writeTasks, writeUnits } from '../../tables/scores.ts';
import { pickUnits, readUnitStats, type UnitStats } from '../../tables/unit-stats.ts';
import type { Params } from './index.ts';
import { probability, scoreUnit } from './score.ts';
import { scoreTable } from './units.ts';

export async function scoreMis(task: Task<Params>): Promise<void> {
  const { alpha, 'alpha-role': role, bootstrap, seed } = task.params;
  const stats = await readUnitStats(task.input('unit-stats').path);
  const explanations = await openExplanations(task.input('explanations').path);
  const margins = await openMargins(task.input('margins').path);
  const sampled = await sampledUnits(margins);
  const units = scoreTable(sampled ? pickUnits(stats, rowsOf(sampled, stats)) : stats);
  const tasks = sampled ? tasksOf(sampled, explanations) : explanations.batches();
  const table = writeTasks(task.output('tasks'), explanations.references, { alpha, role });
  const draws = randomStreams('bootstrap', seed);
  const bootstrapped = sharedBootstrap(explanations.tasks, draws, { resamples: bootstrap });
  try {
    for await (const batch of together(tasks, margins.batches())) {
      task.check();
      const p = batch.margin.map((margin) => probability(margin, alpha, role));
      bootstrapped(p).forEach((interval, i) => {
        const [from, to] = [i * explanations.tasks, (i + 1) * explanations.tasks];
        const score = scoreUnit(batch.margin.subarray(from, to), p.subarray(from, to), interval);
        units.set(batch.layer[from]!, batch.unit[from]!, score);
      });
      table.write({ ...batch, p } satisfies TaskRows);
      task.progress(table.rows, margins.rows, 'tasks');
    }
    table.close();
    const drawnFrom = stats.constant.filter((constant) => !constant).length;
    writeUnits(task.output('units'), { ...units.scores(), ...(sampled && { drawnFrom }) });
  } finally {
    table.abort();
    await explanations.close();
    await margins.close();
  }
}

/**
 * The units that were compared, where they are a sample of the model's: the tables then hold these alone, no constant
 * ones. Undefined where all were.
 */
async function sampledUnits(margins: MarginTable): Promise<UnitSet | undefined> {
  if (margins.sample === undefined) return undefined;
  const units = new Map<string, Set<number>>();
  for await (const batch of margins.batches()) unitSet(batch, units);
  return units;
}

function rowsOf(units: UnitSet, stats: UnitStats): number[] {
  return [...stats.unit.keys()].filter((row) => units.get(stats.layer[row]!)?.has(stats.unit[row]!));
}

/** The batches of both tables, row beside row. Throws when they don't tell of the same tasks. */
async function* together(
  explanations: AsyncGenerator<ExplanationRows>,
  margins: AsyncGenerator<MarginRows>,
): AsyncGenerator<ExplanationRows & MarginRows> {
  for await (const explained of explanations) {
    const { value } = await margins.next();
    if (!value || !isSame(explained, value))
      throw new Error('margins and explanations tell of different tasks');
    yield { ...value, ...explained };
  }
}

function isSame(a: ExplanationRows, b: MarginRows): boolean {
  if (a.unit.length !== b.unit.length) return false;
  for (let i = 0; i < a.unit.length; i++)
    if (a.task[i] !== b.task[i] || a.unit[i] !== b.unit[i] || a.layer[i] !== b.layer[i]) return false;
  return true;
}
