import { damaged, leafAt, openParquet, type ParquetFile } from './file.ts';
import { type Chunk, chunksOf, dictionaryOf, valuesOf } from './pages.ts';

/** Reads byte arrays of Parquet files at random. */
export interface ParquetReader {
  /**
   * Value `index` of the page whose header lies at `offset` of a file, copied; undefined where the row has none. May be
   * called while other reads are under way. Throws a UserError when the file isn't what it was.
   */
  read(file: string, offset: number, index: number): Promise<Buffer | undefined>;
  close(): Promise<void>;
}

/** Unpacked pages that are kept, at most, and their bytes; one is kept whatever its size. */
const PAGES = 32;
const PAGE_BYTES = 128 * 2 ** 20;
const FILES = 4;

/**
 * A reader that keeps the pages, dictionaries and footers that were asked for last, so that rows in order cost one reading
 * of each page. Memory: 128 MB of pages, or one page where it is larger, and four footers.
 */
export function parquetReader(): ParquetReader {
  const files = new Map<string, Promise<Opened>>();
  const pages = new Map<string, { values: Promise<readonly unknown[]>; bytes: number }>();

  const opened = (path: string): Promise<Opened> => {
    const known = files.get(path);
    if (known) {
      files.delete(path);
      files.set(path, known);
      return known;
    }
    const fresh = openChunks(path);
    fresh.catch(() => files.delete(path));
    files.set(path, fresh);
    if (files.size > FILES) {
      const [oldest, chunks] = files.entries().next().value!;
      files.delete(oldest);
      // Reads that are under way have their file: it is closed when they are done.
      void chunks.then(({ release }) => release()).catch(() => {});
    }
    return fresh;
  };

  /** A page's values, from those kept or read now. */
  const kept = (key: string, load: () => Promise<readonly unknown[]>): Promise<readonly unknown[]> => {
    const known = pages.get(key);
    if (known) {
      pages.delete(key);
      pages.set(key, known);
      return known.values;
    }
    const page = { values: load(), bytes: 0 };
    pages.set(key, page);
    page.values.then(
      (values) => {
        page.bytes = bytesOf(values);
        let total = [...pages.values()].reduce((sum, each) => sum + each.bytes, 0);
        for (const [name, { bytes }] of pages) {
          if (pages.size === 1 || (total <= PAGE_BYTES && pages.size <= PAGES)) break;
          pages.delete(name);
          total -= bytes;
        }
      },
      () => pages.delete(key),
    );
    return page.values;
  };

  return {
    async read(path, offset, index) {
      const { file, chunks, use } = await opened(path);
      return use(async () => {
        const chunk = chunkAt(chunks, offset);
        if (!chunk) throw damaged(path, `there is no page of bytes at ${offset}`);
        const dictionary = () => kept(`${path}\0${chunk.start}`, () => dictionaryOf(file, chunk));
        const values = await kept(`${path}\0${offset}`, () => valuesOf(file, chunk, offset, dictionary));
        const value = values[index];
        if (value === undefined) throw damaged(path, `the page at ${offset} has no value ${index}`);
        return value === null ? undefined : Buffer.from(value as Uint8Array);
      });
    },
    async close() {
      for (const chunks of files.values()) await chunks.then(({ release }) => release()).catch(() => {});
      files.clear();
      pages.clear();
    },
  };
}

interface Opened {
  readonly file: ParquetFile;
  /** All chunks of columns of byte arrays, sorted by their place. */
  readonly chunks: readonly Chunk[];
  /** Keeps the file open while some work is under way. */
  use<T>(work: () => Promise<T>): Promise<T>;
  /** Closes the file once nothing uses it. */
  release(): Promise<void>;
}

async function openChunks(path: string): Promise<Opened> {
  const file = await openParquet(path);
  let users = 0;
  let released = false;
  const columns = file.metadata.row_groups[0]?.columns ?? [];
  const leaves = columns.flatMap(({ meta_data: meta }) => {
    const leaf = meta?.type === 'BYTE_ARRAY' ? leafAt(file, meta.path_in_schema) : undefined;
    return leaf ? [leaf] : [];
  });
  return {
    file,
    chunks: leaves.flatMap((leaf) => chunksOf(file, leaf)).sort((a, b) => a.start - b.start),
    async use(work) {
      users++;
      try {
        return await work();
      } finally {
        if (--users === 0 && released) await file.close();
      }
    },
    async release() {
      released = true;
      if (users === 0) await file.close();
    },
  };
}

/** The chunk that a place lies in. */
function chunkAt(chunks: readonly Chunk[], offset: number): Chunk | undefined {
  let [low, high] = [0, chunks.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (chunks[middle]!.end <= offset) low = middle + 1;
    else high = middle;
  }
  const chunk = chunks[low];
  return chunk && chunk.start <= offset ? chunk : undefined;
}

function bytesOf(values: readonly unknown[]): number {
  const buffers = new Set<ArrayBufferLike>();
  for (const value of values) if (value instanceof Uint8Array) buffers.add(value.buffer);
  return [...buffers].reduce((sum, buffer) => sum + buffer.byteLength, 0);
}
