import type { Extremes } from '../../stats/extremes.ts';
import type { Windows } from '../../stats/windows.ts';
import { EXTREMES } from '../../tables/extremes.ts';
import { blockOf, type Means, type Portion } from './block.ts';
import type { Plan } from './plan.ts';
import type { Sample } from './rows.ts';
import type { Side } from './tasks.ts';

/** How the images of a block of units are found. */
export interface Finding {
  /** Units of a block at most. */
  readonly units: number;
  /**
   * Passes over the images of the units `from` to `to` − 1; `bad` is told of an activation that isn't finite: unit in the
   * block, image number. What was found before holds no more.
   */
  find(
    from: number,
    to: number,
    bad: (unit: number, image: number) => never,
    pause: (images: number) => void,
  ): Promise<Found>;
  /** Bytes of memory that it holds. */
  bytes(): number;
  /** Gives up its threads and its memory. */
  close(): Promise<void>;
}

/** Results for the units of a block, counted from its first one. */
export interface Found {
  /** The units, some at a time, as they come to be known; those after them come to be known meanwhile. */
  readonly portions: AsyncGenerator<Portion, void, undefined>;
  readonly statistics: Extremes['statistics'];
  /** Undefined where another finding must do it. */
  highest(unit: number): Side | undefined;
  lowest(unit: number): Side | undefined;
}

/** Keeps all images of a unit up to its queries: exact whatever the activations are. */
export function directly(means: Means, plan: Plan): Finding {
  const queriesTo = plan.queries + plan.tasks;
  const block = blockOf(means, plan.depth);
  return {
    units: block.units,
    async find(from, to, bad, pause) {
      const { extremes, portions } = await block.extremes(from, to, bad, pause);
      const side = (ranks: Extremes['highest']) => (unit: number) => ({
        first: ranks(unit, 0, firstOf(plan)),
        queries: ranks(unit, plan.queries, queriesTo),
      });
      return {
        portions,
        statistics: extremes.statistics,
        highest: side(extremes.highest),
        lowest: side(extremes.lowest),
      };
    },
    bytes: block.bytes,
    close: block.close,
  };
}

/** Keeps the references, and of the images between these and the queries none: see `findWindows`. */
export function bySample(means: Means, sample: Sample, plan: Plan): Finding {
  const { images } = means;
  const first = firstOf(plan);
  const block = blockOf(means, first, {
    ...{ images, from: plan.queries, to: plan.queries + plan.tasks, sample: sample.images.length },
    drawn: sample,
  });
  return {
    units: block.units,
    async find(from, to, bad, pause) {
      const { extremes, portions } = await block.extremes(from, to, bad, pause);
      const { statistics, highest, lowest, windows } = extremes;
      const side = (ranks: Extremes['highest'], ranksSought: Windows['highest']) => (unit: number) => {
        const queries = ranksSought(unit);
        return queries && { first: ranks(unit, 0, first), queries };
      };
      return {
        portions,
        statistics,
        highest: side(highest, windows!.highest),
        lowest: side(lowest, windows!.lowest),
      };
    },
    bytes: block.bytes,
    close: block.close,
  };
}

/** How many of the first images are needed: the references, and those of the table of extremes. */
function firstOf({ tasks, references, depth }: Plan): number {
  return Math.max(tasks * references, Math.min(EXTREMES, depth));
}
