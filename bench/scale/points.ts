import type { Result } from '../benchmark.ts';

/** Memory that no stage may take. */
const MOST_MIB = 2048;
const MIB = 2 ** 20;

/** What a stage took for some number of images: processor seconds, and bytes at its peak. */
export interface Point {
  readonly images: number;
  readonly cpu: number;
  readonly peak: number;
}

/**
 * Flatness: what an image costs up to the last size but one, over what it costs from there to the last. What it costs is the
 * slope between two sizes, so that what is done once doesn't count, such as compiling code. Small sizes are too short for
 * slopes: `quick` divides by the number of images.
 */
export function costOf(
  work: string,
  points: readonly Point[],
  { quick, rounds, text }: { readonly quick: boolean; readonly rounds: number; readonly text: string },
): Result {
  const nothing = { images: 0, cpu: 0 };
  const [from, to] = points.slice(-2) as [Point, Point];
  const before = quick ? nothing : points.at(-3)!;
  const cost = (a: Pick<Point, 'images' | 'cpu'>, b: Point) =>
    (1e6 * (b.cpu - a.cpu)) / (b.images - a.images);
  const [few, many] = [cost(before, from), cost(quick ? nothing : from, to)];
  const time = `processor time ${quick ? 'for' : `from ${before.images} to`} ${from.images} images, and ${quick ? '' : 'on to '}${to.images}`;
  return {
    case: `${work}: cost of an image`,
    ratio: few / many,
    of: many,
    to: few,
    unit: 'µs/image',
    ...(quick ? {} : { target: 0.9 }),
    sizes: `${text}; ${time}; ${rounds === 1 ? 'once' : `the least of ${rounds}`}`,
    more: Object.fromEntries(points.map(({ images, cpu }) => [`${images} images (s)`, cpu])),
  };
}

/** The peak of memory at the last size beside the most that is allowed; `listed` is how many images there were. */
export function memoryOf(
  work: string,
  points: readonly Point[],
  text: string,
  listed = points.at(-1)!.images,
): Result {
  const { peak } = points.at(-1)!;
  return {
    case: `${work}: memory for ${listed} images`,
    ratio: MOST_MIB / (peak / MIB),
    of: peak / MIB,
    to: MOST_MIB,
    unit: 'MiB',
    target: 1,
    sizes: `${text}; peak of the whole process`,
    more: Object.fromEntries(points.map(({ images, peak }) => [`${images} images (MiB)`, peak / MIB])),
  };
}
