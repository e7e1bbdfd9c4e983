import type { ExplanationTable } from '../../tables/explanations.ts';

/** Tasks whose images are known. */
export type TaskTable = Pick<ExplanationTable, 'names' | 'shown' | 'images' | 'references'>;

/** Consecutive tasks of a table: `count` of them, from task `first` on. */
export interface Portion {
  readonly first: number;
  readonly count: number;
}

/** Tasks in memory, in columns: images at first, then their rows. */
export interface Lists {
  /** Most tasks at a time. */
  readonly capacity: number;
  readonly queriesPlus: Int32Array;
  readonly queriesMinus: Int32Array;
  /** [tasks × K] */
  readonly referencesPlus: Int32Array;
  readonly referencesMinus: Int32Array;
}

/** Copies the images of all tasks to `lists`, as many tasks at a time as there is room for. */
export async function* listed(
  { shown, references }: TaskTable,
  { capacity, queriesPlus, queriesMinus, referencesPlus, referencesMinus }: Lists,
): AsyncGenerator<Portion, void, undefined> {
  let [first, count] = [0, 0];
  for await (const batch of shown()) {
    for (let from = 0; from < batch.query_plus.length; ) {
      if (count === capacity) {
        yield { first, count };
        first += count;
        count = 0;
      }
      const to = Math.min(batch.query_plus.length, from + capacity - count);
      queriesPlus.set(batch.query_plus.subarray(from, to), count);
      queriesMinus.set(batch.query_minus.subarray(from, to), count);
      const sets = (images: Int32Array) => images.subarray(references * from, references * to);
      referencesPlus.set(sets(batch.references_plus), references * count);
      referencesMinus.set(sets(batch.references_minus), references * count);
      count += to - from;
      from = to;
    }
  }
  if (count > 0) yield { first, count };
}

/** Moves a task to another place. */
export function moveTask(lists: Lists, references: number, from: number, to: number): void {
  const { queriesPlus, queriesMinus, referencesPlus, referencesMinus } = lists;
  queriesPlus[to] = queriesPlus[from]!;
  queriesMinus[to] = queriesMinus[from]!;
  for (const sets of [referencesPlus, referencesMinus])
    sets.copyWithin(references * to, references * from, references * (from + 1));
}
