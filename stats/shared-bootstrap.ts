import type { Worker } from 'node:worker_threads';
import { startThreads } from '../common/wasm/threads.ts';
import { kernelsOf, share } from '../common/wasm/work.mjs';
import { ends, type Interval, selected } from './bootstrap.ts';
import { cutAny, steps } from './extremes/jobs.ts';
import { kernels, type Resampling, roomBytesOf } from './interval-kernel.ts';
import type { Stream } from './random.ts';
import { type AddPairs, type Resample, TAILS } from './resample-kernel.ts';
import { between } from './summary.ts';

/** Intervals of the means of many lists of values. */
export interface SharedBootstrap {
  /** Those of lists of `count` values, one behind the other; found by other threads where there are any. */
  intervals(lists: Float64Array): Promise<Interval[]>;
  /** Has this thread take its part in what the others are at: for when there is nothing else to do. */
  join(): void;
  close(): Promise<void>;
}

/** Lists that are resampled at a time, those of one call, and ranges of calls. */
const LISTS = 1024;
const CALL = 16;
const RANGES = 16;

/**
 * Intervals of many lists of `count` values with one set of draws for all of them: each by itself is that of
 * `bootstrapMean`, from draws that were made once. Between lists the draws are common, so that intervals of the same
 * values under other parameters differ by the values alone.
 * Cost: length × resamples / 4 steps a list, about 0.6 ns each. Memory: 2 bytes for each draw (4 for very long lists), and
 * 48 for each resample 16 times.
 *
 * @param helpers threads that work, besides this one; they are taken out of the list
 */
export function sharedBootstrap(
  count: number,
  random: Stream,
  { resamples = 10_000, level = 0.95 }: { resamples?: number; level?: number } = {},
  helpers: Worker[] = [],
): SharedBootstrap {
  const [low, high] = ends(resamples, level);
  if (count === 0) return { intervals: async () => [], join() {}, close: async () => {} };
  const [lowRank, highRank] = [Math.floor(low), Math.floor(high)];
  const { shared, at, codesEnd, resampling } = openResamples(count, random, resamples, lowRank, highRank);
  const { buffer } = shared.memory;
  const threads = startThreads(shared, 1 + helpers.length, helpers);
  const [room, found] = [new Float64Array(buffer, at.lists, LISTS * count), at.found];
  const here = kernelsOf(shared) as { readonly resample: Resample; readonly addPairs: AddPairs };
  /** All sums of a list. */
  const sumsOf = (list: Float64Array): Float64Array => {
    const { table, sums, values } = resampling.room;
    const own = at.own.at(-1)!;
    const entries = new Float64Array(buffer, own + values, 2 * count);
    for (let i = 0; i < count; i++) entries.fill(list[i]!, 2 * i, 2 * i + 2);
    if (resampling.areInPairs) here.addPairs(own + values, own + values + 16 * count, own + table);
    here.resample(at.codes, codesEnd, own + table, own + sums, own, roomBytesOf(resamples));
    return new Float64Array(buffer, own + sums, 2 * resamples).filter((_, i) => i % 2 === 0);
  };
  const intervalOf = (list: Float64Array, i: number): Interval => {
    const [a, b, c, d] = new Float64Array(buffer, found + 32 * i, 4) as unknown as [
      number,
      number,
      number,
      number,
    ];
    const point = (value: number, next: number, position: number, rank: number) =>
      rank + 1 < resamples ? between(value / count, next / count, position - rank) : value / count;
    const interval = { low: point(a, b, low, lowRank), high: point(c, d, high, highRank) };
    if (!Number.isNaN(interval.low + interval.high)) return interval;
    // Too few sums lie far from the centre, which is rare.
    const all = sumsOf(list);
    return { low: selected(all, low, resamples, count), high: selected(all, high, resamples, count) };
  };
  const some = async (lists: Float64Array): Promise<Interval[]> => {
    room.set(lists);
    const calls = steps(lists.length / count, CALL).map(([from, to]) => {
      return [at.lists + 8 * count * from, to - from, found + 32 * from, at.codes, codesEnd];
    });
    await threads.aside({ kernel: 'endsOf', ranges: cutAny(calls, at.own) });
    return Array.from({ length: lists.length / count }, (_, i) =>
      intervalOf(lists.subarray(i * count, (i + 1) * count), i),
    );
  };
  let before: Promise<unknown> = Promise.resolve();
  return {
    async intervals(lists) {
      if (lists.length % count !== 0) throw new RangeError(`${lists.length} values, not lists of ${count}`);
      const parts = steps(lists.length / count, LISTS).map(([from, to]) => {
        const part = before.then(() => some(lists.subarray(from * count, to * count)));
        before = part;
        return part;
      });
      return (await Promise.all(parts)).flat();
    },
    join: threads.join,
    close: threads.close,
  };
}

/** Draws, and memory for what is made of them. */
function openResamples(count: number, random: Stream, resamples: number, low: number, high: number) {
  const areInPairs = (count + 1) ** 2 < resamples * count;
  const codes = areInPairs ? pairCodes : (draws: Uint32Array) => draws;
  const draws = new Uint32Array(count);
  const places = codes(draws).length;
  let bytes = 0;
  const reserve = (length: number): number => {
    const start = Math.ceil(bytes / 64) * 64;
    bytes = start + length;
    return start;
  };
  reserve(TAILS.rooms + 4 * roomBytesOf(resamples));
  const room = { sums: reserve(16 * resamples), values: 0, table: 0 };
  room.values = reserve(16 * (count + 1));
  room.table = areInPairs ? reserve(16 * (count + 1) * count) : room.values;
  const own = bytes;
  bytes = 16; // what threads count by
  const at = {
    own: Array.from({ length: RANGES }, () => reserve(own)),
    lists: reserve(8 * count * LISTS),
    found: reserve(32 * LISTS),
    codes: reserve(4 * places * resamples),
  };
  const codesEnd = at.codes + 4 * places * resamples;
  const resampling: Resampling = { count, places, areInPairs, resamples, low, high, room };
  const shared = share(kernels(resampling), bytes);
  const all = new Uint32Array(shared.memory.buffer, at.codes, places * resamples);
  for (let r = 0; r < resamples; r++) {
    random.fillBelow(draws, count);
    const own = codes(draws);
    for (let i = 0; i < places; i++) all[r * places + i] = 16 * own[i]!;
  }
  return { shared, at, codesEnd, resampling };
}

/** Where the sums of two draws stand in a table, so that they take one step; an odd last draw has nothing (0) beside it. */
function pairCodes(draws: Uint32Array): Uint32Array {
  const count = draws.length;
  const codes = new Uint32Array(Math.ceil(count / 2));
  for (let i = 0; i < codes.length; i++) codes[i] = draws[2 * i]! * (count + 1) + (draws[2 * i + 1] ?? count);
  return codes;
}
