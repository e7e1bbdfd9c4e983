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
    const [high, low] = twoSum(sums[at + part]!, more[from + part]!);
    sums[at + part] = high;
    sums[at + rest] = sums[at + rest]! + low + more[from + rest]!;
  }
}

/** Mean and standard deviation (divided by the number of values) of `count` values whose sums stand from `at` on. */
export function momentsOf(sums: Float64Array, at: number, count: number): { mean: number; sd: number } {
  const [sum, sumRest] = twoSum(sums[at + SUM]!, sums[at + SUM_REST]!);
  const [squares, squaresRest] = twoSum(sums[at + SQUARES]!, sums[at + SQUARES_REST]!);
  // count² · variance = count · Σx² − (Σx)², each as a pair.
  const [a, aRest] = twoProduct(squares, count);
  const [b, bRest] = twoProduct(sum, sum);
  const spread = a - b + (aRest + squaresRest * count - bRest - 2 * sum * sumRest);
  return { mean: sum / count + 0, sd: Math.sqrt(Math.max(0, spread)) / count };
}

/** a + b, rounded, and what was rounded off [Knuth, TAOCP 2, 4.2.2]. */
function twoSum(a: number, b: number): [number, number] {
  const sum = a + b;
  const part = sum - a;
  return [sum, a - (sum - part) + (b - part)];
}

/** a · b, rounded, and what was rounded off [Dekker 1971]. */
function twoProduct(a: number, b: number): [number, number] {
  const product = a * b;
  const [aHigh, aLow] = halves(a);
  const [bHigh, bLow] = halves(b);
  return [product, aLow * bLow - (product - aHigh * bHigh - aLow * bHigh - aHigh * bLow)];
}

function halves(value: number): [number, number] {
  const scaled = 134_217_729 * value;
  const high = scaled - (scaled - value);
  return [high, value - high];
}
