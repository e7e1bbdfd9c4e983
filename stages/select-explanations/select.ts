import { UserError } from '../../common/errors.ts';
import { randomStreams, type Stream } from '../../stats/random.ts';
import type { UnitStats } from '../../tables/unit-stats.ts';
import { bytesPerUnit, findExtremes } from './extremes.ts';
import type { Plan } from './plan.ts';
import type { AllActivations } from './rows.ts';
import { dealTasks, type UnitTasks } from './tasks.ts';
import { unitTable } from './units.ts';

/** What the selection needs of the world. */
export interface Selection {
  readonly activations: Pick<AllActivations, 'layers' | 'units' | 'bytesPerUnit' | 'pass'>;
  /** Number of images, and the path of each. */
  readonly images: number;
  nameOf(image: number): string;
  readonly plan: Plan;
  readonly seed: number;
  /** Bytes for candidates and activations. Units that don't fit wait for another pass over the images. */
  readonly memory: number;
  /** Takes the tasks of a unit and its images from either end. Called in model order, not for constant units. */
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
  const each = bytesPerUnit(images, plan.depth) + activations.bytesPerUnit;
  const size = Math.max(1, Math.floor(selection.memory / each));
  const total = Math.ceil(stats.count / size) * images;
  const streams = new Map<string, Stream>();
  for (let from = 0, done = 0; from < stats.count; from += size, done += images) {
    const to = Math.min(stats.count, from + size);
    const extremes = findExtremes(to - from, images, plan.depth);
    await activations.pass(
      from,
      to,
      (image, values, offset) => {
        const bad = extremes.add(image, values, offset);
        if (bad >= 0) throw notFinite(stats, from + bad, selection.nameOf(image));
      },
      (image) => pause(done + image, total),
    );
    for (let row = from; row < to; row++) {
      set(row, extremes.statistics(row - from));
      if (stats.constant[row]) continue;
      const [layer, unit] = [stats.layer[row]!, stats.unit[row]!];
      const random = streams.get(layer) ?? randomStreams('tasks', selection.seed, layer);
      streams.set(layer, random);
      const [highest, lowest] = [extremes.highest(row - from), extremes.lowest(row - from)];
      selection.put(layer, unit, dealTasks(plan, random, unit, highest, lowest), highest, lowest);
    }
    pause(done + images, total);
  }
  return stats;
}

function notFinite(stats: UnitStats, row: number, image: string): UserError {
  return new UserError(
    `The activation of unit ${stats.unit[row]} of layer ${stats.layer[row]} is not a finite number for the image ` +
      `${image}. A unit can only be scored when all its activations are finite: leave the layer or the image out.`,
  );
}
