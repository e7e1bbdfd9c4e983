import type { ExplanationRows, ExplanationTable } from '../../tables/explanations.ts';

/** Tasks whose images are known. */
export type TaskTable = Pick<ExplanationTable, 'batches' | 'images' | 'references'>;

/** The images that any task shows. */
export interface Shown {
  /** The row of every image, by its number, ascending; −1 for images that no task shows. */
  readonly rows: Int32Array;
  /** How many images have a row. */
  readonly count: number;
  readonly tasks: number;
}

/** Finds the images that tasks show; one pass over the table. */
export async function imagesShown({ batches, images }: TaskTable): Promise<Shown> {
  const rows = new Int32Array(images).fill(-1);
  let tasks = 0;
  for await (const batch of batches()) {
    tasks += batch.unit.length;
    for (const column of [
      batch.query_plus,
      batch.query_minus,
      batch.references_plus,
      batch.references_minus,
    ]) {
      for (let i = 0; i < column.length; i++) rows[column[i]!] = 0;
    }
  }
  let count = 0;
  for (let image = 0; image < images; image++) if (rows[image] === 0) rows[image] = count++;
  return { rows, count, tasks };
}

/** Consecutive tasks of a table: `count` of them, from task `first` on. */
export interface Portion {
  readonly first: number;
  readonly count: number;
}

/** Writes the rows of all tasks to `lists`, up to `capacity` tasks at a time: q⁺, q⁻, E⁺, E⁻ of each. */
export async function* listed(
  { batches, references }: TaskTable,
  rows: Int32Array,
  { lists, capacity }: { readonly lists: Int32Array; readonly capacity: number },
): AsyncGenerator<Portion, void, undefined> {
  let [first, count] = [0, 0];
  for await (const batch of batches()) {
    for (let task = 0; task < batch.unit.length; task++) {
      if (count === capacity) {
        yield { first, count };
        first += count;
        count = 0;
      }
      list(batch, task, references, rows, lists, count++ * (2 + 2 * references));
    }
  }
  if (count > 0) yield { first, count };
}

function list(
  batch: ExplanationRows,
  task: number,
  references: number,
  rows: Int32Array,
  lists: Int32Array,
  at: number,
): void {
  lists[at] = rows[batch.query_plus[task]!]!;
  lists[at + 1] = rows[batch.query_minus[task]!]!;
  const [plus, from] = [at + 2, task * references];
  const minus = plus + references;
  for (let j = 0; j < references; j++) {
    lists[plus + j] = rows[batch.references_plus[from + j]!]!;
    lists[minus + j] = rows[batch.references_minus[from + j]!]!;
  }
}
