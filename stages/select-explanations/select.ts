import { UserError } from '../../common/errors.ts';
import { bytesPerUnit, type Extremes, findExtremes } from '../../stats/extremes.ts';
import { randomStreams, type Stream } from '../../stats/random.ts';
import { EXTREMES } from '../../tables/extremes.ts';
import type { UnitStats } from '../../tables/unit-stats.ts';
import type { Plan } from './plan.ts';
import type { AllActivations } from './rows.ts';
import { dealTasks, type Side, type UnitTasks } from './tasks.ts';
import { unitTable } from './units.ts';

/** What the selection needs of the world. */
export interface Selection {
  readonly activations: Pick<AllActivations, 'layers' | 'units' | 'pass'>;
  /** Number of images, and the path of each. */
  readonly images: number;
  nameOf(image: number): string;
  readonly plan: Plan;
  readonly seed: number;
  /** Bytes for candidates. Units that don't fit wait for another pass over the images. */
  readonly memory: number;
  /**
   * Takes the tasks of a unit and the first of its images from either end. Called in model order, not for constant units.
   */
  put(layer: string, unit: number, tasks: UnitTasks, highest: Int32Array, lowest: Int32Array): void;
  /** Called now and then with the work done. */
  pause(done: number, total: number): void;
}

/**
 * Chooses the images of all tasks of all units, block of units by block; returns the table of units. The result depends
 * on the activations, the paths' order, the plan and the seed, never on the shards or the memory.
 */
export async function selectAll(selection: Selection): Promise<UnitStats> {
  const { activations, images, plan, pause } = selection;
  const { stats, set } = unitTable(activations.layers);
  const size = Math.max(1, Math.floor(selection.memory / bytesPerUnit(images, plan.depth)));
  const total = Math.ceil(stats.count / size) * images;
  const streams = new Map<string, Stream>();
  for (let from = 0, done = 0; from < stats.count; from += size, done += images) {
    const to = Math.min(stats.count, from + size);
    const extremes = findExtremes(to - from, images, plan.depth);
    await activations.pass(
      from,
      to,
      {
        column(unit, values, at, stride, numbers) {
          const bad = extremes.add(unit, values, at, stride, numbers);
          if (bad >= 0) throw notFinite(stats, from + unit, selection.nameOf(numbers[bad]!));
        },
        ends: extremes.merge,
      },
      (image) => pause(done + image, total),
    );
    for (let row = from; row < to; row++) {
      set(row, extremes.statistics(row - from));
      if (stats.constant[row]) continue;
      const [layer, unit] = [stats.layer[row]!, stats.unit[row]!];
      const random = streams.get(layer) ?? randomStreams('tasks', selection.seed, layer);
      streams.set(layer, random);
      const [highest, lowest] = sidesOf(extremes, plan, row - from);
      selection.put(layer, unit, dealTasks(plan, random, unit, highest, lowest), highest.first, lowest.first);
    }
  }
  return stats;
}

function sidesOf(extremes: Extremes, plan: Plan, unit: number): [Side, Side] {
  const first = Math.max(plan.tasks * plan.references, Math.min(EXTREMES, plan.depth));
  const side = (ranks: Extremes['highest']): Side => ({
    first: ranks(unit, 0, first),
    queries: ranks(unit, plan.queries, plan.queries + plan.tasks),
  });
  return [side(extremes.highest), side(extremes.lowest)];
}

function notFinite(stats: UnitStats, row: number, image: string): UserError {
  return new UserError(
    `The activation of unit ${stats.unit[row]} of layer ${stats.layer[row]} is not a finite number for the image ` +
      `${image}. A unit can only be scored when all its activations are finite: leave the layer or the image out.`,
  );
}
