/**
 * Sums of values and of their squares as pairs of float64 that are added up at the end: the sum, and what was rounded off
 * it (Knuth's two-sum). They carry twice the digits of a float64, so that mean and standard deviation come out the same
 * whatever the order in which the values came, and whatever parts were summed apart.
 */
export const SUMS = 4;
const [SUM, SUM_REST, SQUARES, SQUARES_REST] = [0, 1, 2, 3] as const;

/** Adds sums of other values, the `SUMS` numbers of `more` from `from` on, to those of `sums` from `at` on. */
export function addSums(sums: Float64Array, at: number, more: Float64Array, from: number): void {
  for (const part of [SUM, SQUARES]) {
    const rest = part + 1;
    const [a, b] = [sums[at + part]!, more[from + part]!];
    const low = restOfSum(a, b);
    sums[at + part] = a + b;
    sums[at + rest] = sums[at + rest]! + low + more[from + rest]!;
  }
}

/** Mean and standard deviation (divided by the number of values) of `count` values whose sums stand from `at` on. */
export function momentsOf(sums: Float64Array, at: number, count: number): { mean: number; sd: number } {
  const sum = sums[at + SUM]! + sums[at + SUM_REST]!;
  const sumRest = restOfSum(sums[at + SUM]!, sums[at + SUM_REST]!);
  const squares = sums[at + SQUARES]! + sums[at + SQUARES_REST]!;
  const squaresRest = restOfSum(sums[at + SQUARES]!, sums[at + SQUARES_REST]!);
  // count² · variance = count · Σx² − (Σx)², each as a pair.
  const [a, aRest] = [squares * count, restOfProduct(squares, count)];
  const [b, bRest] = [sum * sum, restOfProduct(sum, sum)];
  const spread = a - b + (aRest + squaresRest * count - bRest - 2 * sum * sumRest);
  return { mean: sum / count + 0, sd: Math.sqrt(Math.max(0, spread)) / count };
}

/** What is rounded off a + b [Knuth, TAOCP 2, 4.2.2]. */
function restOfSum(a: number, b: number): number {
  const sum = a + b;
  const part = sum - a;
  return a - (sum - part) + (b - part);
}

/** What is rounded off a · b [Dekker 1971]. */
function restOfProduct(a: number, b: number): number {
  const [aHigh, bHigh] = [half(a), half(b)];
  const [aLow, bLow] = [a - aHigh, b - bHigh];
  return aLow * bLow - (a * b - aHigh * bHigh - aLow * bHigh - aHigh * bLow);
}

/** The upper half of a number's digits. */
function half(value: number): number {
  const scaled = 134_217_729 * value;
  return scaled - (scaled - value);
}
