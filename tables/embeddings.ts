import { floats, newSlab, openArrow, type Slab, utf8, writeArrow } from './arrow.ts';

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
  /** Flat [rows × D]. A view: don't write to it; it holds until its memory is used again. */
  readonly embeddings: Float32Array;
}

/** The embeddings of one encoder on one shard, open for reading. */
export interface EmbeddingFile {
  readonly rows: number;
  /** D, the length of an embedding. */
  readonly dimensions: number;
  /** Bytes and rows of the largest batch. */
  readonly batchBytes: number;
  readonly batchRows: number;
  readonly batchCount: number;
  /** Reads a batch into memory of the slab, where its embeddings are then; with the paths if they are wanted. */
  part(index: number, slab: Slab, paths: boolean): Promise<EmbeddingBatch>;
  /** Batch after batch, with the paths. */
  batches(): AsyncGenerator<EmbeddingBatch, void, undefined>;
  close(): Promise<void>;
}

/** Opens an embedding file; batches are read one at a time. Throws a UserError when it is damaged. */
export async function openEmbeddings(path: string): Promise<EmbeddingFile> {
  const file = await openArrow(path);
  const { starts } = file;
  const part = async (index: number, slab: Slab, paths: boolean) => {
    const columns = paths ? ['path', 'embedding'] : ['embedding'];
    const read = await file.readPart(index, columns, slab);
    const [start, end] = [starts[index]!, starts[index + 1]!];
    return {
      start,
      rows: end - start,
      paths: paths ? read.strings('path') : [],
      embeddings: read.floats('embedding').values,
    };
  };
  const batchCount = starts.length - 1;
  return {
    rows: file.rows,
    dimensions: file.width('embedding') ?? 0,
    batchBytes: file.batchBytes,
    batchRows: starts.reduce((most, start, i) => Math.max(most, start - (starts[i - 1] ?? 0)), 0),
    batchCount,
    part,
    async *batches() {
      const slab = newSlab();
      for (let i = 0; i < batchCount; i++) yield await part(i, slab, true);
    },
    close: file.close,
  };
}
