import { UserError } from '../../common/errors.ts';
import type { Orientation } from '../images/decode.ts';
import { decodeIn } from '../images/decoders.ts';
import { shownPath } from '../images/names.ts';
import type { Shard } from '../images/shard.ts';
import { BatchProbe } from './batch.ts';
import { Feed } from './feed.ts';
import type { Network, Results } from './network.ts';

/** Results of some consecutive images of a shard. */
export interface Forwarded extends Results {
  readonly paths: readonly string[];
}

/**
 * Runs the images of a shard through a network, in order. While one batch runs, the next is being decoded (its bytes
 * were read before), so memory holds two batches whatever the shard's size. Where no size of batches is asked for, the network's
 * first batches show which is fastest. Throws a UserError that names model, layer
 * and image when a result is NaN or infinite.
 */
export async function* forward(
  network: Network,
  shard: Shard,
  options: {
    readonly batch: number | undefined;
    readonly orientation: Orientation;
    /** Threads of their own that decode images; with none, this thread does it between two batches. */
    readonly decoders: number;
  },
): AsyncGenerator<Forwarded, void, undefined> {
  const fixed = network.batch ?? options.batch;
  const probe = fixed === undefined ? network.probe : new BatchProbe([fixed]);
  const feed = new Feed(
    shard,
    network.preprocess,
    options.orientation,
    () => probe.next(),
    decodeIn(options.decoders),
  );
  for (let first = 0; first < shard.rows; ) {
    const pixels = await feed.take();
    const paths = shard.paths.slice(first, first + pixels.count);
    first += pixels.count;
    const started = performance.now();
    const results = await network.run(pixels.data, pixels.count);
    probe.ran(pixels.count, performance.now() - started);
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
