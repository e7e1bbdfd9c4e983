import type { ExplanationRows } from '../../tables/explanations.ts';
import type { Similarities } from '../../tables/margins.ts';

/** `cosine`: f(a, b) = cos(a, b). `squared-euclidean`: f(a, b) = −‖a − b‖². */
export type Similarity = 'cosine' | 'squared-euclidean';

/**
 * What an embedding counts in the mean ē of K references, from its ‖e‖²: for cosine the embeddings are normalised on the
 * way.
 */
export function weightOf(kind: Similarity, square: number, references: number): number {
  return kind === 'cosine' ? 1 / (references * Math.sqrt(square)) : 1 / references;
}

/** What is known of tasks and of the images that they show. */
export interface Products {
  /** The row of every image, by its number; −1 for images that no task shows. */
  readonly rows: Int32Array;
  /** ‖e‖², by row. */
  readonly squares: Float64Array;
  /** q⁺·ē⁺, q⁺·ē⁻, q⁻·ē⁺, q⁻·ē⁻, task after task. */
  readonly dots: Float64Array;
}

/**
 * The similarities of a batch of tasks: s(q, E) = mean over e in E of f(q, e), for either query and either side, and the
 * margin (s⁺⁺ − s⁺⁻) − (s⁻⁺ − s⁻⁻) [MIS]. The mean has moved inside f, so that no pair is visited: cosine is q·ē over
 * normalised embeddings, squared-euclidean −‖q‖² + 2 q·ē − mean ‖e‖².
 *
 * @param first number of the batch's first task
 */
export function similaritiesOf(
  kind: Similarity,
  { rows, squares, dots }: Products,
  tasks: ExplanationRows,
  references: number,
  first: number,
): Similarities {
  const count = tasks.unit.length;
  const array = () => new Float64Array(count);
  const [plusPlus, plusMinus, minusPlus, minusMinus, margin] = [array(), array(), array(), array(), array()];
  const meanSquare = (images: Int32Array, task: number) => {
    let sum = 0;
    for (let j = task * references; j < (task + 1) * references; j++) sum += squares[rows[images[j]!]!]!;
    return sum / references;
  };
  const cosine = kind === 'cosine';
  const similarity = (dot: number, query: number, mean: number) =>
    cosine ? dot / Math.sqrt(query) : 2 * dot - query - mean;
  for (let task = 0, at = 4 * first; task < count; task++, at += 4) {
    const queryPlus = squares[rows[tasks.query_plus[task]!]!]!;
    const queryMinus = squares[rows[tasks.query_minus[task]!]!]!;
    const meanPlus = cosine ? 0 : meanSquare(tasks.references_plus, task);
    const meanMinus = cosine ? 0 : meanSquare(tasks.references_minus, task);
    const pp = similarity(dots[at]!, queryPlus, meanPlus);
    const pm = similarity(dots[at + 1]!, queryPlus, meanMinus);
    const mp = similarity(dots[at + 2]!, queryMinus, meanPlus);
    const mm = similarity(dots[at + 3]!, queryMinus, meanMinus);
    plusPlus[task] = pp;
    plusMinus[task] = pm;
    minusPlus[task] = mp;
    minusMinus[task] = mm;
    margin[task] = pp - pm - (mp - mm);
  }
  return {
    s_plus_plus: plusPlus,
    s_plus_minus: plusMinus,
    s_minus_plus: minusPlus,
    s_minus_minus: minusMinus,
    margin,
  };
}
