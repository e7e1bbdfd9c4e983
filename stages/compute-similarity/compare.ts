import type { ExplanationTable } from '../../tables/explanations.ts';
import type { MarginRows } from '../../tables/margins.ts';
import { blocksOf } from './blocks.ts';
import type { AllEmbeddings } from './load.ts';
import { fillSimilarities, type Similarity, similaritiesFor } from './similarity.ts';

/** What the comparison needs of the world. */
export interface Comparison {
  readonly similarity: Similarity;
  readonly table: Pick<ExplanationTable, 'batches' | 'images' | 'references'>;
  readonly embeddings: Pick<AllEmbeddings, 'load'>;
  /** How many embeddings may be in memory. Tasks whose images don't fit wait for another pass over the files. */
  readonly limit: number;
  /** Takes the margins of a batch of explanations. */
  put(margins: { readonly [Name in keyof MarginRows]: MarginRows[Name] }): void;
  /** Called now and then with the number of tasks done. */
  pause(done: number): void;
}

/** Compares the queries of all tasks with their references, batch by batch of the table, in its order. */
export async function compareAll({
  similarity,
  table,
  embeddings,
  limit,
  put,
  pause,
}: Comparison): Promise<void> {
  let done = 0;
  let out = similaritiesFor(0);
  for await (const block of blocksOf(table, limit)) {
    const embedded = await embeddings.load(block.images, () => pause(done));
    for (const { batch, from, to } of block.pieces) {
      const { layer, unit, task } = batch;
      if (from === 0) out = similaritiesFor(unit.length);
      fillSimilarities(similarity, embedded, batch, table.references, from, to, out);
      if (to === unit.length) put({ layer, unit, task, ...out });
      done += to - from;
      pause(done);
    }
  }
}
