import type { Job } from '../common/wasm/work.mjs';
import { CALL, cutAny, steps } from './extremes/jobs.ts';
import { scratchFor } from './extremes/network.ts';
import { FLIPS, HEAD, SPARE, WINDOW } from './extremes/places.ts';

/**
 * Ranks `from` to `to` − 1 from either end of the order of `images` images, to be found with the help of a sample of so many
 * of them.
 */
export interface Sought {
  readonly images: number;
  readonly from: number;
  readonly to: number;
  readonly sample: number;
}

/** Images far from both ends of the order of many units. Jobs are those of `Extremes`. */
export interface Windows {
  /** Room for the activations of a unit for the images of the sample, until bounds are found. */
  sample(unit: number): Float32Array<SharedArrayBuffer>;
  /** Finds the bounds of the windows in the samples of `units` units, whose images have these numbers. */
  bound(units: number, numbers: Int32Array): Job;
  /** Finds the ranks in the windows of the units `from` to `to` − 1. */
  narrow(from: number, to: number): Job;
  /** The ranks sought, from the highest activation; undefined where the sample misled. A view. */
  highest(unit: number): Int32Array | undefined;
  lowest(unit: number): Int32Array | undefined;
}

/** Standard deviations of a sample's rank by which it may mislead. */
const SIGMAS = 6;

/** Images of the sample before which, and up to which, those sought must lie, and how much these may be missed by. */
function enclosing({ images, from, to, sample }: Sought) {
  const share = to / images;
  const margin = SIGMAS * Math.sqrt(sample * share * (1 - share)) + 1;
  const slack = Math.ceil(margin / 8);
  return {
    near: Math.max(0, Math.floor((from * sample) / images - margin)),
    far: Math.ceil((to * sample) / images + margin) + 1,
    slack,
  };
}

/** How many images a window can hold: those that it will, and a third more. */
function slotsOf(sought: Sought): number {
  const { images, sample } = sought;
  const { near, far, slack } = enclosing(sought);
  return Math.min(images, Math.ceil(((far - near + 2 * slack) * images * 1.35) / sample));
}

/** Where things stand in the memory of `findExtremes`, in bytes. */
export interface WindowPlaces {
  readonly heads: number;
  /** Of each unit the sample, then its windows. */
  readonly space: number;
  readonly numbers: number;
  /** For each range of a job. */
  readonly scratch: readonly number[];
}

/** Bytes for one unit, but for the head, and of the scratch of a range. */
export function windowBytes(sought: Sought): { readonly space: number; readonly scratch: number } {
  const windows = 16 * (slotsOf(sought) + SPARE);
  const sample = 4 * (sought.sample + SPARE);
  return {
    space: Math.ceil(Math.max(windows, sample) / 32) * 32,
    scratch: Math.max(16 + 8 * (sought.sample + 2 * SPARE), scratchFor(sought.to - sought.from)),
  };
}

/**
 * Finds ranks far from the ends of the order of many units without keeping all that lie before them: a sample says between
 * which two images they must lie, at either end; of all images those between are kept, and those beyond are counted. So
 * what is found is exact, or known not to be found.
 */
export function findWindows(buffer: SharedArrayBuffer, at: WindowPlaces, sought: Sought) {
  const { from, to, sample: size } = sought;
  const { near, far, slack } = enclosing(sought);
  const slots = slotsOf(sought);
  const { space } = windowBytes(sought);
  const apart = 4 * (slots + SPARE);
  const words = new Int32Array(buffer);
  const headAt = (unit: number) => at.heads + 2 * WINDOW.bytes * unit;
  const spaceAt = (unit: number) => at.space + space * unit;
  const ranks = (side: 0 | 1) => (unit: number) => {
    const head = headAt(unit) + side * WINDOW.bytes;
    if (words[(head + HEAD.count) / 4] !== to - from) return undefined;
    return new Int32Array(buffer, spaceAt(unit) + (side * space) / 2 + apart, to - from);
  };
  const windows: Windows = {
    sample: (unit) => new Float32Array(buffer, spaceAt(unit), size),
    bound(units, numbers) {
      words.fill(0, at.heads / 4, headAt(units) / 4);
      words.set(numbers, at.numbers / 4);
      const apartInSample = 4 * (size + SPARE);
      const calls = steps(units, CALL).map(([first, end]) => [
        ...[headAt(first), spaceAt(first), space, end - first, at.numbers, size],
        ...[near, far, slack, apartInSample],
      ]);
      return { kernel: 'bound', ranges: cutAny(calls, at.scratch) };
    },
    narrow(start, stop) {
      const calls = steps(stop - start, CALL).map(([first, end]) => {
        const places = [headAt(start + first), spaceAt(start + first), space / FLIPS.length];
        return [...places, end - first, from, to, slots, apart];
      });
      return { kernel: 'narrow', ranges: cutAny(calls, at.scratch) };
    },
    highest: ranks(0),
    lowest: ranks(1),
  };
  /** The arguments of `add` for units from this one on. */
  const argumentsFor = (unit: number) => [headAt(unit), spaceAt(unit), space / FLIPS.length, slots, apart];
  const ranked = { at: (unit: number) => spaceAt(unit) + apart, sideBytes: space / FLIPS.length };
  return { windows, argumentsFor, ranked };
}
