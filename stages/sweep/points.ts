import type { Received } from '../../engine/stage.ts';
import { openTasks, readUnits } from '../../tables/scores.ts';
import type { SweepSetting } from '../../tables/sweep-tables.ts';
import { compareSettings, pointOf } from './setting.ts';

/** Where the scores of a model under an encoder at one setting lie. */
export interface Place extends SweepSetting {
  readonly setting: string;
  readonly model: string;
  readonly encoder: string;
  readonly units: string;
  readonly tasks: string;
}

/** The scores at a place. One unit has the same row in every setting; NaN for units without a score. */
export interface Scores {
  readonly layer: readonly string[];
  readonly unit: Int32Array;
  readonly mis: Float64Array;
  readonly task_accuracy: Float64Array;
}

/** Pairs units and tasks of each setting, model and encoder, and reads what they were made with from the tasks themselves. */
export async function placesOf(
  units: readonly Received[],
  tasks: readonly Received[],
  base: SweepSetting,
): Promise<Place[]> {
  const byVars = new Map(tasks.map(({ path, vars }) => [keyOf(vars), path]));
  const places: Place[] = [];
  for (const { path, vars } of units) {
    const own = byVars.get(keyOf(vars));
    const { setting = '', model = 'model', encoder = 'encoder' } = vars;
    if (own === undefined) throw new Error(`no tasks of ${model} under ${encoder} at "${setting}"`);
    const told = pointOf(setting, base);
    const table = await openTasks(own);
    await table.close();
    const made = { alpha: table.scale.alpha, k: table.references };
    places.push({ ...told, ...made, setting, model, encoder, units: path, tasks: own });
  }
  return places.sort(compareSettings);
}

function keyOf({ setting = '', model = '', encoder = '' }: Readonly<Record<string, string>>): string {
  return JSON.stringify([setting, model, encoder]);
}

/** Reads the scores at a place. */
export async function scoresAt({ units: path }: Place): Promise<Scores> {
  const { layer, unit, mis, task_accuracy } = await readUnits(path);
  const numbers = (values: readonly (number | null)[]) => Float64Array.from(values, (v) => v ?? Number.NaN);
  return { layer, unit, mis: numbers(mis), task_accuracy: numbers(task_accuracy) };
}

/**
 * p of every task of every unit, flat [units × n] in the order of the units; NaN for units without a score. Reads the
 * tasks batch by batch. Throws when a unit's tasks don't give its score.
 */
export async function probabilities(place: Place, scores: Scores, check: () => void): Promise<Float64Array> {
  const table = await openTasks(place.tasks);
  const p = new Float64Array(scores.unit.length * place.n).fill(Number.NaN);
  let [row, filled] = [-1, 0];
  const checkUnit = () => {
    if (row < 0) return;
    let sum = 0;
    for (let i = 0; i < place.n; i++) sum += p[row * place.n + i]!;
    if (filled !== place.n || !(Math.abs(sum / place.n - scores.mis[row]!) < 1e-9))
      throw new Error(
        `${place.tasks}: the ${filled} tasks of unit ${scores.unit[row]} of ${scores.layer[row]} don't give its score`,
      );
  };
  try {
    for await (const batch of table.batches()) {
      check();
      for (let i = 0; i < batch.unit.length; i++) {
        const [layer, unit] = [batch.layer[i]!, batch.unit[i]!];
        if (row < 0 || scores.layer[row] !== layer || scores.unit[row] !== unit) {
          checkUnit();
          do row++;
          while (row < scores.unit.length && (scores.layer[row] !== layer || scores.unit[row] !== unit));
          if (row === scores.unit.length)
            throw new Error(`${place.tasks}: unit ${unit} of ${layer} has no row`);
          filled = 0;
        }
        if (filled === place.n) throw new Error(`${place.tasks}: a unit has more than ${place.n} tasks`);
        p[row * place.n + filled++] = batch.p[i]!;
      }
    }
    checkUnit();
  } finally {
    await table.close();
  }
  return p;
}
