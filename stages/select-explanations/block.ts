import { bytesPerUnit, type Extremes, findExtremes } from '../../stats/extremes.ts';
import { findWindows, type Sought, spacePerUnit, type Windows } from '../../stats/windows.ts';
import { EXTREMES } from '../../tables/extremes.ts';
import type { Plan } from './plan.ts';
import type { AllActivations, Sample, Taker } from './rows.ts';
import type { Side } from './tasks.ts';

/** How the images of a block of units are found. */
export interface Finding {
  /** Bytes that one unit takes meanwhile. */
  readonly bytes: number;
  /** Passes over the images; `bad` is told of an activation that isn't finite: unit in the block, image number. */
  find(
    from: number,
    to: number,
    bad: (unit: number, image: number) => never,
    pause: (images: number) => void,
  ): Promise<Found>;
}

/** Results for the units of a block, counted from its first one. */
export interface Found {
  readonly statistics: Extremes['statistics'];
  /** Undefined where another finding must do it. */
  highest(unit: number): Side | undefined;
  lowest(unit: number): Side | undefined;
}

type Activations = Pick<AllActivations, 'pass'>;

/** Keeps all images of a unit up to its queries: exact whatever the activations are. */
export function directly(activations: Activations, images: number, plan: Plan): Finding {
  const queriesTo = plan.queries + plan.tasks;
  return {
    bytes: bytesPerUnit(images, plan.depth),
    async find(from, to, bad, pause) {
      const extremes = findExtremes(to - from, images, plan.depth);
      await activations.pass(from, to, takerFor(extremes, bad), pause);
      const side = (ranks: Extremes['highest']) => (unit: number) => ({
        first: ranks(unit, 0, firstOf(plan)),
        queries: ranks(unit, plan.queries, queriesTo),
      });
      return {
        statistics: extremes.statistics,
        highest: side(extremes.highest),
        lowest: side(extremes.lowest),
      };
    },
  };
}

/** Keeps the references, and of the images between these and the queries none: see `findWindows`. */
export function bySample(activations: Activations, sample: Sample, images: number, plan: Plan): Finding {
  const sought: Sought = { images, from: plan.queries, to: plan.queries + plan.tasks };
  const first = firstOf(plan);
  const space = spacePerUnit(sought, sample.images.length);
  return {
    bytes: bytesPerUnit(images, first) + space,
    async find(from, to, bad, pause) {
      const units = to - from;
      const extremes = findExtremes(units, images, first);
      const windows = await windowsFrom(sample, sought, from, to, new ArrayBuffer(units * space));
      const take = takerFor(extremes, bad);
      await activations.pass(
        from,
        to,
        {
          ...take,
          column(unit, values, at, stride, numbers) {
            take.column(unit, values, at, stride, numbers);
            windows.add(unit, values, at, stride, numbers);
          },
        },
        pause,
      );
      const side = (ranks: Extremes['highest'], ranksSought: Windows['highest']) => (unit: number) => {
        const queries = ranksSought(unit);
        return queries && { first: ranks(unit, 0, first), queries };
      };
      return {
        statistics: extremes.statistics,
        highest: side(extremes.highest, windows.highest),
        lowest: side(extremes.lowest, windows.lowest),
      };
    },
  };
}

async function windowsFrom(
  sample: Sample,
  sought: Sought,
  from: number,
  to: number,
  space: ArrayBuffer,
): Promise<Windows> {
  const size = sample.images.length;
  const values = new Float32Array(space, 0, (to - from) * size);
  const filled = new Int32Array(to - from);
  await sample.pass(from, to, {
    column(unit, column, at, stride, numbers) {
      let place = unit * size + filled[unit]!;
      for (let row = 0, i = at; row < numbers.length; row++, i += stride) values[place++] = column[i]!;
      filled[unit]! += numbers.length;
    },
    ends: () => {
      throw new Error('a sample has no ends');
    },
  });
  return findWindows(to - from, sought, space, sample.images);
}

function takerFor(extremes: Extremes, bad: (unit: number, image: number) => never): Taker {
  return {
    column(unit, values, at, stride, numbers) {
      const row = extremes.add(unit, values, at, stride, numbers);
      if (row >= 0) bad(unit, numbers[row]!);
    },
    ends: extremes.merge,
  };
}

/** How many of the first images are needed: the references, and those of the table of extremes. */
function firstOf({ tasks, references, depth }: Plan): number {
  return Math.max(tasks * references, Math.min(EXTREMES, depth));
}
