import type { Extremes } from '../../stats/extremes.ts';
import { EXTREMES } from '../../tables/extremes.ts';
import { blockOf, type Dealing, type Means } from './block.ts';
import type { Block } from './blocks.ts';
import type { Plan } from './plan.ts';
import type { Sample } from './sample.ts';

/** How the images of a block of units are found. */
export interface Finding {
  /** What all units make. */
  readonly blocks: readonly Block[];
  /**
   * Passes over the images of the units `from` to `to` − 1 of a block; `bad` is told of an activation that isn't finite: unit in the
   * block, image number. What was found before holds no more. The `next` block is begun to be read meanwhile, and must then be
   * asked for next.
   */
  find(
    from: number,
    to: number,
    bad: (unit: number, image: number) => never,
    pause: (images: number) => void,
    next?: Block,
  ): Promise<Found>;
  /** Bytes of memory that it holds. */
  bytes(): number;
  /** Gives up its threads and its memory. */
  close(): Promise<void>;
}

/** Results for the units of a block, counted from its first one. */
export interface Found {
  /** The units, some at a time, as their tasks are dealt; those after them are meanwhile. */
  readonly portions: AsyncGenerator<Dealing, void, undefined>;
  readonly statistics: Extremes['statistics'];
  readonly firsts: Extremes['firsts'];
  /** False where another finding must do it. */
  isFound(unit: number): boolean;
}

/** Keeps all images of a unit up to its queries: exact whatever the activations are. */
export function directly(means: Means, plan: Plan): Finding {
  const block = blockOf(means, plan, plan.depth);
  return {
    blocks: block.blocks,
    async find(...given) {
      const { extremes, portions } = await block.extremes(...given);
      const { statistics, firsts } = extremes;
      return { portions, statistics, firsts, isFound: () => true };
    },
    bytes: block.bytes,
    close: block.close,
  };
}

/** Keeps the references, and of the images between these and the queries none: see `findWindows`. */
export function bySample(means: Means, sample: Sample, plan: Plan): Finding {
  const { images } = means;
  const { tasks, references, queries, depth } = plan;
  const block = blockOf(means, plan, Math.max(tasks * references, Math.min(EXTREMES, depth)), {
    ...{ images, from: queries, to: queries + tasks, sample: sample.images.length },
    drawn: sample,
  });
  return {
    blocks: block.blocks,
    async find(...given) {
      const { extremes, portions } = await block.extremes(...given);
      const { statistics, firsts, windows } = extremes;
      const isFound = (unit: number) => Boolean(windows!.highest(unit) && windows!.lowest(unit));
      return { portions, statistics, firsts, isFound };
    },
    bytes: block.bytes,
    close: block.close,
  };
}
