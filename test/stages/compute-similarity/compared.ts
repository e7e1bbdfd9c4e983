import { type Comparison, compareAll } from '../../../stages/compute-similarity/compare.ts';
import type { ExplanationRows } from '../../../tables/explanations.ts';
import type { Similarities } from '../../../tables/margins.ts';

/** The images of a task as numbers: q⁺, q⁻, then E⁺ and E⁻ of equal length. */
export interface FakeTask {
  readonly plus: number;
  readonly minus: number;
  readonly references_plus: readonly number[];
  readonly references_minus: readonly number[];
}

/** Tasks as a batch of the table of explanations. */
export function batchOf(tasks: readonly FakeTask[]): ExplanationRows {
  return {
    layer: tasks.map(() => 'layer'),
    unit: Int32Array.from(tasks.keys()),
    task: new Int32Array(tasks.length),
    query_plus: Int32Array.from(tasks, ({ plus }) => plus),
    query_minus: Int32Array.from(tasks, ({ minus }) => minus),
    references_plus: Int32Array.from(tasks.flatMap((task) => task.references_plus)),
    references_minus: Int32Array.from(tasks.flatMap((task) => task.references_minus)),
  };
}

/** Compares tasks, batch by batch, without files; also how often the embeddings were read. */
export async function compared(
  similarity: Comparison['similarity'],
  embeddings: readonly Float32Array[],
  batches: readonly ExplanationRows[],
  references: number,
  means: Partial<Comparison['means']> = {},
): Promise<{ found: { readonly [Name in keyof Similarities]: number[] }; passes: number }> {
  const found = { s_plus_plus: [], s_plus_minus: [], s_minus_plus: [], s_minus_minus: [], margin: [] };
  let passes = 0;
  await compareAll({
    similarity,
    table: {
      images: embeddings.length,
      references,
      async *batches() {
        yield* batches;
      },
    },
    embeddings: {
      dimensions: embeddings[0]!.length,
      async each(visit) {
        passes++;
        embeddings.forEach((embedding, image) => {
          visit(image, embedding, `${image}.png`);
        });
      },
    },
    means: { embeddings: 2 ** 20, lists: 2 ** 20, threads: 1, ...means },
    put(margins) {
      for (const [name, values] of Object.entries(found)) {
        (values as number[]).push(...margins[name as keyof Similarities]);
      }
    },
    pause() {},
  });
  return { found, passes };
}
