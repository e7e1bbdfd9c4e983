import type { Code } from '../../common/wasm/code.ts';
import { drop, get, set, step, whileHolds } from '../../common/wasm/control.ts';
import { named } from '../../common/wasm/module.ts';
import { i32 } from '../../common/wasm/scalars.ts';
import { v128 } from '../../common/wasm/vectors.ts';

/**
 * Tasks are listed in columns, as in the table of explanations: q⁺ and q⁻ of a task are a number each (int32), E⁺ and E⁻ are K.
 * How a kernel is told of consecutive tasks; all are bytes, addresses or lengths.
 *
 * `task`: q⁺ of the first one; `end`: behind q⁺ of the last one; `queries`: from the column of q⁺ to that of q⁻.
 * `references`: E⁺ of the first one; `sides`: from the column of E⁺ to that of E⁻; `sideBytes`: 4 K.
 * `dots` of the first one: q⁺·ē⁺, q⁺·ē⁻, q⁻·ē⁺, q⁻·ē⁻ (float64).
 */
export const LISTED = ['task', 'end', 'queries', 'references', 'sides', 'sideBytes', 'dots'] as const;

/** Runs over the tasks. */
export const eachTask = (
  { task, end, references, sideBytes, dots }: Readonly<Record<(typeof LISTED)[number], number>>,
  ...body: readonly Code[]
): Code =>
  whileHolds(
    i32.lessThan(get(task), get(end)),
    ...body,
    step(dots, 32),
    set(references, i32.add(get(references), get(sideBytes))),
    step(task, 4),
  );

/** Bytes of a line of the processor's caches. */
const LINE = 64;

/**
 * Reads the memory from `from`, which is changed, to `to`, so that it is in the processor's cache: that takes less in its order than
 * from anywhere.
 */
export const bringNear = (from: number, to: number, value: number): Code =>
  whileHolds(i32.lessThan(get(from), get(to)), set(value, v128.load(get(from))), step(from, LINE));

/** Bytes of a page of memory. */
const PAGE = 4096;

/**
 * Has the system give the pages from `from` to `to`, which takes it microseconds each where they are first written to. What is in
 * them stays, whatever other threads write meanwhile.
 */
export const claim = named(['from', 'to'], {}, ({ from, to }) => [
  whileHolds(
    i32.lessThan(get(from), get(to)),
    drop(i32.atomicAdd(get(from), i32.const(0))),
    step(from, PAGE),
  ),
]);

/** Marks the images that are listed from `list` to `end`: sets their entries behind `images` (int32) to 1. */
export const mark = named(['list', 'end', 'images'], {}, ({ list, end, images }) => [
  whileHolds(
    i32.lessThan(get(list), get(end)),
    i32.store(i32.add(get(images), i32.shiftLeft(i32.load(get(list)), i32.const(2))), i32.const(1)),
    step(list, 4),
  ),
]);

/** Puts the rows of the images, their entries behind `images` (int32), in the place of the images. */
export const number = named(['list', 'end', 'images'], {}, ({ list, end, images }) => [
  whileHolds(
    i32.lessThan(get(list), get(end)),
    i32.store(get(list), i32.load(i32.add(get(images), i32.shiftLeft(i32.load(get(list)), i32.const(2))))),
    step(list, 4),
  ),
]);
