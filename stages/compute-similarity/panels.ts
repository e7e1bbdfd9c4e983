import type { Slab } from '../../tables/arrow.ts';
import { STEP } from './exact.ts';
import { mostQuanta, WIDTH } from './fixed-point.ts';
import { COPIED } from './put.ts';
import type { Room, Size } from './workspace.ts';

/**
 * Embeddings in memory, in panels: some dimensions of all rows, one row behind the other, so that the rows of a panel that
 * tasks return to stay in the processor's cache.
 */
export interface Panels {
  /** Number of panels that an embedding makes, and how many of them there is room for at a time. */
  readonly count: number;
  readonly room: number;
  /** What an embedding counts in the mean of a set, by row. */
  readonly weights: Float64Array;
  /** ‖e‖², by row, of embeddings that were put with their first panel. */
  readonly squares: Float64Array;
  /** Memory that batches of embeddings are read to, by turns. */
  readonly slabs: readonly Slab[];
  /**
   * Takes in those dimensions of a batch of embeddings that make the panels `from` to `to` − 1.
   *
   * @param values of all images of the batch, in memory of a slab
   * @param rows of the images, −1 for those that are left out
   */
  put(values: Float32Array, rows: Int32Array, from: number, to: number): Promise<void>;
  /** To be called when all rows are put and have a weight. */
  ready(): Promise<void>;
  /** Adds the first `panels` panels that are in memory to the dot products of the `tasks` listed tasks from `first` on. */
  add(panels: number, first: number, tasks: number, told: (share: number) => void): Promise<void>;
  /** Where values are rounded. */
  readonly rounded: Rounded | undefined;
}

export interface Rounded {
  /** Standard deviation of the error of a value, at most: that of numbers that were rounded to multiples of a quantum. */
  deviation(): number;
  /** Dot products of the first `tasks` listed tasks, at most `most`, from values that aren't rounded; queries aren't weighted. */
  exactly(tasks: number): Promise<Float64Array>;
  readonly most: number;
}

/** Bytes of a rounded panel that a core's cache holds. */
const NEAR = 2 ** 20;
/** Bytes of a panel that the cache of all cores holds, and the most dimensions of such a panel, and of larger ones. */
const FAR = { bytes: 16 * 2 ** 20, within: 32, beyond: 64 };
/**
 * Ranges of tasks for each thread, each nine tenths of what a thread's share of the rest is: the last ones are short, so that all
 * threads end at about the same time.
 */
const RANGES = 4.5;
const SHARE = 0.9;
/** Tasks of one call of the kernel that visits rows wherever they lie. */
const CALL = 256;
/** Tasks whose products are made exactly at a time. */
const EXACT = 16_384;
/** Ranges of a batch of embeddings for each thread. */
const PUTS = 4;

/** How embeddings are cut into panels: their number, how many are in memory at a time, dimensions of one, whether they are rounded. */
interface Cut {
  readonly count: number;
  readonly room: number;
  readonly width: number;
  readonly rounds: boolean;
}

/** More memory than `means` allows is taken where not even `STEP` dimensions of all rows fit. */
function cutInPanels(rows: number, { dimensions, tasks }: Size, means: Room['means']): Cut {
  const roundedCount = Math.ceil(dimensions / WIDTH);
  const rounds =
    means.rounds &&
    4 * WIDTH * rows <= NEAR &&
    8 * WIDTH * rows * roundedCount <= means.embeddings &&
    tasks > rows; // else rounding takes longer than it saves
  if (rounds) return { count: roundedCount, room: roundedCount, width: WIDTH, rounds };
  const fitting = Math.floor(means.embeddings / (4 * rows * STEP)) * STEP;
  const most = 4 * FAR.within * rows <= FAR.bytes ? FAR.within : FAR.beyond;
  const width = Math.max(STEP, Math.min(most, fitting, Math.ceil(dimensions / STEP) * STEP));
  const count = Math.ceil(dimensions / width);
  const room = Math.max(1, Math.min(count, Math.floor(means.embeddings / (4 * rows * width))));
  return { count, room, width, rounds };
}

export function openPanels(
  rows: number,
  { shared, threads, size, means, reserve, tasks, products }: Room,
): Panels {
  const { dimensions, references, batch } = size;
  const { count, room, width, rounds } = cutInPanels(rows, size, means);
  const rowBytes = 4 * width;
  const panelBytes = rows * rowBytes;
  const most = Math.min(EXACT, size.tasks);
  const at = reserve({
    weights: 8 * rows,
    squares: 8 * rows,
    batchRows: 4 * batch.rows,
    slab: batch.bytes + COPIED,
    other: batch.bytes + COPIED,
    panel: room * panelBytes,
    rounded: rounds ? room * panelBytes : 0,
    quanta: rounds ? 8 * count : 0,
    exact: rounds ? 32 * most : 0,
  });
  const { buffer } = shared.memory;
  const batchRows = new Int32Array(buffer, at.batchRows, batch.rows);

  /** Ranges of tasks as calls for so many panels, of `length` tasks each; products of the first task are at `start`. */
  const ranges = (
    parts: ReturnType<typeof cut>,
    panels: number,
    start: number,
    length: number,
    rest: (panel: number) => readonly number[],
  ) =>
    parts.map(([first, stop]) => {
      const args: number[] = [];
      for (let panel = 0; panel < panels; panel++)
        for (let from = first; from < stop; from += length)
          args.push(...tasks(from, Math.min(from + length, stop), start + 32 * from), ...rest(panel));
      return Uint32Array.from(args);
    });
  const exactly = (panel: number, isNear: boolean) => {
    const start = at.panel + panel * panelBytes;
    return [start, isNear ? start + panelBytes : 0, at.weights, rowBytes];
  };

  return {
    count,
    room,
    weights: new Float64Array(buffer, at.weights, rows),
    squares: new Float64Array(buffer, at.squares, rows),
    slabs: [at.slab, at.other].map((start) => (length) => new Uint8Array(buffer, start, length)),
    put(values, numbers, from, to) {
      batchRows.set(numbers);
      const bytes = 4 * dimensions;
      const end = Math.min(to * rowBytes, Math.ceil(bytes / COPIED) * COPIED);
      const last = at.panel + (to - from - 1) * panelBytes;
      const blank = to === count ? count * rowBytes - bytes : 0;
      const squares = from === 0 ? at.squares : 0;
      const parts = PUTS * means.threads;
      const start = (part: number) => Math.floor((numbers.length * part) / parts);
      const calls = Array.from({ length: parts }, (_, part) =>
        Uint32Array.of(
          at.batchRows + 4 * start(part),
          at.batchRows + 4 * start(part + 1),
          values.byteOffset + bytes * start(part),
          from * rowBytes,
          ...[end, at.panel, last, rowBytes, panelBytes, blank, squares],
        ),
      );
      return threads.run({ kernel: 'put', ranges: calls }, () => {});
    },
    async ready() {
      if (!rounds) return;
      const calls = Array.from({ length: count }, (_, panel) => {
        const start = at.panel + panel * panelBytes;
        const [to, quantum] = [at.rounded + panel * panelBytes, at.quanta + 8 * panel];
        return Uint32Array.of(start, start + panelBytes, at.weights, to, quantum, mostQuanta(references));
      });
      await threads.run({ kernel: 'round', ranges: calls }, () => {});
    },
    async add(panels, first, listed, told) {
      const job = rounds
        ? {
            kernel: 'addRounded',
            ranges: ranges(cut(listed, means.threads), panels, products(first), listed, (panel) => {
              const start = at.rounded + panel * panelBytes;
              return [start, start + panelBytes, at.quanta + 8 * panel];
            }),
          }
        : {
            kernel: 'addExact',
            ranges: ranges(cut(listed, means.threads), panels, products(first), CALL, (panel) =>
              exactly(panel, false),
            ),
          };
      await threads.run(job, told);
    },
    rounded: rounds
      ? {
          deviation: () => Math.max(...new Float64Array(buffer, at.quanta, count)) / Math.sqrt(12),
          async exactly(listed) {
            const found = new Float64Array(buffer, at.exact, 4 * listed).fill(0);
            const calls = ranges(alike(listed, means.threads), count, at.exact, listed, (panel) =>
              exactly(panel, true),
            );
            await threads.run({ kernel: 'addExact', ranges: calls }, () => {});
            return found;
          },
          most,
        }
      : undefined,
  };
}

/** Ranges of `count` tasks. */
function cut(count: number, threads: number): (readonly [number, number])[] {
  const parts = threads === 1 ? 1 : Math.ceil(RANGES * threads);
  const kept = 1 - SHARE / threads;
  const start = (part: number) => Math.floor(count * (part === parts ? 1 : 1 - kept ** part));
  return Array.from({ length: parts }, (_, part) => [start(part), start(part + 1)]);
}

/** Ranges of about equal length, one for each thread: of few tasks, each of which goes over all panels. */
function alike(count: number, threads: number): (readonly [number, number])[] {
  const start = (part: number) => Math.floor((count * part) / threads);
  return Array.from({ length: threads }, (_, part) => [start(part), start(part + 1)]);
}
