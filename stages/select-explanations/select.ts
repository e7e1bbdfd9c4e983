import type { Worker } from 'node:worker_threads';
import { UserError } from '../../common/errors.ts';
import { collectGarbage } from '../../common/wasm/collect.ts';
import type { Dealt } from '../../stats/dealing.ts';
import type { Extremes } from '../../stats/extremes.ts';
import type { UnitStats } from '../../tables/unit-stats.ts';
import type { Dealing } from './block.ts';
import type { Block } from './blocks.ts';
import { bySample, directly, type Finding, type Found } from './finding.ts';
import type { Plan } from './plan.ts';
import type { AllActivations } from './rows.ts';
import { unitTable } from './units.ts';

/** Tasks of adjoining units of a layer, from the number `unit` on. */
export interface UnitTasks {
  readonly layer: string;
  readonly unit: number;
  readonly count: number;
  /** Those of the first unit begin at `at` units. */
  readonly tasks: Dealt;
  readonly at: number;
  /** The images at either end of the order of a unit, counted from the first one; see `Extremes`. */
  readonly firsts: Extremes['firsts'];
}

/** What the selection needs of the world. */
export interface Selection {
  readonly activations: Pick<
    AllActivations,
    'layers' | 'units' | 'block' | 'isInOrder' | 'read' | 'pass' | 'sample'
  >;
  /** Number of images, and the path of each. */
  readonly images: number;
  nameOf(image: number): string;
  readonly plan: Plan;
  readonly seed: number;
  /** Bytes for candidates. Units that don't fit wait for another pass over the images. */
  readonly memory: number;
  /** Threads that work, with this one. */
  readonly threads: number;
  /** Helper threads that were started already; those that are needed are taken out. */
  readonly helpers?: Worker[];
  /** Images of the sample by which queries far from the ends are found; of fewer than four times as many none is taken. */
  readonly sample: number;
  /** Takes the tasks of some units: they hold until it returns. Called in model order, not for constant units. */
  put(units: UnitTasks): void;
  /** Something to do while other threads work, again and again. */
  meanwhile(): void;
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
  const { images, pause } = selection;
  const { stats, set } = unitTable(selection.activations.layers);
  const total = first.blocks.length * images;
  /**
   * Takes the units of a portion from the row `start` on, of a block that begins at the row `base`. Returns the first row that
   * was not taken: the end of the portion, or where the images of a unit are not found.
   */
  const take = (base: number, found: Found, { from, to, tasks }: Dealing, start: number): number => {
    let [row, run] = [start, start];
    const put = () => {
      if (run === row) return;
      const [unit, layer] = [run - base, stats.layer[run]!];
      const at = unit - from;
      const firsts: UnitTasks['firsts'] = (i, side, count, target, to) =>
        found.firsts(unit + i, side, count, target, to);
      selection.put({ layer, unit: stats.unit[run]!, count: row - run, tasks, at, firsts });
    };
    for (; row < base + to; row++) {
      set(row, found.statistics(row - base));
      const isMissing = !stats.constant[row] && !found.isFound(row - base);
      if (stats.constant[row] || isMissing || stats.layer[row] !== stats.layer[run]) {
        put();
        run = stats.constant[row] ? row + 1 : row;
      }
      if (isMissing) return row;
    }
    put();
    return row;
  };
  const find = (finding: Finding, { from, to }: Block, done: number, next?: Block) =>
    finding.find(
      from,
      to,
      (unit, image) => {
        throw notFinite(stats, from + unit, selection.nameOf(image));
      },
      (seen) => pause(done + seen, total),
      next,
    );
  for (const [i, block] of first.blocks.entries()) {
    const { from, to } = block;
    const done = i * images;
    const found = await find(first, block, done, first.blocks[i + 1]);
    let row = from;
    for await (const portion of found.portions) {
      while (row < from + portion.to) {
        row = take(from, found, portion, row);
        if (row === from + portion.to) break;
        // The sample misled: the next units, as many as there are in a block, are found again without it.
        const start = row;
        row = Math.min(to, safe.blocks.find((block) => block.to > start)!.to);
        const again = await find(safe, { from: start, to: row }, done);
        for await (const other of again.portions) take(start, again, other, start + other.from);
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
