import { startThreads, type Threads } from '../../common/wasm/threads.ts';
import type { Job } from '../../common/wasm/work.mjs';
import { bytesPerUnit, type Extremes, findExtremes } from '../../stats/extremes.ts';
import type { Sought, Windows } from '../../stats/windows.ts';
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

/** Units `from` to `to` − 1. */
interface Portion {
  readonly from: number;
  readonly to: number;
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
    fill: (from, to, windows) => fillWindows(sample, from, to, windows),
    numbers: sample.images,
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

/** Ranks far from the ends, and the sample that helps to find them: the numbers of its images, and what reads it. */
interface Sampled extends Sought {
  readonly numbers: Int32Array;
  fill(from: number, to: number, windows: Windows): Promise<void>;
}

async function fillWindows(sample: Sample, from: number, to: number, windows: Windows): Promise<void> {
  const spaces = Array.from({ length: to - from }, (_, unit) => windows.sample(unit));
  let filled = 0;
  await sample.pass(from, to, {
    slabs: [newSlab()],
    batch(portions, { length }) {
      eachColumn(portions, length, (unit, column) => spaces[unit]!.set(column, filled));
      filled += length;
    },
    ends: () => {
      throw new Error('a sample has no ends');
    },
  });
}

/** Pieces of work for each thread: more even out their speed, each takes some work to begin with. */
const PIECES = 6;

/** The extremes of as many units at a time as fit. Memory and threads are those of the first block. */
function blockOf({ activations, images, memory, threads: count }: Means, depth: number, sought?: Sampled) {
  const { layers } = activations;
  const bytes = bytesPerUnit({ images, depth, sought });
  const units = Math.max(1, Math.min(activations.units, Math.floor(memory / bytes)));
  let made: { readonly extremes: Extremes; readonly threads: Threads } | undefined;
  const make = () => {
    const { block } = activations;
    const pieces = count === 1 ? 1 : PIECES * count;
    const size = { layers: layers.length, units, images, depth, sought, block, rooms: 2, pieces };
    const extremes = findExtremes(size);
    return { extremes, threads: startThreads(extremes.shared, count) };
  };
  return {
    units,
    async extremes(
      from: number,
      to: number,
      bad: (unit: number, image: number) => never,
      pause: (images: number) => void,
    ) {
      made ??= make();
      const { extremes, threads } = made;
      const run = (job: Job) => threads.run(job, () => {});
      const { windows } = extremes;
      extremes.begin(within(layers, from, to));
      if (sought && windows) {
        await sought.fill(from, to, windows);
        await run(windows.bound(to - from, sought.numbers));
      }
      const take: Taker = {
        slabs: extremes.rooms.map((room) => (length) => room.subarray(0, length)),
        async batch(portions, numbers) {
          const inOrder = portions.toSorted((a, b) => a.first - b.first);
          await run(extremes.add(inOrder, numbers));
          for (const { values, at, stride, units: own, first } of portions)
            for (let unit = 0; unit < own; unit++)
              if (!extremes.isFinite(first + unit)) {
                const row = numbers.findIndex((_, i) => !Number.isFinite(values[at + unit + i * stride]));
                bad(first + unit, numbers[row]!);
              }
        },
        ends: extremes.merge,
      };
      await activations.pass(from, to, take, pause);
      return { extremes, portions: portions(extremes, threads, to - from) };
    },
    bytes: () => made?.extremes.shared.memory.buffer.byteLength ?? 0,
    async close() {
      await made?.threads.close();
      made = undefined;
    },
  };
}

/** How many portions a block makes: more of them let dealing begin sooner. */
const PORTIONS = 8;

/** Puts the units of a block in order; helper threads go on with the next ones while those before are dealt. */
async function* portions(
  extremes: Extremes,
  threads: Threads,
  units: number,
): AsyncGenerator<Portion, void, undefined> {
  const size = Math.ceil(units / PORTIONS);
  const find = async (from: number) => {
    const portion = { from, to: Math.min(units, from + size) };
    if (from >= units) return portion;
    await threads.aside(extremes.finish(from, portion.to));
    if (extremes.windows) await threads.aside(extremes.windows.narrow(from, portion.to));
    return portion;
  };
  let next = find(0);
  try {
    for (let from = 0; from < units; from += size) {
      const portion = await next;
      next = find(portion.to);
      next.catch(() => {}); // Told when its turn comes.
      yield portion;
    }
  } finally {
    await next.catch(() => {});
  }
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
