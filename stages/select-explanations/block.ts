import { startThreads, type Threads } from '../../common/wasm/threads.ts';
import { bytesPerUnit, type Extremes, findExtremes } from '../../stats/extremes.ts';
import { findWindows, type Sought, spacePerUnit, type Windows } from '../../stats/windows.ts';
import { newSlab } from '../../tables/arrow.ts';
import { EXTREMES } from '../../tables/extremes.ts';
import type { Plan } from './plan.ts';
import { type AllActivations, eachColumn, type Sample, type Taker } from './rows.ts';
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
  close(): Promise<void>;
}

/** Results for the units of a block, counted from its first one. */
export interface Found {
  readonly statistics: Extremes['statistics'];
  /** Undefined where another finding must do it. */
  highest(unit: number): Side | undefined;
  lowest(unit: number): Side | undefined;
}

/** What a finding works on, and with: images in all, bytes for candidates, threads with this one. */
export interface Means {
  readonly activations: Pick<AllActivations, 'layers' | 'units' | 'block' | 'pass'>;
  readonly images: number;
  readonly memory: number;
  readonly threads: number;
}

/** Keeps all images of a unit up to its queries: exact whatever the activations are. */
export function directly(means: Means, plan: Plan): Finding {
  const queriesTo = plan.queries + plan.tasks;
  const block = blockOf(means, plan.depth, 0);
  return {
    units: block.units,
    async find(from, to, bad, pause) {
      const extremes = await block.extremes(from, to, bad, pause);
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
    close: block.close,
  };
}

/** Keeps the references, and of the images between these and the queries none: see `findWindows`. */
export function bySample(means: Means, sample: Sample, plan: Plan): Finding {
  const sought: Sought = { images: means.images, from: plan.queries, to: plan.queries + plan.tasks };
  const first = firstOf(plan);
  const space = spacePerUnit(sought, sample.images.length);
  const block = blockOf(means, first, space);
  return {
    units: block.units,
    async find(from, to, bad, pause) {
      const windows = await windowsFrom(sample, sought, from, to, new ArrayBuffer((to - from) * space));
      const extremes = await block.extremes(from, to, bad, pause, (portions, images) => {
        eachColumn(portions, images.length, (unit, values) => windows.add(unit, values, 0, 1, images));
      });
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
    close: block.close,
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
  let filled = 0;
  await sample.pass(from, to, {
    slabs: [newSlab()],
    batch(portions, { length }) {
      eachColumn(portions, length, (unit, column) => values.set(column, unit * size + filled));
      filled += length;
    },
    ends: () => {
      throw new Error('a sample has no ends');
    },
  });
  return findWindows(to - from, sought, space, sample.images);
}

/** Pieces of work for each thread: more even out their speed, each takes some work to begin with. */
const PIECES = 6;

/**
 * The extremes of as many units at a time as fit, `more` bytes a unit aside. Memory and threads are those of the first
 * block.
 */
function blockOf({ activations, images, memory, threads: count }: Means, depth: number, more: number) {
  const { layers } = activations;
  const bytes = bytesPerUnit(images, depth) + more;
  const units = Math.max(1, Math.min(activations.units, Math.floor(memory / bytes)));
  let made: { extremes: Extremes; threads: Threads } | undefined;
  const make = () => {
    const { block } = activations;
    const pieces = count === 1 ? 1 : PIECES * count;
    const extremes = findExtremes({ layers: layers.length, units, images, depth, block, rooms: 2, pieces });
    return { extremes, threads: startThreads(extremes.shared, count) };
  };
  return {
    units,
    async extremes(
      from: number,
      to: number,
      bad: (unit: number, image: number) => never,
      pause: (images: number) => void,
      also: Taker['batch'] = () => {},
    ): Promise<Extremes> {
(globalThis as any).mark?.('before');made ??= make();(globalThis as any).mark?.('make');
      const { extremes, threads } = made;
      extremes.begin(within(layers, from, to));
(globalThis as any).mark?.('begin');const take: Taker = {
        slabs: extremes.rooms.map((room) => (length) => room.subarray(0, length)),
        async batch(portions, numbers) {
          const inOrder = portions.toSorted((a, b) => a.first - b.first);
          await threads.run(extremes.add(inOrder, numbers), () => {});
          for (const { values, at, stride, units: own, first } of portions)
            for (let unit = 0; unit < own; unit++)
              if (!extremes.isFinite(first + unit)) {
                const row = numbers.findIndex((_, i) => !Number.isFinite(values[at + unit + i * stride]));
                bad(first + unit, numbers[row]!);
              }
          await also(portions, numbers);
        },
        ends: extremes.merge,
      };
      await activations.pass(from, to, take, pause);
(globalThis as any).mark?.('pass');await threads.run(extremes.finish(), () => {});(globalThis as any).mark?.('finish');
      return extremes;
    },
    close: async () => made?.threads.close(),
  };
}

/** Units of each layer among those from `from` to `to` − 1, of the layers that have any there. */
function within(layers: AllActivations['layers'], from: number, to: number): number[] {
  let start = 0;
  const counts = layers.map(({ units }) => {
    const count = Math.min(to, start + units) - Math.max(from, start);
    start += units;
    return count;
  });
  return counts.filter((count) => count > 0);
}

/** How many of the first images are needed: the references, and those of the table of extremes. */
function firstOf({ tasks, references, depth }: Plan): number {
  return Math.max(tasks * references, Math.min(EXTREMES, depth));
}
