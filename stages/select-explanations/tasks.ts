import { type Stream, shuffle } from '../../stats/random.ts';
import type { Plan } from './plan.ts';

/** The tasks of one unit: N rows, image numbers. */
export interface UnitTasks {
  readonly query_plus: Int32Array;
  readonly query_minus: Int32Array;
  /** [N × K], element j of a row from bin j. */
  readonly references_plus: Int32Array;
  readonly references_minus: Int32Array;
}

/** Images of one end of a unit's order: the first ones (N·K at least), and the N from rank `plan.queries` on. */
export interface Side {
  readonly first: Int32Array;
  readonly queries: Int32Array;
}

const PLUS = 0;
const MINUS = 1;
/** The queries are shuffled as one more bin, with a number that no bin can have. */
const QUERIES = 0xffffffff;

/**
 * Deals the extreme images of one unit out to its tasks [IMI]. The first N·K of an order are cut into K bins of N; task i
 * takes the i-th image of each shuffled bin, so that the references of every task span the same range; its query
 * is the i-th of the shuffled N images from rank `plan.queries` on. `random` are the streams of (seed, layer); the order of a
 * bin depends on unit, side and bin besides, and on nothing else.
 */
export function dealTasks(plan: Plan, random: Stream, unit: number, highest: Side, lowest: Side): UnitTasks {
  const plus = dealSide(plan, random, unit, PLUS, highest);
  const minus = dealSide(plan, random, unit, MINUS, lowest);
  return {
    query_plus: plus.queries,
    query_minus: minus.queries,
    references_plus: plus.references,
    references_minus: minus.references,
  };
}

function dealSide(plan: Plan, random: Stream, unit: number, side: number, order: Side) {
  const { tasks, references: bins } = plan;
  const references = new Int32Array(tasks * bins);
  const images = order.first.slice(0, tasks * bins);
  for (let bin = 0; bin < bins; bin++) {
    shuffle(images, random.start(unit, side, bin), bin * tasks, tasks);
    for (let task = 0, at = bin * tasks; task < tasks; task++, at++)
      references[task * bins + bin] = images[at]!;
  }
  const queries = order.queries.slice();
  shuffle(queries, random.start(unit, side, QUERIES));
  return { queries, references };
}
