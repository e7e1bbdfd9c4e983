import { MAX_COUNT, type Stream } from './random.ts';
import { between, mean, standardDeviation } from './summary.ts';

/** An interval with its two ends. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/**
 * Percentile bootstrap interval of the mean (Efron and Tibshirani 1993, §13.3): `resamples` means of as many values
 * drawn with replacement; the interval reaches from the (1 − level)/2 to the (1 + level)/2 percentile of them. The
 * random stream decides the draws, so a stream started at the same point gives the same interval.
 * Cost: length × resamples draws, about 3 ns each. Both ends NaN for no values.
 */
export function bootstrapMean(
  values: ArrayLike<number>,
  random: Stream,
  { resamples = 10_000, level = 0.95 }: { resamples?: number; level?: number } = {},
): Interval {
  const count = values.length;
  if (count > MAX_COUNT) throw new RangeError(`a bootstrap over ${count} values is more than ${MAX_COUNT}`);
  if (!(resamples >= 1)) throw new RangeError(`a bootstrap needs at least one resample, not ${resamples}`);
  if (count === 0) return { low: Number.NaN, high: Number.NaN };
  const drawn = Float64Array.from(values);
  const means = new Float64Array(resamples);
  const draws = new Uint32Array(count);
  for (let r = 0; r < resamples; r++) {
    random.fillBelow(draws, count);
    let sum = 0;
    for (let i = 0; i < count; i++) sum += drawn[draws[i]!]!;
    means[r] = sum / count;
  }
  return interval(means, level);
}

/**
 * The same for many lists of `count` values, with one set of draws for all of them: each interval by itself is that of
 * `bootstrapMean`, from draws that were made once. Between lists the draws are common, so that intervals of the same
 * values under other parameters differ by the values alone.
 * Cost: length × resamples / 2 sums, about 1 ns each. Memory: 2 bytes for each draw (4 for very long lists).
 */
export function sharedBootstrap(
  count: number,
  random: Stream,
  { resamples = 10_000, level = 0.95 }: { resamples?: number; level?: number } = {},
): (values: ArrayLike<number>) => Interval {
  if (!(resamples >= 1)) throw new RangeError(`a bootstrap needs at least one resample, not ${resamples}`);
  const { codes, table, fill } = (count + 1) ** 2 < resamples * count ? inPairs(count) : oneByOne(count);
  const draws = new Uint32Array(count);
  const perResample = codes(draws).length;
  const all = new Uint32Array(perResample * resamples);
  for (let r = 0; r < resamples && count > 0; r++) {
    random.fillBelow(draws, count);
    all.set(codes(draws), r * perResample);
  }
  const means = new Float64Array(resamples);
  const room = { low: new Float64Array(resamples), high: new Float64Array(resamples) };
  return (values) => {
    if (values.length !== count) throw new RangeError(`${values.length} values, not ${count}`);
    if (count === 0) return { low: Number.NaN, high: Number.NaN };
    fill(values);
    for (let r = 0, at = 0; r < resamples; r++) {
      let sum = 0;
      for (let i = 0; i < perResample; i++) sum += table[all[at++]!]!;
      means[r] = sum / count;
    }
    const spread = { centre: mean(values), error: standardDeviation(values) / Math.sqrt(count) };
    return intervalFromTails(means, level, spread, room);
  };
}

/** How draws are looked up: `codes` makes of them places in a table, `fill` brings the values there. */
interface Lookup {
  readonly table: Float64Array;
  codes(draws: Uint32Array): Uint32Array;
  fill(values: ArrayLike<number>): void;
}

function oneByOne(count: number): Lookup {
  const table = new Float64Array(count);
  return { table, codes: (draws) => draws, fill: (values) => table.set(values) };
}

/** The sums of any two values, so that two draws take one step; an odd last draw has nothing (0) beside it. */
function inPairs(count: number): Lookup {
  const width = count + 1;
  const table = new Float64Array(width * width);
  return {
    table,
    codes: (draws) =>
      Uint32Array.from(
        { length: Math.ceil(count / 2) },
        (_, i) => draws[2 * i]! * width + (draws[2 * i + 1] ?? count),
      ),
    fill(values) {
      for (let a = 0, at = 0; a < count; a++) {
        const value = values[a]!;
        for (let b = 0; b < count; b++) table[at++] = value + values[b]!;
        table[at++] = value;
      }
    },
  };
}

/** The ends of a percentile interval; reorders the values. */
function interval(values: Float64Array, level: number): Interval {
  const last = values.length - 1;
  const [low, high] = [(1 - level) / 2, (1 + level) / 2].map((share) => selected(values, share * last));
  return { low: low!, high: high! };
}

/** Standard errors from the centre beyond which a few per cent of the means lie, more than an interval leaves out. */
const FAR = 1.5;

/**
 * The same interval from the values far from the centre alone, where enough of them are: a tenth of the work.
 *
 * @param room two arrays as long as the values
 */
function intervalFromTails(
  values: Float64Array,
  level: number,
  { centre, error }: { centre: number; error: number },
  room: { readonly low: Float64Array; readonly high: Float64Array },
): Interval {
  const [from, to] = [centre - FAR * error, centre + FAR * error];
  let [below, above] = [0, 0];
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (value < from) room.low[below++] = value;
    else if (value > to) room.high[above++] = value;
  }
  const last = values.length - 1;
  const [low, high] = [((1 - level) / 2) * last, ((1 + level) / 2) * last - (values.length - above)];
  if (low + 1 >= below || high < 0) return interval(values, level);
  return {
    low: selected(room.low.subarray(0, below), low),
    high: selected(room.high.subarray(0, above), high),
  };
}

/** The value at a (fractional) rank, linear between neighbours; reorders `values` instead of sorting them. */
function selected(values: Float64Array, position: number): number {
  const rank = Math.floor(position);
  partition(values, rank);
  const low = values[rank]!;
  let high = Number.POSITIVE_INFINITY;
  for (let i = rank + 1; i < values.length; i++) if (values[i]! < high) high = values[i]!;
  return rank + 1 < values.length ? between(low, high, position - rank) : low;
}

/** Hoare's selection: afterwards nothing before `rank` is larger than the value there, nothing behind it smaller. */
function partition(values: Float64Array, rank: number): void {
  let left = 0;
  let right = values.length - 1;
  while (left < right) {
    const pivot = values[rank]!;
    let i = left;
    let j = right;
    while (i <= j) {
      while (values[i]! < pivot) i++;
      while (pivot < values[j]!) j--;
      if (i <= j) {
        const kept = values[i]!;
        values[i++] = values[j]!;
        values[j--] = kept;
      }
    }
    if (j < rank) left = i;
    if (rank < i) right = j;
  }
}
