import { startThreads } from '../../common/wasm/threads.ts';
import { kernelsOf, share } from '../../common/wasm/work.mjs';
import { kernels, STEP } from './kernel.ts';

/** How much there is to compare. */
export interface Size {
  /** Images that any task shows; each has a row. */
  readonly rows: number;
  /** D, the length of an embedding. */
  readonly dimensions: number;
  /** K, the number of references a side. */
  readonly references: number;
  readonly tasks: number;
}

/**
 * The shared memory in which tasks are compared. Embeddings lie in panels: some dimensions of all rows, one row behind the
 * other, so that the rows of a panel that tasks return to stay in the processor's cache.
 */
export interface Workspace {
  /** Number of panels that an embedding makes, and how many of them there is room for at a time. */
  readonly panels: number;
  readonly room: number;
  /** What an embedding counts in the mean of a set, by row. */
  readonly weights: Float64Array;
  /** q⁺·ē⁺, q⁺·ē⁻, q⁻·ē⁺, q⁻·ē⁻ of every task, as far as panels were added. */
  readonly dots: Float64Array;
  /** Rows of q⁺, q⁻, E⁺, E⁻ of at most `capacity` tasks at a time. */
  readonly lists: Int32Array;
  readonly capacity: number;
  /** Takes in those dimensions of an embedding that make the panels `from` to `to` − 1. */
  put(row: number, embedding: Float32Array, from: number, to: number): void;
  /** Adds the first `panels` panels that are in memory to the dot products of the `tasks` listed tasks from `first` on. */
  add(panels: number, first: number, tasks: number, told: (share: number) => void): Promise<void>;
  close(): Promise<void>;
}

/** Bytes of the weighted rows of a panel that a core's cache holds. */
const NEAR = 2 ** 20;
/** Bytes of a panel that the cache of all cores holds, and the most dimensions of such a panel, and of larger ones. */
const FAR = { bytes: 16 * 2 ** 20, within: 32, beyond: 64 };
/**
 * Ranges of tasks for each thread, each as long as half of what a thread's share of the rest is: the last ones are short, so
 * that all threads end at about the same time.
 */
const RANGES = 6;
/** Tasks of one call of the kernel. */
const CALL = 256;

/** Bytes for embeddings, and for the tasks that are listed at a time; how many threads compute, with the calling one. */
export interface Means {
  readonly embeddings: number;
  readonly lists: number;
  readonly threads: number;
}

/**
 * Makes room: what `means` allows (more for embeddings where not even `STEP` dimensions of all rows fit), 32 bytes a task,
 * 8 bytes a row, and `NEAR` for each range of tasks.
 */
export function openWorkspace({ rows, dimensions, references, tasks }: Size, means: Means): Workspace {
  const parts = means.threads === 1 ? 1 : RANGES * means.threads;
  const nearBytes = 8 * STEP * rows;
  const isNear = nearBytes <= NEAR && 4 * tasks > parts * rows; // else weighing takes longer than it saves
  const fitting = Math.floor(means.embeddings / (4 * rows * STEP)) * STEP;
  const most = 4 * FAR.within * rows <= FAR.bytes ? FAR.within : FAR.beyond;
  const width = isNear ? STEP : Math.max(STEP, Math.min(most, fitting, Math.ceil(dimensions / STEP) * STEP));
  const rowBytes = 4 * width;
  const panelBytes = rows * rowBytes;
  const panels = Math.ceil(dimensions / width);
  const room = Math.max(1, Math.min(panels, Math.floor(means.embeddings / panelBytes)));
  const listBytes = 4 * (2 + 2 * references);
  const capacity = Math.max(1, Math.min(tasks, Math.floor(means.lists / listBytes)));

  let bytes = 0;
  const reserve = (length: number) => {
    const start = Math.ceil(bytes / 64) * 64;
    bytes = start + length;
    return start;
  };
  reserve(4);
  const at = {
    weights: reserve(8 * rows),
    dots: reserve(32 * tasks),
    lists: reserve(capacity * listBytes),
    taken: reserve(panels * rowBytes),
    panel: reserve(room * panelBytes),
    near: Array.from({ length: isNear ? parts : 0 }, () => reserve(nearBytes)),
  };
  const shared = share(kernels(), bytes);
  const { buffer } = shared.memory;
  const taken = new Float32Array(buffer, at.taken, dimensions);
  const kernelsHere = kernelsOf(shared);
  const threads = startThreads(shared, means.threads);

  return {
    panels,
    room,
    weights: new Float64Array(buffer, at.weights, rows),
    dots: new Float64Array(buffer, at.dots, 4 * tasks),
    lists: new Int32Array(buffer, at.lists, (capacity * listBytes) / 4),
    capacity,
    put(row, embedding, from, to) {
      taken.set(embedding);
      const [first, end] = [at.taken + from * rowBytes, at.taken + to * rowBytes];
      kernelsHere.put!(first, end, at.panel + row * rowBytes, rowBytes, panelBytes);
    },
    add(count, first, listed, told) {
      const kept = 1 - 1 / (2 * means.threads);
      const cut = (part: number) => (part === parts ? 1 : 1 - kept ** part);
      const calls = (part: number) => {
        const [from, to] = [cut(part), cut(part + 1)].map((share) => Math.floor(listed * share)) as [
          number,
          number,
        ];
        const args: number[] = [];
        for (let panel = 0; panel < count; panel++) {
          const start = at.panel + panel * panelBytes;
          const more = isNear ? [start + panelBytes, at.near[part]!] : [rowBytes];
          const length = isNear ? to - from : CALL;
          for (let task = from; task < to; task += length) {
            const [list, end] = [
              at.lists + task * listBytes,
              at.lists + Math.min(task + length, to) * listBytes,
            ];
            args.push(list, end, at.dots + 32 * (first + task), start, at.weights, 4 * references, ...more);
          }
        }
        return Uint32Array.from(args);
      };
      const ranges = Array.from({ length: parts }, (_, part) => calls(part));
      return threads.run({ kernel: isNear ? 'addNear' : 'addFar', ranges }, told);
    },
    close: threads.close,
  };
}
