import { UserError } from '../../common/errors.ts';
import { type EmbeddingFile, openEmbeddings } from '../../tables/embeddings.ts';
import { checkPaths } from '../../tables/shards.ts';
import type { Similarity } from './similarity.ts';

/** The embeddings of one encoder on all shards, open for reading. */
export interface AllEmbeddings {
  /** D, the length of an embedding. */
  readonly dimensions: number;
  /** Runs over all images, in the order of the files; one pass over them. The embedding is a view: don't keep it. */
  each(
    visit: (image: number, embedding: Float32Array, path: string) => void,
    pause: () => void,
  ): Promise<void>;
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
  const shards: EmbeddingFile[] = [];
  for (const file of files) shards.push(await openEmbeddings(file));
  const dimensions = shards[0]?.dimensions ?? 0;
  shards.forEach((shard, s) => {
    if (shard.dimensions !== dimensions) throw new Error(`${files[s]} holds embeddings of another length`);
    if (shard.rows !== paths[s]!.length)
      throw new Error(`${files[s]} has ${shard.rows} images, not ${paths[s]!.length}`);
  });
  let checked = false;
  return {
    dimensions,
    async each(visit, pause) {
      for (const [s, shard] of shards.entries()) {
        for await (const batch of shard.batches(!checked)) {
          pause();
          if (!checked) checkPaths(files[s]!, batch.start, batch.paths, paths[s]!);
          for (let i = 0; i < batch.rows; i++) {
            const row = batch.start + i;
            const embedding = batch.embeddings.subarray(i * dimensions, (i + 1) * dimensions);
            visit(numbers[s]![row]!, embedding, paths[s]![row]!);
          }
        }
      }
      checked = true;
    },
    async close() {
      for (const shard of shards) await shard.close();
    },
  };
}

/** ‖e‖² in float64. Throws a UserError that names the image when e can't be compared with others. */
export function squareOf(kind: Similarity, embedding: Float32Array, path: string): number {
  let square = 0;
  for (let d = 0; d < embedding.length; d++) square += embedding[d]! * embedding[d]!;
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
  return square;
}
