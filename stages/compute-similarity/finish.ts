import type { Panels } from './panels.ts';
import { comparison, marginAt, type Similarity } from './similarity.ts';
import { moveTask, type Portion } from './tasks.ts';
import type { Workspace } from './workspace.ts';

/** How far rounding may move a similarity or a margin, relative to it. */
const TOLERANCE = 1e-5;
/** Standard deviations, of the largest that there can be, within which an error is: one in 16,000 would not be. */
const DEVIATIONS = 4;

/** Puts the similarities of some listed tasks in the place of their products. */
export type Finish = (listed: Portion) => Promise<void>;

/**
 * Where values were rounded, tasks with a similarity or a margin so near 0 that the error is not small beside it are compared once
 * more, exactly. Values were rounded to multiples of a quantum, so that their errors vary by σ = quantum / √12, in D dimensions
 * independently; those of w q · ē, with ‖w e‖ ≤ r for all images, then vary by σ r √(K² + K) at most, and those of the difference of
 * two differences by √8 times as much.
 */
export function finishing(
  kind: Similarity,
  { lists, products }: Pick<Workspace, 'lists' | 'products'>,
  { rounded, weights, squares }: Pick<Panels, 'rounded' | 'weights' | 'squares'>,
  references: number,
): Finish {
  const compare = (weighted: boolean) => comparison(kind, lists, squares, references, weighted);
  const exactly = compare(false);
  if (!rounded) {
    return async ({ first, count }) => {
      for (let task = 0, at = 4 * first; task < count; task++, at += 4)
        exactly(task, products, at, products, at);
    };
  }
  const radius = squares.reduce((most, square, row) => Math.max(most, weights[row]! * Math.sqrt(square)), 0);
  const deviation = rounded.deviation() * radius * Math.sqrt(references ** 2 + references);
  const least = ((kind === 'cosine' ? 1 : 2) * references * deviation * DEVIATIONS) / TOLERANCE;
  const nearly = compare(true);
  const isSure = (at: number) => {
    if (Math.abs(marginAt(products, at)) < Math.sqrt(8) * least) return false;
    for (let i = at; i < at + 4; i++) if (Math.abs(products[i]!) < least) return false;
    return true;
  };
  return async ({ first, count }) => {
    const unsure: number[] = [];
    for (let task = 0, at = 4 * first; task < count; task++, at += 4) {
      nearly(task, products, at, products, at);
      if (!isSure(at)) unsure.push(task);
    }
    for (let from = 0; from < unsure.length; from += rounded.most) {
      const tasks = unsure.slice(from, from + rounded.most);
      // The tasks in whose place they are listed are done with.
      tasks.forEach((task, i) => {
        moveTask(lists, references, task, i);
      });
      const exact = await rounded.exactly(tasks.length);
      tasks.forEach((task, i) => {
        exactly(i, exact, 4 * i, products, 4 * (first + task));
      });
    }
  };
}
