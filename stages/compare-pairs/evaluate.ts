import type { PairNetwork } from '../../vision/onnx/pairs.ts';
import type { PixelCache } from './images.ts';

/** Ordered pairs of images, by their numbers: pair i is (queries[i], explanations[i]). */
export interface Pairs {
  readonly queries: readonly number[];
  readonly explanations: readonly number[];
}

/** Evaluates pairs in batches. */
export interface Evaluation {
  readonly network: Pick<PairNetwork, 'run' | 'preprocess'>;
  readonly images: PixelCache;
  /** Pairs in a batch. */
  readonly size: number;
  /** Called before each batch with the number of pairs done. */
  pause(done: number): void;
}

/** What the network puts out for every pair. While one batch runs, the images of the next are on their way. */
export async function evaluatePairs(
  { queries, explanations }: Pairs,
  { network, images, size, pause }: Evaluation,
): Promise<Float32Array> {
  const values = new Float32Array(queries.length);
  const batch = (from: number) =>
    quiet(
      Promise.all(
        [queries, explanations].map((side) => assemble(side.slice(from, from + size), images, network)),
      ),
    );
  let next = batch(0);
  for (let from = 0; from < queries.length; from += size) {
    pause(from);
    const [a, b] = await next;
    next = batch(from + size);
    await new Promise((resolve) => setImmediate(resolve));
    values.set(await network.run(a!, b!, Math.min(size, queries.length - from)), from);
  }
  await next;
  return values;
}

/** The pixels of some images one after another. */
async function assemble(
  numbers: readonly number[],
  images: PixelCache,
  { preprocess }: Evaluation['network'],
): Promise<Uint8Array> {
  const [height, width] = preprocess.size;
  const length = height * width * 3;
  const all = new Uint8Array(numbers.length * length);
  const each = await Promise.all(numbers.map((image) => images.take(image)));
  each.forEach((pixels, i) => {
    all.set(pixels, i * length);
  });
  return all;
}

/** The same promise; its failure is told to who awaits it, even if that is later or never. */
function quiet<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {});
  return promise;
}
