import { UserError } from '../../common/errors.ts';
import type { ExplanationRows } from '../../tables/explanations.ts';
import type { MarginRows, Similarities } from '../../tables/margins.ts';
import { type Evaluation, evaluatePairs } from './evaluate.ts';

/** What the comparison needs of the world. */
export interface Comparison extends Omit<Evaluation, 'pause'> {
  /** The tasks to compare, and K, the number of references a side. */
  readonly tasks: AsyncIterable<ExplanationRows>;
  readonly references: number;
  /** True where the network puts out distances: f is then their negative. */
  readonly distance: boolean;
  /** For messages: the model's file, and the path of an image. */
  readonly file: string;
  nameOf(image: number): string;
  /** Takes the margins of a batch of tasks. */
  put(margins: { readonly [Name in keyof MarginRows]: MarginRows[Name] }): void;
  /** Called before each batch of pairs with the number of pairs that are done, repeated ones included. */
  pause(done: number): void;
}

/** Tasks whose pairs are gathered before they are evaluated; the last batch of pairs of such a block is not full. */
const BLOCK = 256;
/** Pairs whose values are remembered, in case another task asks for them again. */
const REMEMBERED = 2 ** 20;

/**
 * Compares the queries of all tasks with their references, pair by pair: f(q, e) for q in {q⁺, q⁻} and e in E⁺ ∪ E⁻, the
 * query first (f need not be symmetric), an ordered pair once unless 2²⁰ others came between. The values depend on the
 * pairs alone, so neither the size of batches nor the shards of the images count.
 */
export async function compareTasks(comparison: Comparison): Promise<void> {
  const { tasks, references, put, pause } = comparison;
  const known = new Map<number, number>();
  let done = 0;
  for await (const batch of tasks) {
    const rows = batch.unit.length;
    const out = similaritiesFor(rows);
    for (let from = 0; from < rows; from += BLOCK) {
      const to = Math.min(rows, from + BLOCK);
      const start = done;
      const inBlock = (to - from) * 4 * references;
      if (known.size > REMEMBERED) known.clear();
      await fill(comparison, batch, from, to, known, (share) => pause(start + Math.floor(share * inBlock)));
      fillSimilarities(known, batch, references, from, to, out);
      done += inBlock;
    }
    put({ layer: batch.layer, unit: batch.unit, task: batch.task, ...out });
    pause(done);
  }
}

/** Evaluates the pairs of the tasks `from` to `to` − 1 that aren't known yet. */
async function fill(
  comparison: Comparison,
  batch: ExplanationRows,
  from: number,
  to: number,
  known: Map<number, number>,
  pause: (share: number) => void,
): Promise<void> {
  const { references, distance } = comparison;
  const queries: number[] = [];
  const explanations: number[] = [];
  /** Row of the first task that asks for each pair. */
  const asking: number[] = [];
  for (let task = from; task < to; task++) {
    visitPairs(batch, references, task, (query, explanation) => {
      const key = keyOf(query, explanation);
      if (known.has(key)) return;
      known.set(key, Number.NaN);
      queries.push(query);
      explanations.push(explanation);
      asking.push(task);
    });
  }
  const values = await evaluatePairs(
    { queries, explanations },
    { ...comparison, pause: (pairs) => pause(pairs / queries.length) },
  );
  for (const [i, value] of values.entries()) {
    if (!Number.isFinite(value)) {
      throw notFinite(comparison, value, batch, asking[i]!, queries[i]!, explanations[i]!);
    }
    known.set(keyOf(queries[i]!, explanations[i]!), distance ? -value : value);
  }
}

/** Images are fewer than 2²⁶ (an index of more would not fit into memory), so keys are exact. */
const keyOf = (query: number, explanation: number): number => query * 2 ** 26 + explanation;

/** The 4 K pairs of a task: q⁺ with E⁺, then E⁻; q⁻ with E⁺, then E⁻. */
function visitPairs(
  batch: ExplanationRows,
  references: number,
  task: number,
  visit: (query: number, explanation: number) => void,
): void {
  for (const query of [batch.query_plus[task]!, batch.query_minus[task]!]) {
    for (const side of [batch.references_plus, batch.references_minus]) {
      for (let j = task * references; j < (task + 1) * references; j++) visit(query, side[j]!);
    }
  }
}

function similaritiesFor(tasks: number): Similarities {
  const array = () => new Float64Array(tasks);
  return {
    s_plus_plus: array(),
    s_plus_minus: array(),
    s_minus_plus: array(),
    s_minus_minus: array(),
    margin: array(),
  };
}

/** s(q, E) = mean over e in E of f(q, e), in float64 and the references' order, and the margins [MIS]. */
function fillSimilarities(
  known: ReadonlyMap<number, number>,
  batch: ExplanationRows,
  references: number,
  from: number,
  to: number,
  out: Similarities,
): void {
  const mean = (query: number, side: Int32Array, task: number) => {
    let sum = 0;
    for (let j = task * references; j < (task + 1) * references; j++)
      sum += known.get(keyOf(query, side[j]!))!;
    return sum / references;
  };
  for (let task = from; task < to; task++) {
    const [plus, minus] = [batch.query_plus[task]!, batch.query_minus[task]!];
    const pp = mean(plus, batch.references_plus, task);
    const pm = mean(plus, batch.references_minus, task);
    const mp = mean(minus, batch.references_plus, task);
    const mm = mean(minus, batch.references_minus, task);
    out.s_plus_plus[task] = pp;
    out.s_plus_minus[task] = pm;
    out.s_minus_plus[task] = mp;
    out.s_minus_minus[task] = mm;
    out.margin[task] = pp - pm - (mp - mm);
  }
}

function notFinite(
  { file, nameOf }: Comparison,
  value: number,
  batch: ExplanationRows,
  task: number,
  query: number,
  explanation: number,
): UserError {
  return new UserError(
    `The model ${file} puts out ${value} for the images ${nameOf(query)} and ${nameOf(explanation)}, a query and an ` +
      `explanation of unit ${batch.unit[task]} of layer ${batch.layer[task]} (task ${batch.task[task]}). ` +
      'Check its preprocessing (mean, std, range) and the model.',
  );
}
