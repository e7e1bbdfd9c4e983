import type { UnitTasks } from '../../stages/select-explanations/select.ts';

/** What was put of several units, one by one, so that it doesn't matter how they were put together. */
export function unitsOf({ layer, unit, count, tasks, at, firsts }: UnitTasks): unknown[] {
  const rows = (all: Int32Array, i: number, width: number) => [
    ...all.subarray((at + i) * width, (at + i + 1) * width),
  ];
  return Array.from({ length: count }, (_, i) => {
    const [high, low] = [new Int32Array(3), new Int32Array(3)];
    firsts(i, 'high', 3, high, 0);
    firsts(i, 'low', 3, low, 0);
    return { layer, unit: unit + i, high: [...high], low: [...low], ...rowsOf(rows, tasks, i) };
  });
}

/** N = 5 tasks a unit with K = 4 references a side. */
function rowsOf(
  rows: (all: Int32Array, i: number, width: number) => number[],
  tasks: UnitTasks['tasks'],
  i: number,
) {
  return {
    queries: [rows(tasks.query_plus, i, 5), rows(tasks.query_minus, i, 5)],
    references: [rows(tasks.references_plus, i, 20), rows(tasks.references_minus, i, 20)],
  };
}
