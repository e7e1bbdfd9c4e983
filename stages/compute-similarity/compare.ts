import type { TaskNames } from '../../tables/explanations.ts';
import type { Similarities } from '../../tables/margins.ts';
import { type Finish, finishing } from './finish.ts';
import { type AllEmbeddings, checkSquare } from './load.ts';
import type { Panels } from './panels.ts';
import { columnsOf, type Similarity, weightOf } from './similarity.ts';
import { listed, type Portion, type TaskTable } from './tasks.ts';
import { type Means, openWorkspace, type Workspace } from './workspace.ts';

/** What the comparison needs of the world. */
export interface Comparison {
  readonly similarity: Similarity;
  readonly table: TaskTable;
  /** How many tasks are in the table. */
  readonly tasks: number;
  readonly embeddings: Pick<AllEmbeddings, 'dimensions' | 'batch' | 'batches'>;
  readonly means: Means;
  /** Takes the margins of a batch of tasks, in the order of the table. */
  put(
    margins: { readonly [Name in keyof (TaskNames & Similarities)]: (TaskNames & Similarities)[Name] },
  ): void;
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
  const { similarity, table, tasks, embeddings, means, put, pause } = comparison;
  const { references, images } = table;
  const { dimensions, batch } = embeddings;
  const space = openWorkspace({ images, tasks, references, dimensions, batch }, means);
  try {
    const { count, portions } = await listTasks(table, space);
    const panels = space.panels(count);
    let finish: Finish | undefined;
    for (let from = 0; from < panels.count; from += panels.room) {
      const to = Math.min(from + panels.room, panels.count);
      await load(comparison, space, panels, from, to);
      await panels.ready();
      for await (const portion of portions()) {
        await panels.add(to - from, portion.first, portion.count, (share) =>
          pause((from + (to - from) * ((portion.first + share * portion.count) / tasks)) / panels.count),
        );
        if (to < panels.count) continue;
        finish ??= finishing(similarity, space, panels, references);
        await finish(portion);
      }
    }
    let first = 0;
    for await (const { layer, unit, task } of table.names()) {
      const end = first + unit.length;
      put({ layer, unit, task, ...columnsOf(space.products.subarray(4 * first, 4 * end)) });
      first = end;
      pause(1);
    }
  } finally {
    await space.close();
  }
}

/** The tasks, and the images that they show. */
interface Listed {
  /** How many images are shown: each has a row, in their order. */
  readonly count: number;
  /** Lists all tasks by rows, as many at a time as there is room for. */
  portions(): AsyncGenerator<Portion, void, undefined>;
}

async function listTasks(table: TaskTable, space: Workspace): Promise<Listed> {
  const all: Portion[] = [];
  for await (const portion of listed(table, space.lists)) {
    await space.mark(portion.count);
    all.push(portion);
  }
  const { rows } = space;
  let count = 0;
  for (let image = 0; image < rows.length; image++) rows[image] = rows[image] === 0 ? -1 : count++;
  const stay = all.length === 1;
  if (stay) await space.number(all[0]!.count);
  return {
    count,
    async *portions() {
      if (stay) return yield* all;
      for await (const portion of listed(table, space.lists)) {
        await space.number(portion.count);
        yield portion;
      }
    },
  };
}

/** Brings the panels `from` to `to` − 1 of the images that are shown to memory; with the first one also what an image counts. */
async function load(
  { similarity, table, embeddings, pause }: Comparison,
  { rows }: Workspace,
  panels: Panels,
  from: number,
  to: number,
): Promise<void> {
  for await (const { images, values, path } of embeddings.batches(panels.slabs)) {
    pause(from / panels.count);
    const own = images.map((image) => rows[image]!);
    await panels.put(values, own, from, to);
    if (from > 0) continue;
    own.forEach((row, i) => {
      if (row < 0) return;
      const square = panels.squares[row]!;
      checkSquare(similarity, square, path(i));
      panels.weights[row] = weightOf(similarity, square, table.references);
    });
  }
}
