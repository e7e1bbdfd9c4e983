import type { Task } from '../../engine/stage.ts';
import { randomStreams, type Stream } from '../../stats/random.ts';
import { type ExplanationRows, openExplanations } from '../../tables/explanations.ts';
import { type MarginRows, openMargins } from '../../tables/margins.ts';
import { type TaskRows, writeTasks, writeUnits } from '../../tables/scores.ts';
import { readUnitStats } from '../../tables/unit-stats.ts';
import type { Params } from './index.ts';
import { probability, scoreUnit } from './score.ts';
import { scoreTable } from './units.ts';

export async function scoreMis(task: Task<Params>): Promise<void> {
  const { alpha, 'alpha-role': role, bootstrap, seed } = task.params;
  const units = scoreTable(await readUnitStats(task.input('unit-stats').path));
  const explanations = await openExplanations(task.input('explanations').path);
  const margins = await openMargins(task.input('margins').path);
  const table = writeTasks(task.output('tasks'), explanations.references, { alpha, role });
  const streams = new Map<string, Stream>();
  try {
    for await (const batch of together(explanations.batches(), margins.batches())) {
      task.check();
      const p = batch.margin.map((margin) => probability(margin, alpha, role));
      for (let from = 0; from < p.length; from += explanations.tasks) {
        const to = from + explanations.tasks;
        const [layer, unit] = [batch.layer[from]!, batch.unit[from]!];
        const random = streams.get(layer) ?? randomStreams('bootstrap', seed, layer);
        streams.set(layer, random);
        const score = scoreUnit(
          batch.margin.subarray(from, to),
          p.subarray(from, to),
          random.start(unit),
          bootstrap,
        );
        units.set(layer, unit, score);
      }
      table.write({ ...batch, p } satisfies TaskRows);
      task.progress(table.rows, explanations.rows, 'tasks');
    }
    table.close();
    writeUnits(task.output('units'), units.scores());
  } finally {
    table.abort();
    await explanations.close();
    await margins.close();
  }
}

/** The batches of both tables, row beside row. Throws when they don't tell of the same tasks. */
async function* together(
  explanations: AsyncGenerator<ExplanationRows>,
  margins: AsyncGenerator<MarginRows>,
): AsyncGenerator<ExplanationRows & MarginRows> {
  for await (const explained of explanations) {
    const { value } = await margins.next();
    const rows = explained.unit.length;
    const same =
      value?.unit.length === rows &&
      explained.task.every((task, i) => task === value.task[i] && explained.unit[i] === value.unit[i]) &&
      explained.layer.every((layer, i) => layer === value.layer[i]);
    if (!same) throw new Error('margins and explanations tell of different tasks');
    yield { ...value, ...explained };
  }
}
