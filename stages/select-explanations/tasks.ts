import type { Stream } from '../../stats/random.ts';
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

/** Room for the tasks of one unit. */
export function roomFor({ tasks, references }: Plan): UnitTasks {
  return {
    query_plus: new Int32Array(tasks),
    query_minus: new Int32Array(tasks),
    references_plus: new Int32Array(tasks * references),
    references_minus: new Int32Array(tasks * references),
  };
}

/**
 * Deals the extreme images of one unit out to its tasks [IMI]. The first N·K of an order are cut into K bins of N; task i
 * takes the i-th image of each shuffled bin, so that the references of every task span the same range; its query
 * is the i-th of the shuffled N images from rank `plan.queries` on. `random` are the streams of (seed, layer); the order of a
 * bin depends on unit, side and bin besides, and on nothing else.
 *
 * @param into takes the tasks, and is returned
 */
export function dealTasks(
  plan: Plan,
  random: Stream,
  unit: number,
  highest: Side,
  lowest: Side,
  into = roomFor(plan),
): UnitTasks {
  const { query_plus, query_minus, references_plus, references_minus } = into;
  dealSide(plan, random, unit, PLUS, highest, references_plus, query_plus);
  dealSide(plan, random, unit, MINUS, lowest, references_minus, query_minus);
  return into;
}

function dealSide(
  { tasks, references: bins }: Plan,
  random: Stream,
  unit: number,
  side: number,
  order: Side,
  references: Int32Array,
  queries: Int32Array,
): void {
  // A bin is shuffled where the queries will stand.
  for (let bin = 0; bin < bins; bin++) {
    for (let i = 0; i < tasks; i++) queries[i] = order.first[bin * tasks + i]!;
    random.start(unit, side, bin).shuffle(queries);
    for (let task = 0; task < tasks; task++) references[task * bins + bin] = queries[task]!;
  }
  for (let i = 0; i < tasks; i++) queries[i] = order.queries[i]!;
  random.start(unit, side, QUERIES).shuffle(queries);
}
