import { UserError } from '../../common/errors.ts';
import { collectGarbage } from '../../common/wasm/collect.ts';
import { randomStreams, type Stream } from '../../stats/random.ts';
import type { UnitStats } from '../../tables/unit-stats.ts';
import { bySample, directly, type Finding, type Found } from './block.ts';
import type { Plan } from './plan.ts';
import type { AllActivations } from './rows.ts';
import { dealTasks, roomFor, type UnitTasks } from './tasks.ts';
import { unitTable } from './units.ts';

/** What the selection needs of the world. */
export interface Selection {
  readonly activations: Pick<AllActivations, 'layers' | 'units' | 'block' | 'pass' | 'sample'>;
  /** Number of images, and the path of each. */
  readonly images: number;
  nameOf(image: number): string;
  readonly plan: Plan;
  readonly seed: number;
  /** Bytes for candidates. Units that don't fit wait for another pass over the images. */
  readonly memory: number;
  /** Threads that work, with this one. */
  readonly threads: number;
  /** Images of the sample by which queries far from the ends are found; of fewer than four times as many none is taken. */
  readonly sample: number;
  /**
   * Takes the tasks of a unit and the first of its images from either end: they hold until it returns. Called in model order,
   * not for constant units.
   */
  put(layer: string, unit: number, tasks: UnitTasks, highest: Int32Array, lowest: Int32Array): void;
  /** Called now and then with the work done. */
  pause(done: number, total: number): void;
}

/** Bytes that are given back at once. */
const LARGE = 128 * 2 ** 20;
/** Up to this many images from either end are kept outright. */
const FEW = 2048;

/**
 * Chooses the images of all tasks of all units, block of units by block; returns the table of units. The result depends
 * on the activations, the paths' order, the plan and the seed, never on the shards, the memory or the sample.
 */
export async function selectAll(selection: Selection): Promise<UnitStats> {
  const { first, safe } = findings(selection);
  try {
    return await selectBy(selection, first, safe);
  } finally {
    const bytes = first.bytes() + (safe === first ? 0 : safe.bytes());
    await first.close();
    await safe.close();
    if (bytes >= LARGE) collectGarbage();
  }
}

async function selectBy(selection: Selection, first: Finding, safe: Finding): Promise<UnitStats> {
  const { images, plan, pause } = selection;
  const { stats, set } = unitTable(selection.activations.layers);
  const total = Math.ceil(stats.count / first.units) * images;
  const streams = new Map<string, Stream>();
  const room = roomFor(plan);
  /** False where the images of a unit are not found. */
  const take = (row: number, found: Found, unit: number): boolean => {
    set(row, found.statistics(unit));
    if (stats.constant[row]) return true;
    const [highest, lowest] = [found.highest(unit), found.lowest(unit)];
    if (!highest || !lowest) return false;
    const layer = stats.layer[row]!;
    const random = streams.get(layer) ?? randomStreams('tasks', selection.seed, layer);
    streams.set(layer, random);
    const tasks = dealTasks(plan, random, stats.unit[row]!, highest, lowest, room);
    selection.put(layer, stats.unit[row]!, tasks, highest.first, lowest.first);
    return true;
  };
  const find = (finding: Finding, from: number, to: number, done: number) =>
    finding.find(
      from,
      to,
      (unit, image) => {
        throw notFinite(stats, from + unit, selection.nameOf(image));
      },
      (seen) => pause(done + seen, total),
    );
  for (let from = 0, done = 0; from < stats.count; from += first.units, done += images) {
    const to = Math.min(stats.count, from + first.units);
    const found = await find(first, from, to, done);
    let row = from;
    for await (const portion of found.portions) {
      while (row < from + portion.to) {
        if (take(row, found, row - from)) {
          row++;
          continue;
        }
        // The sample misled: the next units, as many as fit, are found again without it.
        const start = row;
        row = Math.min(to, start + safe.units);
        const again = await find(safe, start, row, done);
        for await (const { from: unit, to: end } of again.portions)
          for (let other = unit; other < end; other++) take(start + other, again, other);
      }
    }
  }
  return stats;
}

/** How to find the images of a unit at first, and what always succeeds. */
function findings(selection: Selection): { first: Finding; safe: Finding } {
  const { activations, images, plan, sample: size } = selection;
  const safe = directly(selection, plan);
  if (plan.depth <= FEW || images < 4 * size) return { first: safe, safe };
  const sample = activations.sample(size);
  return { first: sample.images.length === 0 ? safe : bySample(selection, sample, plan), safe };
}

function notFinite(stats: UnitStats, row: number, image: string): UserError {
  return new UserError(
    `The activation of unit ${stats.unit[row]} of layer ${stats.layer[row]} is not a finite number for the image ` +
      `${image}. A unit can only be scored when all its activations are finite: leave the layer or the image out.`,
  );
}
