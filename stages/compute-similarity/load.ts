import { UserError } from '../../common/errors.ts';
import { readTogether, several } from '../../common/read-ahead.ts';
import type { Slab } from '../../tables/arrow.ts';
import { type EmbeddingBatch, type EmbeddingFile, openEmbeddings } from '../../tables/embeddings.ts';
import { checkPaths } from '../../tables/shards.ts';
import type { Similarity } from './similarity.ts';

/** Embeddings of some images. */
export interface Batch {
  /** Numbers of the images. */
  readonly images: Int32Array;
  /** Flat [images × D], in memory of a slab. */
  readonly values: Float32Array;
  /** Path of the i-th image. */
  path(i: number): string;
}

/** The embeddings of one encoder on all shards, open for reading. */
export interface AllEmbeddings {
  /** D, the length of an embedding. */
  readonly dimensions: number;
  /** Of the largest batch: images, and bytes in the file. */
  readonly batch: { readonly rows: number; readonly bytes: number };
  /** All images, in the order of the files, one pass over them; the next batch is read while one is worked on. */
  batches(slabs: readonly Slab[]): AsyncGenerator<Batch, void, undefined>;
  close(): Promise<void>;
}

/**
 * Opens the embedding files of all shards: `files[s]` is that of the shard whose image paths are `paths[s]` and whose
 * image numbers are `numbers[s]`.
 */
export async function openAll(
  files: readonly string[],
  paths: readonly (readonly string[])[],
  numbers: readonly Int32Array[],
): Promise<AllEmbeddings> {
  const shards = await several(files, openEmbeddings, (shard) => shard.close());
  const dimensions = shards[0]?.dimensions ?? 0;
  shards.forEach((shard, s) => {
    if (shard.dimensions !== dimensions) throw new Error(`${files[s]} holds embeddings of another length`);
    if (shard.rows !== paths[s]!.length)
      throw new Error(`${files[s]} has ${shard.rows} images, not ${paths[s]!.length}`);
  });
  const most = (of: (shard: EmbeddingFile) => number) =>
    shards.reduce((found, shard) => Math.max(found, of(shard)), 0);
  let checked = false;
  return {
    dimensions,
    batch: { rows: most(({ batchRows }) => batchRows), bytes: most(({ batchBytes }) => batchBytes) },
    async *batches(slabs) {
      for await (const { s, batch } of readTogether(everything(shards, slabs, !checked), 1)) {
        const { start, rows, embeddings: values } = batch;
        if (!checked) checkPaths(files[s]!, start, batch.paths, paths[s]!);
        const images = numbers[s]!.subarray(start, start + rows);
        yield { images, values, path: (i) => paths[s]![start + i]! };
      }
      checked = true;
    },
    async close() {
      await Promise.all(shards.map((shard) => shard.close()));
    },
  };
}

function* everything(
  shards: readonly EmbeddingFile[],
  slabs: readonly Slab[],
  paths: boolean,
): Generator<Promise<{ readonly s: number; readonly batch: EmbeddingBatch }>, void, undefined> {
  let turn = 0;
  for (const [s, shard] of shards.entries()) {
    for (let i = 0; i < shard.batchCount; i++) {
      const slab = slabs[turn++ % slabs.length]!;
      yield shard.part(i, slab, paths).then((batch) => ({ s, batch }));
    }
  }
}

/** Throws a UserError that names the image when its embedding, of the given ‖e‖², can't be compared with others. */
export function checkSquare(kind: Similarity, square: number, path: string): void {
  if (!Number.isFinite(square)) {
    throw new UserError(
      `The encoder's embedding of the image ${path} holds a value that is not finite. ` +
        'Check the encoder and its preprocessing, or leave the image out.',
    );
  }
  if (kind === 'cosine' && square === 0) {
    throw new UserError(
      `The encoder's embedding of the image ${path} is zero throughout, so it has no cosine with any other. ` +
        'Check the encoder and its preprocessing, leave the image out, or take similarity: squared-euclidean.',
    );
  }
}
