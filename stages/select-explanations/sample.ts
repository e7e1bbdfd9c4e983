import type { ExtremesFile } from '../../tables/activation-extremes.ts';
import type { ActivationFile } from '../../tables/activations.ts';
import type { ImageNumbers } from '../../tables/images.ts';
import { type Part, type Taker, takeBatch } from './take.ts';

/** Some of the images, by their numbers, and a pass over them alone, in this order. */
export interface Sample {
  readonly images: Int32Array;
  pass(from: number, to: number, take: Taker): Promise<void>;
}

const range = (length: number): number[] => Array.from({ length }, (_, i) => i);

/**
 * Whole batches: multiples of the golden ratio, modulo 1, fall evenly below any bound [Knuth, TAOCP 3, 6.4], whatever the
 * number of batches in a shard.
 */
export function sampleOf(
  shards: readonly (ActivationFile | ExtremesFile)[],
  share: number,
  { numbers }: ImageNumbers,
  parts: (from: number, to: number) => readonly Part[],
): Sample {
  let passed = 0;
  const chosen = shards.flatMap((shard, s) =>
    shard.form === 'full'
      ? [{ shard, s, batches: range(shard.batchCount).filter(() => (passed++ * GOLDEN) % 1 < share) }]
      : [],
  );
  if (chosen.length < shards.length) return { images: new Int32Array(0), pass: async () => {} };
  return {
    images: joined(
      chosen.flatMap(({ shard: { starts }, s, batches }) =>
        batches.map((batch) => numbers[s]!.subarray(starts[batch], starts[batch + 1])),
      ),
    ),
    async pass(from, to, take) {
      const slab = take.slabs[0]!;
      const own = parts(from, to);
      const layers = own.map(({ index }) => index);
      for (const { shard, s, batches } of chosen)
        for (const batch of batches)
          await takeBatch(await shard.part(batch, layers, slab, false), own, numbers[s]!, take);
      await take.end();
    },
  };
}

const GOLDEN = (Math.sqrt(5) - 1) / 2;

function joined(parts: readonly Int32Array[]): Int32Array {
  const all = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
