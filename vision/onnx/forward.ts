import { UserError } from '../../common/errors.ts';
import type { Orientation } from '../images/decode.ts';
import { shownPath } from '../images/names.ts';
import type { Shard } from '../images/shard.ts';
import { Feed } from './feed.ts';
import type { Network, Results } from './network.ts';

/** Results of some consecutive images of a shard. */
export interface Forwarded extends Results {
  readonly paths: readonly string[];
}

/**
 * Images in a batch where nothing is said: as many as hold the pixels of 4 images of 224 × 224, at most 32. On a CPU
 * larger batches are no faster (ResNet-50: 46 ms an image in batches of 4 and of 8) and take more memory.
 */
export function batchSize(network: Pick<Network, 'preprocess' | 'batch'>, asked: number | undefined): number {
  const [height, width] = network.preprocess.size;
  const fitting = Math.floor((4 * 224 * 224) / (height * width));
  return network.batch ?? asked ?? Math.max(1, Math.min(32, fitting));
}

/**
 * Runs the images of a shard through a network, in order. While one batch runs, the next is being decoded (its bytes
 * were read before), so memory holds two batches whatever the shard's size. Throws a UserError that names model, layer
 * and image when a result is NaN or infinite.
 */
export async function* forward(
  network: Network,
  shard: Shard,
  options: { readonly batch: number | undefined; readonly orientation: Orientation },
): AsyncGenerator<Forwarded, void, undefined> {
  const size = batchSize(network, options.batch);
  const feed = new Feed(shard, network.preprocess, options.orientation, size);
  for (let first = 0; first < shard.rows; first += size) {
    const paths = shard.paths.slice(first, first + size);
    const pixels = await feed.take();
    const results = await network.run(pixels, paths.length);
    checkFinite(network, paths, results);
    yield { paths, ...results };
  }
}

function checkFinite(network: Network, paths: readonly string[], { activations, output }: Results): void {
  activations.forEach((values, i) => {
    const layer = network.layers[i]!;
    check(network.file, `layer "${layer.name}"`, layer.units, values, paths);
  });
  const kept = network.output;
  if (output && kept) check(network.file, `output "${kept.name}"`, kept.length, output, paths);
}

function check(
  file: string,
  what: string,
  width: number,
  values: Float32Array,
  paths: readonly string[],
): void {
  for (let i = 0; i < values.length; i++) {
    if (Number.isFinite(values[i])) continue;
    throw new UserError(
      `The model ${file} puts out ${values[i]} in its ${what} (unit ${i % width}) for the image ${shownPath(paths[Math.floor(i / width)]!)}. Check the preprocessing (mean, std, range) and the model; float16 models can overflow.`,
    );
  }
}
