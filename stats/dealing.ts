import type { Kernel } from '../common/wasm/module.ts';
import type { Job } from '../common/wasm/work.mjs';
import { deal, shuffle } from './extremes/deal.ts';
import { CALL, cutAny, steps } from './extremes/jobs.ts';
import type { StreamKey } from './random.ts';

/** How tasks are dealt: `tasks` (N) a unit, with `references` (K) a side; up to so many units at a time. */
export interface Deal {
  readonly tasks: number;
  readonly references: number;
  /** Rank of the first query, from either end. */
  readonly queries: number;
  readonly units: number;
  /** What does it: not all who find extremes are to depend on how tasks are dealt. */
  readonly by: Dealer;
}

/** Kernels, bytes of memory, and what uses both. */
export interface Dealer {
  readonly kernels: { readonly shuffle: Kernel; readonly deal: Kernel };
  bytes(deal: Deal): { readonly dealt: number; readonly scratch: number };
  find(buffer: SharedArrayBuffer, places: DealPlaces, deal: Deal, first: Ranked, queries: Ranked): Dealing;
}

/** Tasks of some adjoining units, a row a (unit, task): image numbers. Names are those of the columns of a table. */
export interface Dealt {
  readonly query_plus: Int32Array;
  readonly query_minus: Int32Array;
  /** [rows × K], element j of a row from bin j. */
  readonly references_plus: Int32Array;
  readonly references_minus: Int32Array;
}

/** Adjoining units of one layer. */
export interface Units {
  /** Key of the layer's streams. */
  readonly key: StreamKey;
  /** Number of the first unit in its layer, and how many there are. */
  readonly unit: number;
  readonly count: number;
}

/**
 * Deals the extreme images of units out to their tasks [IMI]. The first N·K of an order are cut into K bins of N; task i
 * takes the i-th image of each shuffled bin, so that the references of every task span the same range; its query
 * is the i-th of the shuffled N images from rank `queries` on. The order of a bin comes from the stream of the layer at the
 * point (unit, side, bin), where the high side is 0 and the low one 1, and the queries are bin 2³² − 1; on nothing else.
 */
export interface Dealing {
  /** What was dealt last. */
  readonly dealt: Dealt;
  /** Deals adjoining units, from `first` on, whose ends are in order. */
  deal(first: number, units: readonly Units[]): Job;
}

/** Where things stand in the memory of `findExtremes`, in bytes. */
export interface DealPlaces {
  readonly keys: number;
  readonly dealt: number;
  /** For each range of a job. */
  readonly scratch: readonly number[];
}

/** Bytes of what is dealt, and of the scratch of a range. */
function dealBytes({ tasks, references, units }: Deal) {
  return { dealt: 2 * 4 * units * tasks * (1 + references), scratch: 16 + 4 * (tasks + 4) };
}

/** Ranks of both sides of units in the memory: the first one of a unit's high side, and how far it is to the next side. */
export interface Ranked {
  at(unit: number): number;
  readonly sideBytes: number;
}

/** @param first ranks from 0 on; `queries`: those from the first query on */
function findDealing(
  buffer: SharedArrayBuffer,
  places: DealPlaces,
  { tasks, references, units: most }: Deal,
  first: Ranked,
  queries: Ranked,
): Dealing {
  const rows = most * tasks;
  const { dealt } = places;
  const keys = new Int32Array(buffer, places.keys);
  return {
    dealt: {
      query_plus: new Int32Array(buffer, dealt, rows),
      query_minus: new Int32Array(buffer, dealt + 4 * rows, rows),
      references_plus: new Int32Array(buffer, dealt + 8 * rows, rows * references),
      references_minus: new Int32Array(buffer, dealt + 4 * rows * (2 + references), rows * references),
    },
    deal(start, units) {
      let at = 0;
      const calls = units.flatMap(({ key, unit, count }, i) => {
        keys.set(key, 4 * i);
        const own = steps(count, CALL).map(([from, to]) => {
          const row = (at + from) * tasks;
          const queriesAt = dealt + 4 * row;
          const referencesAt = dealt + 4 * (2 * rows + references * row);
          return [
            ...[places.keys + 16 * i, unit + from, to - from],
            ...[first.at(start + at + from), first.sideBytes],
            ...[queries.at(start + at + from), queries.sideBytes],
            ...[tasks, references, queriesAt, 4 * rows, referencesAt, 4 * rows * references],
          ];
        });
        at += count;
        return own;
      });
      return { kernel: 'deal', ranges: cutAny(calls, places.scratch) };
    },
  };
}

export const dealer: Dealer = { kernels: { shuffle, deal }, bytes: dealBytes, find: findDealing };
