import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { withHelpers } from '../../common/wasm/threads.ts';
import type { Task } from '../../engine/stage.ts';
import { randomStreams } from '../../stats/random.ts';
import { sharedBootstrap } from '../../stats/shared-bootstrap.ts';
import {
  type CodedExplanations,
  openExplanations,
  tasksOf,
  type UnitSet,
  unitSet,
} from '../../tables/explanations.ts';
import { type MarginRows, type MarginTable, openMargins } from '../../tables/margins.ts';
import { type TaskRows, writeTasks, writeUnits } from '../../tables/scores.ts';
import { pickUnits, readUnitStats, type UnitStats } from '../../tables/unit-stats.ts';
import type { Params } from './index.ts';
import { probabilities, scoreUnit } from './score.ts';
import { scoreTable } from './units.ts';

/** Batches whose intervals may be missing yet. */
const AHEAD = 4;
/** Bytes of explanations from which a helper thread is worth its start. */
const MUCH = 4e6;

export async function scoreMis(task: Task<Params>): Promise<void> {
  const isMuch = statSync(task.input('explanations').path).size >= MUCH;
  await withHelpers(isMuch && availableParallelism() > 1 ? 1 : 0, (helpers) => score(task, helpers));
}

async function score(task: Task<Params>, helpers: Worker[]): Promise<void> {
  const { alpha, 'alpha-role': role, bootstrap, seed } = task.params;
  const reading = readUnitStats(task.input('unit-stats').path);
  reading.catch(() => {}); // Told when it is needed.
  const explanations = await openExplanations(task.input('explanations').path);
  const margins = await openMargins(task.input('margins').path);
  const sampled = await sampledUnits(margins);
  const stats = await reading;
  const units = scoreTable(sampled ? pickUnits(stats, rowsOf(sampled, stats)) : stats);
  const tasks = sampled ? tasksOf(sampled, explanations) : explanations.batches();
  const table = writeTasks(task.output('tasks'), explanations.references, { alpha, role });
  const draws = randomStreams('bootstrap', seed);
  const bootstrapped = sharedBootstrap(explanations.tasks, draws, { resamples: bootstrap }, helpers);
  const waiting: Promise<void>[] = [];
  const joined = async (scored: Promise<void>) => {
    bootstrapped.join();
    await scored;
  };
  const scoreAll = async (rows: CodedExplanations, margin: Float64Array, p: Float64Array) => {
    const { tasks } = explanations;
    const names = Array.from(
      { length: p.length / tasks },
      (_, i) => [layerOf(rows, i * tasks), rows.unit[i * tasks]!] as const,
    );
    const intervals = await bootstrapped.intervals(p);
    for (const [i, interval] of intervals.entries()) {
      const [from, to] = [i * tasks, (i + 1) * tasks];
      units.set(...names[i]!, scoreUnit(margin.subarray(from, to), p.subarray(from, to), interval));
    }
  };
  try {
    for await (const { explained, compared } of together(explanations.tasks, tasks, margins.batches())) {
      task.check();
      const { s_plus_plus, s_plus_minus, s_minus_plus, s_minus_minus, margin } = compared;
      const p = probabilities(margin, alpha, role);
      // Found while tables are read and written.
      const scored = scoreAll(explained, margin.slice(), p);
      scored.catch(() => {}); // Told when it is waited for.
      waiting.push(scored);
      const { unit, task: number, query_plus, query_minus, references_plus, references_minus } = explained;
      table.write({
        layer: explained.layers ?? explained.layer,
        ...{ unit, task: number, query_plus, query_minus, references_plus, references_minus },
        ...{ s_plus_plus, s_plus_minus, s_minus_plus, s_minus_minus, margin, p },
      } satisfies Record<keyof TaskRows, unknown>);
      task.progress(table.rows, margins.rows, 'tasks');
      if (waiting.length > AHEAD) await joined(waiting.shift()!);
    }
    for (const scored of waiting) await joined(scored);
    table.close();
    const drawnFrom = stats.constant.filter((constant) => !constant).length;
    writeUnits(task.output('units'), { ...units.scores(), ...(sampled && { drawnFrom }) });
  } finally {
    table.abort();
    await Promise.allSettled(waiting);
    await bootstrapped.close();
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
  tasks: number,
  explanations: AsyncGenerator<CodedExplanations>,
  margins: ReturnType<MarginTable['batches']>,
): AsyncGenerator<{ readonly explained: CodedExplanations; readonly compared: MarginRows }> {
  for await (const explained of explanations) {
    const { value: compared } = await margins.next();
    if (!compared || !isSame(tasks, explained, compared))
      throw new Error('margins and explanations tell of different tasks');
    yield { explained, compared };
  }
}

/** Layers are compared once a unit: what is between tells of no other one. */
function isSame(tasks: number, a: CodedExplanations, b: Layers & MarginRows): boolean {
  if (!isEqual(a.unit, b.unit) || !isEqual(a.task, b.task)) return false;
  for (let row = 0; row < a.unit.length; row += tasks) if (layerOf(a, row) !== layerOf(b, row)) return false;
  return true;
}

function isEqual(a: Int32Array, b: Int32Array): boolean {
  const bytes = (numbers: Int32Array) => Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength);
  return bytes(a).equals(bytes(b));
}

type Layers = Pick<CodedExplanations, 'layer' | 'layers'>;

const layerOf = (rows: Layers, row: number): string =>
  rows.layers ? rows.layers.words[rows.layers.codes[row]!]! : rows.layer[row]!;
