import type { Similarities } from '../../tables/margins.ts';
import type { Lists } from './tasks.ts';

/** `cosine`: f(a, b) = cos(a, b). `squared-euclidean`: f(a, b) = −‖a − b‖². */
export type Similarity = 'cosine' | 'squared-euclidean';

/**
 * What an embedding counts in the mean ē of K references, from its ‖e‖²: for cosine the embeddings are normalised on the
 * way.
 */
export function weightOf(kind: Similarity, square: number, references: number): number {
  return kind === 'cosine' ? 1 / (references * Math.sqrt(square)) : 1 / references;
}

/**
 * The four similarities of a listed task from its products q⁺·ē⁺, q⁺·ē⁻, q⁻·ē⁺, q⁻·ē⁻: s(q, E) = mean over e in E of f(q, e) [MIS]. The
 * mean has moved inside f, so that no pair is visited: cosine is q·ē over normalised embeddings, squared-euclidean
 * −‖q‖² + 2 q·ē − mean ‖e‖².
 *
 * `products[from]` is the first product; the similarities s(q⁺, E⁺), s(q⁺, E⁻), s(q⁻, E⁺), s(q⁻, E⁻) go to `into[to]` and behind.
 */
export type Compare = (
  task: number,
  products: Float64Array,
  from: number,
  into: Float64Array,
  to: number,
) => void;

/**
 * @param squares ‖e‖², by row
 * @param weighted whether the queries in the products are weighted too, as `weightOf` says
 */
export function comparison(
  kind: Similarity,
  { queriesPlus, queriesMinus, referencesPlus, referencesMinus }: Lists,
  squares: Float64Array,
  references: number,
  weighted: boolean,
): Compare {
  const times = weighted ? references : 1;
  if (kind === 'cosine') {
    return (task, products, from, into, to) => {
      const plus = weighted ? 1 : Math.sqrt(squares[queriesPlus[task]!]!);
      const minus = weighted ? 1 : Math.sqrt(squares[queriesMinus[task]!]!);
      into[to] = (times * products[from]!) / plus;
      into[to + 1] = (times * products[from + 1]!) / plus;
      into[to + 2] = (times * products[from + 2]!) / minus;
      into[to + 3] = (times * products[from + 3]!) / minus;
    };
  }
  const meanSquare = (sets: Int32Array, task: number) => {
    let sum = 0;
    for (let i = references * task; i < references * (task + 1); i++) sum += squares[sets[i]!]!;
    return sum / references;
  };
  return (task, products, from, into, to) => {
    const [plus, minus] = [squares[queriesPlus[task]!]!, squares[queriesMinus[task]!]!];
    const [ofPlus, ofMinus] = [meanSquare(referencesPlus, task), meanSquare(referencesMinus, task)];
    into[to] = 2 * times * products[from]! - plus - ofPlus;
    into[to + 1] = 2 * times * products[from + 1]! - plus - ofMinus;
    into[to + 2] = 2 * times * products[from + 2]! - minus - ofPlus;
    into[to + 3] = 2 * times * products[from + 3]! - minus - ofMinus;
  };
}

/** The margin (s(q⁺, E⁺) − s(q⁺, E⁻)) − (s(q⁻, E⁺) − s(q⁻, E⁻)) [MIS] of the task whose four similarities stand from `at` on. */
export function marginAt(similarities: Float64Array, at: number): number {
  return similarities[at]! - similarities[at + 1]! - (similarities[at + 2]! - similarities[at + 3]!);
}

/** As columns: the similarities of tasks, four behind one another, and the margins. */
export function columnsOf(similarities: Float64Array): Similarities {
  const count = similarities.length / 4;
  const column = (at: number) => {
    const values = new Float64Array(count);
    for (let i = 0; i < count; i++) values[i] = similarities[4 * i + at]!;
    return values;
  };
  const margin = new Float64Array(count);
  for (let i = 0; i < count; i++) margin[i] = marginAt(similarities, 4 * i);
  return {
    s_plus_plus: column(0),
    s_plus_minus: column(1),
    s_minus_plus: column(2),
    s_minus_minus: column(3),
    margin,
  };
}
