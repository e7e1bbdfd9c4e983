import type { ExplanationRows } from '../../tables/explanations.ts';
import type { Similarities } from '../../tables/margins.ts';

/** `cosine`: f(a, b) = cos(a, b). `squared-euclidean`: f(a, b) = −‖a − b‖². */
export type Similarity = 'cosine' | 'squared-euclidean';

/** Embeddings of some images. */
export interface Embedded {
  /** D, the length of an embedding. */
  readonly dimensions: number;
  /** Flat [rows × D]. */
  readonly values: Float32Array;
  /** ‖e‖² of every row. */
  readonly squares: Float64Array;
  /** The row of an image, by its number; −1 for images that aren't here. */
  readonly rows: Int32Array;
}

/** A task's images as rows of the embeddings: queries, and K references a side from `at` on. */
type TaskImages = Pick<
  ExplanationRows,
  'query_plus' | 'query_minus' | 'references_plus' | 'references_minus'
>;

/** Arrays for the similarities of as many tasks. */
export function similaritiesFor(tasks: number): Similarities {
  const array = () => new Float64Array(tasks);
  return {
    s_plus_plus: array(),
    s_plus_minus: array(),
    s_minus_plus: array(),
    s_minus_minus: array(),
    margin: array(),
  };
}

/**
 * Fills in the similarities of the tasks `from` to `to` − 1: s(q, E) = mean over e in E of f(q, e), for either query and
 * either side, and the margin (s⁺⁺ − s⁺⁻) − (s⁻⁺ − s⁻⁻) [MIS].
 *
 * The mean moves inside f, so that no pair is visited. With ē the mean of E: cosine is q · ē over normalised embeddings,
 * squared-euclidean −‖q‖² + 2 q · ē − mean ‖e‖². All sums are float64, the references in their order, the dimensions
 * in theirs. Cost: (2K + 4) · D multiply-adds a task, where visiting the pairs would take 4K · D.
 */
export function fillSimilarities(
  kind: Similarity,
  embedded: Embedded,
  tasks: TaskImages,
  references: number,
  from: number,
  to: number,
  out: Similarities,
): void {
  const measure = kind === 'cosine' ? cosine : squaredEuclidean;
  const plus = new Float64Array(embedded.dimensions);
  const minus = new Float64Array(embedded.dimensions);
  for (let task = from; task < to; task++) {
    const at = task * references;
    const e = {
      plus: measure.mean(embedded, tasks.references_plus, at, references, plus),
      minus: measure.mean(embedded, tasks.references_minus, at, references, minus),
    };
    const q = {
      plus: rowOf(embedded, tasks.query_plus[task]!),
      minus: rowOf(embedded, tasks.query_minus[task]!),
    };
    const dots = products(embedded, q.plus, q.minus, plus, minus);
    const pp = measure.similarity(embedded, q.plus, dots[0]!, e.plus);
    const pm = measure.similarity(embedded, q.plus, dots[1]!, e.minus);
    const mp = measure.similarity(embedded, q.minus, dots[2]!, e.plus);
    const mm = measure.similarity(embedded, q.minus, dots[3]!, e.minus);
    out.s_plus_plus[task] = pp;
    out.s_plus_minus[task] = pm;
    out.s_minus_plus[task] = mp;
    out.s_minus_minus[task] = mm;
    out.margin[task] = pp - pm - (mp - mm);
  }
}

/** How a kind of similarity takes the mean of a set (returning mean ‖e‖²), and what it makes of q · ē. */
interface Measure {
  mean(embedded: Embedded, images: Int32Array, at: number, count: number, sum: Float64Array): number;
  similarity(embedded: Embedded, query: number, dot: number, meanSquare: number): number;
}

const cosine: Measure = {
  mean: (embedded, images, at, count, mean) => meanOf(embedded, images, at, count, mean, true),
  similarity: (embedded, query, dot) => dot / Math.sqrt(embedded.squares[query]!),
};

const squaredEuclidean: Measure = {
  mean: (embedded, images, at, count, mean) => meanOf(embedded, images, at, count, mean, false),
  similarity: (embedded, query, dot, meanSquare) => 2 * dot - embedded.squares[query]! - meanSquare,
};

/** Puts ē into `mean`, of normalised embeddings where asked for; returns the mean of ‖e‖². */
function meanOf(
  { dimensions, values, squares, rows }: Embedded,
  images: Int32Array,
  at: number,
  count: number,
  mean: Float64Array,
  normalised: boolean,
): number {
  mean.fill(0);
  let square = 0;
  for (let j = at; j < at + count; j++) {
    const row = rows[images[j]!]!;
    const start = row * dimensions;
    const weight = normalised ? 1 / (count * Math.sqrt(squares[row]!)) : 1 / count;
    for (let d = 0; d < dimensions; d++) mean[d] = mean[d]! + weight * values[start + d]!;
    square += squares[row]!;
  }
  return square / count;
}

/** The dot products of two embeddings with two means: q⁺·ē⁺, q⁺·ē⁻, q⁻·ē⁺, q⁻·ē⁻. */
function products(
  { dimensions, values }: Embedded,
  queryPlus: number,
  queryMinus: number,
  plus: Float64Array,
  minus: Float64Array,
): [number, number, number, number] {
  const [startPlus, startMinus] = [queryPlus * dimensions, queryMinus * dimensions];
  let [pp, pm, mp, mm] = [0, 0, 0, 0];
  for (let d = 0; d < dimensions; d++) {
    const qPlus = values[startPlus + d]!;
    const qMinus = values[startMinus + d]!;
    pp += qPlus * plus[d]!;
    pm += qPlus * minus[d]!;
    mp += qMinus * plus[d]!;
    mm += qMinus * minus[d]!;
  }
  return [pp, pm, mp, mm];
}

function rowOf(embedded: Embedded, image: number): number {
  return embedded.rows[image]!;
}
