import type { ExplanationRows } from '../../../tables/explanations.ts';
import type { Similarities } from '../../../tables/margins.ts';

/**
 * The similarities by plain loops in float64: the mean of each set first, references in their order, then the dot
 * products, dimensions in theirs. The reference that the kernel must equal to the last bit.
 *
 * @param embeddings by image number
 */
export function plainSimilarities(
  kind: 'cosine' | 'squared-euclidean',
  embeddings: readonly Float32Array[],
  tasks: Pick<ExplanationRows, 'query_plus' | 'query_minus' | 'references_plus' | 'references_minus'>,
  references: number,
): { readonly [Name in keyof Similarities]: number[] } {
  const squares = embeddings.map((e) => e.reduce((sum, x) => sum + x * x, 0));
  const rows = Array.from(tasks.query_plus, (plus, task) => {
    const set = (images: Int32Array) => {
      const members = [...images.subarray(task * references, (task + 1) * references)];
      const mean = new Float64Array(embeddings[plus]!.length);
      for (const j of members) {
        const weight = kind === 'cosine' ? 1 / (references * Math.sqrt(squares[j]!)) : 1 / references;
        embeddings[j]!.forEach((x, d) => {
          mean[d]! += weight * x;
        });
      }
      return { mean, square: members.reduce((sum, j) => sum + squares[j]!, 0) / references };
    };
    const [plusSet, minusSet] = [set(tasks.references_plus), set(tasks.references_minus)];
    const s = (query: number, { mean, square }: ReturnType<typeof set>) => {
      const dot = embeddings[query]!.reduce((sum, x, d) => sum + x * mean[d]!, 0);
      return kind === 'cosine' ? dot / Math.sqrt(squares[query]!) : 2 * dot - squares[query]! - square;
    };
    const minus = tasks.query_minus[task]!;
    const [pp, pm, mp, mm] = [s(plus, plusSet), s(plus, minusSet), s(minus, plusSet), s(minus, minusSet)];
    return [pp, pm, mp, mm, pp - pm - (mp - mm)];
  });
  const column = (at: number) => rows.map((row) => row[at]!);
  return {
    s_plus_plus: column(0),
    s_plus_minus: column(1),
    s_minus_plus: column(2),
    s_minus_minus: column(3),
    margin: column(4),
  };
}
