import type { MarginRows } from '../../tables/margins.ts';
import { type AllEmbeddings, squareOf } from './load.ts';
import { imagesShown, listed, type TaskTable } from './shown.ts';
import { type Similarity, similaritiesOf, weightOf } from './similarity.ts';
import { type Means, openWorkspace } from './workspace.ts';

/** What the comparison needs of the world. */
export interface Comparison {
  readonly similarity: Similarity;
  readonly table: TaskTable;
  readonly embeddings: Pick<AllEmbeddings, 'dimensions' | 'each'>;
  readonly means: Means;
  /** Takes the margins of a batch of tasks, in the order of the table. */
  put(margins: { readonly [Name in keyof MarginRows]: MarginRows[Name] }): void;
  /** Called now and then with the share of the work that is done. */
  pause(share: number): void;
}

/**
 * Compares the queries of all tasks with their references. Sums over dimensions can be taken some dimensions at a time: in
 * each pass over the embeddings as many dimensions of all images are in memory as there is room for, and every task's dot
 * products go on where they were. So memory is bounded and files are read in their order, whichever images a task shows.
 * Cost: (2K + 4) · D multiply-adds a task, where visiting the pairs would take 4K · D.
 */
export async function compareAll(comparison: Comparison): Promise<void> {
  const { similarity, table, embeddings, means, put, pause } = comparison;
  const { rows, count, tasks } = await imagesShown(table);
  const { dimensions } = embeddings;
  const { references } = table;
  const size = { rows: count, dimensions, references, tasks };
  const space = openWorkspace(size, means);
  const squares = new Float64Array(count);
  try {
    for (let from = 0; from < space.panels; from += space.room) {
      const to = Math.min(from + space.room, space.panels);
      await embeddings.each(
        (image, embedding, path) => {
          const row = rows[image]!;
          if (row < 0) return;
          if (from === 0) {
            squares[row] = squareOf(similarity, embedding, path);
            space.weights[row] = weightOf(similarity, squares[row]!, references);
          }
          space.put(row, embedding, from, to);
        },
        () => pause(from / space.panels),
      );
      for await (const portion of listed(table, rows, space)) {
        await space.add(to - from, portion.first, portion.count, (share) =>
          pause((from + (to - from) * ((portion.first + share * portion.count) / tasks)) / space.panels),
        );
      }
    }
    let first = 0;
    for await (const batch of table.batches()) {
      const { layer, unit, task } = batch;
      const found = similaritiesOf(similarity, { rows, squares, dots: space.dots }, batch, references, first);
      put({ layer, unit, task, ...found });
      first += unit.length;
      pause(1);
    }
  } finally {
    await space.close();
  }
}
