import type { StoredRows, Vectors } from './stored.ts';

/** A row of `tasks.parquet`, as far as it is recomputed. */
export interface TaskRow {
  readonly model: string;
  readonly layer: string;
  readonly unit: number;
  readonly task: number;
  readonly query_plus: number;
  readonly query_minus: number;
  readonly references_plus: readonly number[];
  readonly references_minus: readonly number[];
  readonly s_plus_plus: number;
  readonly s_plus_minus: number;
  readonly s_minus_plus: number;
  readonly s_minus_minus: number;
  readonly margin: number;
}

/** Rows by unit, in the order of their tasks. */
export function byUnit(tasks: Iterable<TaskRow>): Map<string, TaskRow[]> {
  const units = new Map<string, TaskRow[]>();
  for (const row of tasks) {
    const key = `${row.model} ${row.layer} ${row.unit}`;
    const rows = units.get(key);
    if (rows) rows.push(row);
    else units.set(key, [row]);
  }
  for (const rows of units.values()) rows.sort((a, b) => a.task - b.task);
  return units;
}

/**
 * Numbers of all images by falling activation of one unit: a plain sort. Equal activations are in the order of the
 * numbers, so that either end of the one order serves its side [IMI].
 */
export function orderOf({ width, values }: Vectors, unit: number): number[] {
  const activation = Float32Array.from(
    { length: values.length / width },
    (_, i) => values[i * width + unit]!,
  );
  return Array.from(activation.keys()).sort((a, b) => activation[b]! - activation[a]! || a - b);
}

/** What is wrong with the images of a unit's tasks: bins that hold other images, or images that stand twice. */
export function wrongImages(tasks: readonly TaskRow[], order: readonly number[], queries: number): string[] {
  const n = tasks.length;
  const k = tasks[0]!.references_plus.length;
  const wrong: string[] = [];
  const name = `${tasks[0]!.model} ${tasks[0]!.layer} ${tasks[0]!.unit}`;
  const same = (what: string, found: number[], expected: readonly number[]) => {
    if (`${found.sort((a, b) => a - b)}` !== `${[...expected].sort((a, b) => a - b)}`)
      wrong.push(`${name} ${what}: ${found} instead of ${expected}`);
  };
  const reversed = order.toReversed();
  for (let bin = 0; bin < k; bin++) {
    const [from, to] = [bin * n, (bin + 1) * n];
    same(
      `bin +${bin}`,
      tasks.map((task) => task.references_plus[bin]!),
      order.slice(from, to),
    );
    same(
      `bin -${bin}`,
      tasks.map((task) => task.references_minus[bin]!),
      reversed.slice(from, to),
    );
  }
  same(
    'queries +',
    tasks.map((task) => task.query_plus),
    order.slice(queries, queries + n),
  );
  same(
    'queries -',
    tasks.map((task) => task.query_minus),
    reversed.slice(queries, queries + n),
  );
  const plus = new Set(tasks.flatMap((task) => [task.query_plus, ...task.references_plus]));
  const minus = new Set(tasks.flatMap((task) => [task.query_minus, ...task.references_minus]));
  for (const image of plus) if (minus.has(image)) wrong.push(`${name}: image ${image} on both sides`);
  if (plus.size !== n * (k + 1) || minus.size !== n * (k + 1)) wrong.push(`${name}: an image stands twice`);
  if (`${tasks.map(({ task }) => task)}` !== `${tasks.map((_, i) => i)}`)
    wrong.push(`${name}: tasks ${tasks.map(({ task }) => task)}`);
  return wrong;
}

/** The largest difference of the similarities and margins from those over all pairs of images. */
export function largestMarginError(
  tasks: Iterable<TaskRow>,
  stored: StoredRows,
  similarity: 'cosine' | 'squared-euclidean' = 'cosine',
): number {
  const { width, values } = stored.vectors.get('embedding')!;
  const lengths = Float64Array.from(stored.paths, (_, i) => Math.sqrt(dot(values, i, values, i, width)));
  const compare = (a: number, b: number) =>
    similarity === 'cosine'
      ? dot(values, a, values, b, width) / (lengths[a]! * lengths[b]!)
      : -squaredDistance(values, a, b, width);
  const mean = (query: number, references: readonly number[]) =>
    references.reduce((sum, reference) => sum + compare(query, reference), 0) / references.length;
  let largest = 0;
  for (const task of tasks) {
    const pp = mean(task.query_plus, task.references_plus);
    const pm = mean(task.query_plus, task.references_minus);
    const mp = mean(task.query_minus, task.references_plus);
    const mm = mean(task.query_minus, task.references_minus);
    const errors = [
      pp - task.s_plus_plus,
      pm - task.s_plus_minus,
      mp - task.s_minus_plus,
      mm - task.s_minus_minus,
      pp - pm - (mp - mm) - task.margin,
    ];
    for (const error of errors) if (!(Math.abs(error) <= largest)) largest = Math.abs(error);
  }
  return largest;
}

function dot(a: Float32Array, i: number, b: Float32Array, j: number, width: number): number {
  let sum = 0;
  for (let d = 0; d < width; d++) sum += a[i * width + d]! * b[j * width + d]!;
  return sum;
}

function squaredDistance(values: Float32Array, i: number, j: number, width: number): number {
  let sum = 0;
  for (let d = 0; d < width; d++) sum += (values[i * width + d]! - values[j * width + d]!) ** 2;
  return sum;
}
