import type { Worker } from 'node:worker_threads';
import { startThreads, type Threads } from '../../common/wasm/threads.ts';
import type { Job } from '../../common/wasm/work.mjs';
import { type Dealt, dealer, type Units } from '../../stats/dealing.ts';
import { bytesPerUnit, type Extremes, findExtremes } from '../../stats/extremes.ts';
import { streamKey } from '../../stats/random.ts';
import type { Sought, Windows } from '../../stats/windows.ts';
import { newSlab } from '../../tables/arrow.ts';
import { type Block, blocksOf, widest, within } from './blocks.ts';
import type { Plan } from './plan.ts';
import type { AllActivations, Reading } from './rows.ts';
import type { Sample } from './sample.ts';
import { eachColumn, type Portion, type Taker } from './take.ts';

/** Some units of a block, counted from its first one, and their tasks, which hold until the next ones are asked for. */
export interface Dealing extends Block {
  readonly tasks: Dealt;
}

/** What a finding works on, and with: images in all, bytes for candidates, threads with this one. */
export interface Means {
  readonly activations: Pick<AllActivations, 'layers' | 'units' | 'block' | 'isInOrder' | 'read' | 'pass'>;
  readonly images: number;
  /** Of the shuffles. */
  readonly seed: number;
  readonly memory: number;
  readonly threads: number;
  /** Helper threads that were started already. */
  readonly helpers?: Worker[];
  /** Something to do in this thread while others work; called again and again. */
  meanwhile(): void;
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
    end() {},
  });
}

/** Most pieces of work: more even out the speed of threads, each takes some memory. */
const PIECES = 32;
/** Bytes for candidates, and of the batches that are taken together, that stay near the processor. */
const NEAR = 8 * 2 ** 20;
/** Files of more bytes than the system's memory may hold are gone through as seldom as can be; else reads are so long. */
const LARGE = 2 ** 32;
const READ = 2 ** 20;
/** Bytes of tasks that are dealt at a time. */
const DEALT = 8 * 2 ** 20;

/**
 * The tasks of a block of units at a time: as many as fit, or, where that costs little, as many as stay near the processor.
 * Memory and threads are those of the first block.
 */
export function blockOf(
  { activations, images, seed, memory, threads: count, helpers, meanwhile }: Means,
  { tasks, references, queries }: Plan,
  depth: number,
  sought?: Sampled,
) {
  const { layers, block } = activations;
  const bytes = bytesPerUnit({ images, depth, sought });
  const units = Math.max(1, Math.min(activations.units, Math.floor(memory / bytes)));
  const isSmall = activations.isInOrder && 4 * images * activations.units <= LARGE;
  const near = Math.floor(Math.max(NEAR / bytes, READ / (4 * block.rows)));
  const blocks = blocksOf(layers, isSmall ? Math.min(near, units) : units, units);
  const most = blocks.reduce((most, { from, to }) => Math.max(most, to - from), 1);
  const together = Math.max(1, Math.min(8, Math.floor(NEAR / (4 * block.rows * most))));
  const dealt = Math.max(1, Math.min(most, Math.floor(DEALT / (8 * tasks * (1 + references)))));
  let made: { readonly extremes: Extremes; readonly threads: Threads } | undefined;
  const make = () => {
    const pieces = count === 1 ? 1 : PIECES;
    const deal = { tasks, references, queries, units: dealt, by: dealer };
    const parts = { layers: layers.length, units: most, images, depth, sought, deal };
    const read = {
      ...block,
      // Layers are read whole, and what lies between them, as well.
      bytes: activations.isInOrder ? block.otherBytes + 4 * block.rows * widest(layers, blocks) : block.bytes,
    };
    const extremes = findExtremes({ ...parts, block: read, rooms: 2 * together, together, pieces });
    return { extremes, threads: startThreads(extremes.shared, count, helpers) };
  };
  let ahead: { readonly from: number; readonly to: number; readonly reading: Reading } | undefined;
  return {
    blocks,
    async extremes(
      from: number,
      to: number,
      bad: (unit: number, image: number) => never,
      pause: (images: number) => void,
      next?: Block,
    ) {
      made ??= make();
      const { extremes, threads } = made;
      const run = (job: Job) => threads.run(job, meanwhile);
      const { windows } = extremes;
      const slabs = extremes.rooms.map((room) => (length: number) => room.subarray(0, length));
      const reading = ahead ? ahead.reading : activations.read(from, to, slabs);
      if (ahead && (ahead.from !== from || ahead.to !== to)) throw new Error('blocks are out of order');
      ahead = { from, to, reading };
      extremes.begin(within(layers, from, to).map(({ units }) => units));
      if (sought && windows) {
        await fillWindows(sought.drawn, from, to, windows);
        await run(windows.bound(to - from, sought.drawn.images));
      }
      let batches: Batch[] = [];
      const add = async () => {
        if (batches.length === 0) return;
        await run(extremes.add(batches));
        for (let unit = 0; unit < to - from; unit++)
          if (!extremes.isFinite(unit)) bad(unit, imageOf(unit, batches));
        batches = [];
      };
      const take: Taker = {
        slabs,
        async batch(portions, images) {
          batches.push({ columns: portions.toSorted((a, b) => a.first - b.first), images });
          if (batches.length === together) await add();
        },
        ends: extremes.merge,
        end: add,
      };
      await activations.pass(from, to, take, pause, reading);
      ahead = next && { ...next, reading: activations.read(next.from, next.to, slabs) };
      const adjoining = (first: number, end: number): Units[] =>
        within(layers, from + first, from + end).map(({ layer, unit, units }) => {
          return { key: streamKey('tasks', seed, layer), unit, count: units };
        });
      return { extremes, portions: portions(extremes, run, to - from, dealt, adjoining) };
    },
    bytes: () => made?.extremes.shared.memory.buffer.byteLength ?? 0,
    async close() {
      await ahead?.reading.return?.();
      await made?.threads.close();
      [ahead, made] = [undefined, undefined];
    },
  };
}

interface Batch {
  readonly columns: readonly Portion[];
  readonly images: Int32Array;
}

/** An image for which the activation of a unit isn't finite. */
function imageOf(unit: number, batches: readonly Batch[]): number {
  for (const { columns, images } of batches)
    for (const { values, at, stride, units, first } of columns) {
      if (unit < first || unit >= first + units) continue;
      const row = images.findIndex((_, i) => !Number.isFinite(values[at + unit - first + i * stride]));
      if (row >= 0) return images[row]!;
    }
  throw new Error(`no activation of unit ${unit} makes its sums infinite`);
}

/** Deals the tasks of a block's units, so many at a time. */
async function* portions(
  extremes: Extremes,
  run: (job: Job) => Promise<void>,
  units: number,
  size: number,
  adjoining: (from: number, to: number) => readonly Units[],
): AsyncGenerator<Dealing, void, undefined> {
  const { dealing, windows } = extremes;
  for (let from = 0; from < units; from += size) {
    const to = Math.min(units, from + size);
    await run(extremes.finish(from, to));
    if (windows) await run(windows.narrow(from, to));
    await run(dealing!.deal(from, adjoining(from, to)));
    yield { from, to, tasks: dealing!.dealt };
  }
}
