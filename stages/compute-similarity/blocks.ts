import type { ExplanationRows, ExplanationTable } from '../../tables/explanations.ts';

/** Tasks `from` to `to` − 1 of a batch of explanations. */
export interface Piece {
  readonly batch: ExplanationRows;
  readonly from: number;
  readonly to: number;
}

/** Consecutive tasks that refer to a limited number of images. */
export interface Block {
  readonly pieces: readonly Piece[];
  /** The images, ascending. */
  readonly images: Int32Array;
}

/**
 * Cuts the tasks of a table into blocks that refer to at most `limit` images each, as long as possible. A single task
 * is never cut, so `limit` must be 2 (K + 1) at least.
 */
export async function* blocksOf(
  table: Pick<ExplanationTable, 'batches' | 'images' | 'references'>,
  limit: number,
): AsyncGenerator<Block, void, undefined> {
  const found = imageSet(table.images);
  let pieces: Piece[] = [];
  for await (const batch of table.batches()) {
    let from = 0;
    for (let task = 0; task < batch.unit.length; task++) {
      if (found.add(batch, task, table.references) <= limit) continue;
      found.remove();
      if (task > from) pieces.push({ batch, from, to: task });
      yield { pieces, images: found.take() };
      pieces = [];
      from = task;
      found.add(batch, task, table.references);
    }
    pieces.push({ batch, from, to: batch.unit.length });
  }
  yield { pieces, images: found.take() };
}

/** A set of image numbers that can take back the task that was added last. */
function imageSet(images: number) {
  const present = new Uint8Array(images);
  let count = 0;
  let last: number[] = [];
  const include = (image: number) => {
    if (present[image]) return;
    present[image] = 1;
    last.push(image);
    count++;
  };
  return {
    /** Adds the images of a task; returns how many there are now. */
    add(batch: ExplanationRows, task: number, references: number): number {
      last = [];
      include(batch.query_plus[task]!);
      include(batch.query_minus[task]!);
      for (let j = task * references; j < (task + 1) * references; j++) {
        include(batch.references_plus[j]!);
        include(batch.references_minus[j]!);
      }
      return count;
    },
    remove() {
      for (const image of last) present[image] = 0;
      count -= last.length;
      last = [];
    },
    /** All images, ascending; the set is empty afterwards. */
    take(): Int32Array {
      const all = new Int32Array(count);
      let at = 0;
      for (let image = 0; image < images; image++) if (present[image]) all[at++] = image;
      present.fill(0);
      count = 0;
      return all;
    },
  };
}
