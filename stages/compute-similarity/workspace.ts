import { startThreads, type Threads } from '../../common/wasm/threads.ts';
import { grow, kernelsOf, type Shared, share } from '../../common/wasm/work.mjs';
import { kernels } from './kernel.ts';
import { openPanels, type Panels } from './panels.ts';
import type { Lists } from './tasks.ts';

/** How much there is to compare. */
export interface Size {
  readonly images: number;
  readonly tasks: number;
  /** K, the number of references a side. */
  readonly references: number;
  /** D, the length of an embedding. */
  readonly dimensions: number;
  /** Of the largest batch of embeddings in a file: images and bytes. */
  readonly batch: { readonly rows: number; readonly bytes: number };
}

/** Bytes for embeddings, and for the tasks that are listed at a time; how many threads compute, with the calling one. */
export interface Means {
  readonly embeddings: number;
  readonly lists: number;
  readonly threads: number;
  /** Whether values may be rounded, where that is faster. */
  readonly rounds: boolean;
}

/** The shared memory in which tasks are compared. */
export interface Workspace {
  readonly lists: Lists;
  /** By image: not 0 for those that were marked. Then their rows, and −1 for others. */
  readonly rows: Int32Array;
  /**
   * q⁺·ē⁺, q⁺·ē⁻, q⁻·ē⁺, q⁻·ē⁻ of every task, as far as panels were added; where these are rounded, the queries are weighted too.
   */
  readonly products: Float64Array;
  /** Marks the images of the first `tasks` listed tasks. */
  mark(tasks: number): Promise<void>;
  /** Puts rows in the place of their images. */
  number(tasks: number): Promise<void>;
  /** Makes room for the embeddings of so many images. */
  panels(rows: number): Panels;
  close(): Promise<void>;
}

/** What the panels need of the workspace. */
export interface Room {
  readonly shared: Shared;
  readonly threads: Threads;
  readonly size: Size;
  readonly means: Means;
  /** Makes memory for several arrays of so many bytes: their addresses. */
  reserve<Name extends string>(lengths: Readonly<Record<Name, number>>): Readonly<Record<Name, number>>;
  /** How kernels are told of the listed tasks `from` to `to` − 1, whose products stand at `products`: see `LISTED`. */
  tasks(from: number, to: number, products: number): readonly number[];
  /** Address of the products of a task. */
  products(task: number): number;
}

/** Images of one call of a kernel that marks or numbers them. */
const CALL = 2 ** 18;
/** Tasks after which the engine takes a kernel for one that is much used. */
const WARM = 4096;

/** Makes room for tasks: 4 bytes an image, 32 a task, and what `means` allows for lists. */
export function openWorkspace(size: Size, means: Means): Workspace {
  const { references, tasks, images } = size;
  const width = 2 + 2 * references;
  const capacity = Math.max(1, Math.min(tasks, Math.floor(means.lists / (4 * width))));
  let bytes = 4;
  const reserve = <Name extends string>(lengths: Readonly<Record<Name, number>>) => {
    const starts = Object.entries<number>(lengths).map(([name, length]) => {
      const start = Math.ceil(bytes / 64) * 64;
      bytes = start + length;
      return [name, start];
    });
    return Object.fromEntries(starts) as Readonly<Record<Name, number>>;
  };
  const at = reserve({
    rows: 4 * images,
    queriesPlus: 4 * capacity,
    queriesMinus: 4 * capacity,
    referencesPlus: 4 * references * capacity,
    referencesMinus: 4 * references * capacity,
    products: 32 * tasks,
  });
  const shared = share(kernels(size.dimensions), bytes, true);
  const threads = startThreads(shared, means.threads);
  const numbers = (start: number, count: number) => new Int32Array(shared.memory.buffer, start, count);
  const [queries, sides] = [at.queriesMinus - at.queriesPlus, at.referencesMinus - at.referencesPlus];
  const room: Room = {
    shared,
    threads,
    size,
    means,
    reserve(lengths) {
      const starts = reserve(lengths);
      grow(shared, bytes);
      return starts;
    },
    tasks: (from, to, products) => [
      at.queriesPlus + 4 * from,
      at.queriesPlus + 4 * to,
      queries,
      at.referencesPlus + 4 * references * from,
      sides,
      4 * references,
      products,
    ],
    products: (task) => at.products + 32 * task,
  };
  /** All columns in pieces. */
  const overImages = (kernel: 'mark' | 'number', tasks: number) => {
    const ranges: Uint32Array[] = [];
    for (const [start, count] of [
      [at.queriesPlus, tasks],
      [at.queriesMinus, tasks],
      [at.referencesPlus, references * tasks],
      [at.referencesMinus, references * tasks],
    ] as const)
      for (let from = 0; from < count; from += CALL)
        ranges.push(Uint32Array.of(start + 4 * from, start + 4 * Math.min(count, from + CALL), at.rows));
    return threads.run({ kernel, ranges }, () => {});
  };
  if (means.rounds) {
    // The engine makes optimised code of a kernel that is in use: it has it ready when it is needed. Nothing but zeros is added.
    const [count, zeros] = [Math.min(WARM, capacity), at.products];
    kernelsOf(shared).addRounded!(...room.tasks(0, count, zeros), zeros, zeros, zeros);
  }
  // A helper does that while the first tasks are read.
  const claimed =
    means.threads === 1
      ? Promise.resolve()
      : threads.aside({
          kernel: 'claim',
          ranges: [
            Uint32Array.of(at.referencesPlus, at.products),
            Uint32Array.of(at.products, at.products + 32 * tasks),
          ],
        });
  claimed.catch(() => {}); // Told when tasks are marked.
  return {
    lists: {
      capacity,
      queriesPlus: numbers(at.queriesPlus, capacity),
      queriesMinus: numbers(at.queriesMinus, capacity),
      referencesPlus: numbers(at.referencesPlus, references * capacity),
      referencesMinus: numbers(at.referencesMinus, references * capacity),
    },
    rows: numbers(at.rows, images),
    products: new Float64Array(shared.memory.buffer, at.products, 4 * tasks),
    async mark(count) {
      await claimed;
      await overImages('mark', count);
    },
    number: (count) => overImages('number', count),
    panels: (rows) => openPanels(rows, room),
    close: threads.close,
  };
}
