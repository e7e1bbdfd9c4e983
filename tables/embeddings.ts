import { floats, newSlab, openArrow, utf8, writeArrow } from './arrow.ts';

const BATCH_BYTES = 4 * 2 ** 20;

export interface EmbeddingWriter {
  /** Appends images: their paths and embeddings, flat [images × D] (copied). */
  write(paths: readonly string[], embeddings: Float32Array): void;
  close(): void;
  abort(): void;
}

/** Starts an embedding file: `path`, `embedding` as a fixed-size list of `dimensions` float32. */
export function writeEmbeddings(path: string, dimensions: number): EmbeddingWriter {
  const writer = writeArrow(path, { path: utf8(), embedding: floats(dimensions) });
  const rows = Math.max(1, Math.min(4096, Math.floor(BATCH_BYTES / (4 * dimensions))));
  const block = new Float32Array(rows * dimensions);
  const names: string[] = [];
  const flush = () => {
    if (names.length === 0) return;
    writer.write({ path: names, embedding: block.subarray(0, names.length * dimensions) });
    names.length = 0;
  };
  return {
    write(paths, embeddings) {
      paths.forEach((name, i) => {
        block.set(embeddings.subarray(i * dimensions, (i + 1) * dimensions), names.length * dimensions);
        names.push(name);
        if (names.length === rows) flush();
      });
    },
    close() {
      flush();
      writer.close();
    },
    abort: writer.abort,
  };
}

/** Embeddings of some consecutive images of a shard. */
export interface EmbeddingBatch {
  /** Row of the first image in the shard. */
  readonly start: number;
  readonly rows: number;
  /** Empty unless asked for. */
  readonly paths: readonly string[];
  /** Flat [rows × D]. A view: don't write to it; it holds until the next batch is asked for. */
  readonly embeddings: Float32Array;
}

/** The embeddings of one encoder on one shard, open for reading. */
export interface EmbeddingFile {
  readonly rows: number;
  /** D, the length of an embedding. */
  readonly dimensions: number;
  /** With the paths, unless `paths` is false. */
  batches(paths?: boolean): AsyncGenerator<EmbeddingBatch, void, undefined>;
  close(): Promise<void>;
}

/** Opens an embedding file; batches are read one at a time. Throws a UserError when it is damaged. */
export async function openEmbeddings(path: string): Promise<EmbeddingFile> {
  const file = await openArrow(path);
  return {
    rows: file.rows,
    dimensions: file.width('embedding') ?? 0,
    async *batches(paths = true) {
      const slab = newSlab();
      const columns = paths ? ['path', 'embedding'] : ['embedding'];
      for (let i = 0; i < file.starts.length - 1; i++) {
        const part = await file.readPart(i, columns, slab);
        const [start, end] = [file.starts[i]!, file.starts[i + 1]!];
        yield {
          start,
          rows: end - start,
          paths: paths ? part.strings('path') : [],
          embeddings: part.floats('embedding').values,
        };
      }
    },
    close: file.close,
  };
}
