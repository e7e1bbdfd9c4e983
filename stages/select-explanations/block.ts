import { startThreads, type Threads } from '../../common/wasm/threads.ts';
import type { Job } from '../../common/wasm/work.mjs';
import { type Dealt, dealBytes, type Units } from '../../stats/dealing.ts';
import { bytesPerUnit, type Extremes, findExtremes } from '../../stats/extremes.ts';
import { streamKey } from '../../stats/random.ts';
import type { Sought, Windows } from '../../stats/windows.ts';
import { newSlab } from '../../tables/arrow.ts';
import type { Plan } from './plan.ts';
import type { AllActivations, Sample } from './rows.ts';
import { eachColumn, type Taker } from './take.ts';

/** Units `from` to `to` − 1, and their tasks, which hold until the next portion is asked for. */
export interface Portion {
  readonly from: number;
  readonly to: number;
  readonly tasks: Dealt;
}

/** What a finding works on, and with: images in all, bytes for candidates, threads with this one. */
export interface Means {
  readonly activations: Pick<AllActivations, 'layers' | 'units' | 'block' | 'pass'>;
  readonly images: number;
  /** Of the shuffles. */
  readonly seed: number;
  readonly memory: number;
  readonly threads: number;
}

/** Ranks far from the ends, and the sample that helps to find them. */
export interface Sampled extends Sought {
  readonly drawn: Sample;
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

/** How many portions a block makes: more of them let writing begin sooner. */
const PORTIONS = 8;

/** The tasks of as many units at a time as fit. Memory and threads are those of the first block. */
export function blockOf(
  { activations, images, seed, memory, threads: count }: Means,
  { tasks, references, queries }: Plan,
  depth: number,
  sought?: Sampled,
) {
  const { layers } = activations;
  const dealOf = (units: number) => ({ tasks, references, queries, units: Math.ceil(units / PORTIONS) });
  const { room, rooms } = dealBytes(dealOf(1));
  const bytes = bytesPerUnit({ images, depth, sought }) + (room * rooms) / PORTIONS;
  const units = Math.max(1, Math.min(activations.units, Math.floor(memory / bytes)));
  let made: { readonly extremes: Extremes; readonly threads: Threads } | undefined;
  const make = () => {
    const { block } = activations;
    const pieces = count === 1 ? 1 : PIECES * count;
    const deal = dealOf(units);
    const size = { layers: layers.length, units, images, depth, sought, deal, block, rooms: 2, pieces };
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
      const parts = within(layers, from, to);
      extremes.begin(parts.map(({ units }) => units));
      if (sought && windows) {
        await fillWindows(sought.drawn, from, to, windows);
        await run(windows.bound(to - from, sought.drawn.images));
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
      const adjoining = (first: number, end: number): Units[] =>
        within(layers, from + first, from + end).map(({ layer, unit, units }) => {
          return { key: streamKey('tasks', seed, layer), unit, count: units };
        });
      return { extremes, portions: portions(extremes, threads, to - from, adjoining) };
    },
    bytes: () => made?.extremes.shared.memory.buffer.byteLength ?? 0,
    async close() {
      await made?.threads.close();
      made = undefined;
    },
  };
}

/** Deals the tasks of a block's units; helper threads go on with the next ones while those before are written. */
async function* portions(
  extremes: Extremes,
  threads: Threads,
  units: number,
  adjoining: (from: number, to: number) => readonly Units[],
): AsyncGenerator<Portion, void, undefined> {
  const { dealing, windows } = extremes;
  const size = Math.ceil(units / PORTIONS);
  let turn = 0;
  const find = async (from: number) => {
    const to = Math.min(units, from + size);
    const room = turn++ % dealing!.rooms.length;
    const portion = { from, to, tasks: dealing!.rooms[room]! };
    if (from >= units) return portion;
    await threads.aside(extremes.finish(from, to));
    if (windows) await threads.aside(windows.narrow(from, to));
    await threads.aside(dealing!.deal(room, from, adjoining(from, to)));
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

/** Layers that have units among those from `from` to `to` − 1: the first one's number, and how many. */
function within(layers: AllActivations['layers'], from: number, to: number) {
  let start = 0;
  const parts = layers.map(({ name, units }) => {
    const [first, end] = [Math.max(from, start) - start, Math.min(to, start + units) - start];
    start += units;
    return { layer: name, unit: first, units: end - first };
  });
  return parts.filter(({ units }) => units > 0);
}
