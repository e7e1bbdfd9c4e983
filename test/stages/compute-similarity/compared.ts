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

/** Embeddings of a batch. */
const BATCH = 7;

/** Compares tasks, batch by batch, without files; also how often the embeddings were read. */
export async function compared(
  similarity: Comparison['similarity'],
  embeddings: readonly Float32Array[],
  batches: readonly ExplanationRows[],
  references: number,
  means: Partial<Comparison['means']> = {},
): Promise<{ found: { readonly [Name in keyof Similarities]: number[] }; passes: number }> {
  const found = { s_plus_plus: [], s_plus_minus: [], s_minus_plus: [], s_minus_minus: [], margin: [] };
  const dimensions = embeddings[0]!.length;
  let passes = 0;
  const all = async function* () {
    yield* batches;
  };
  await compareAll({
    similarity,
    table: {
      images: embeddings.length,
      references,
      names: all,
      shown: all,
    },
    tasks: batches.reduce((sum, { unit }) => sum + unit.length, 0),
    embeddings: {
      dimensions,
      batch: { rows: BATCH, bytes: 4 * BATCH * dimensions },
      async *batches(slabs) {
        passes++;
        for (let from = 0; from < embeddings.length; from += BATCH) {
          const some = embeddings.slice(from, from + BATCH);
          const { buffer, byteOffset } = slabs[(from / BATCH) % slabs.length]!(4 * some.length * dimensions);
          const values = new Float32Array(buffer, byteOffset, some.length * dimensions);
          some.forEach((embedding, i) => {
            values.set(embedding, i * dimensions);
          });
          yield {
            images: Int32Array.from(some, (_, i) => from + i),
            values,
            path: (i) => `${from + i}.png`,
          };
        }
      },
    },
    means: { embeddings: 2 ** 20, lists: 2 ** 20, threads: 1, rounds: false, ...means },
    put(margins) {
      for (const [name, values] of Object.entries(found)) {
        (values as number[]).push(...margins[name as keyof Similarities]);
      }
    },
    pause() {},
  });
  return { found, passes };
}
