import * as zlib from 'node:zlib';
import type { ColumnMetaData, Compressors, PageHeader } from 'hyparquet';
import { parquetHeader } from 'hyparquet/src/column.js';
import { DEFAULT_PARSERS } from 'hyparquet/src/convert.js';
import { decompressPage, readDataPage, readDataPageV2 } from 'hyparquet/src/datapage.js';
import { readPlain } from 'hyparquet/src/plain.js';
import { getMaxDefinitionLevel } from 'hyparquet/src/schema.js';
import { UserError } from '../../../common/errors.ts';
import { shownPath } from '../names.ts';
import { damaged, type Leaf, type ParquetFile } from './file.ts';

/** Part of a column that belongs to one row group. */
export interface Chunk {
  readonly leaf: Leaf;
  readonly meta: ColumnMetaData;
  /** Where its first page begins and its last one ends. */
  readonly start: number;
  readonly end: number;
  /** Number of the group's first row in the file, and how many rows the group has. */
  readonly firstRow: number;
  readonly rows: number;
}

/** A page of values: where its header lies, and how many values (rows) it holds. */
export interface Page {
  readonly offset: number;
  readonly values: number;
}

/** Pages larger than this, unpacked, are refused: they are held in memory whole. */
const LARGEST_PAGE = 2 ** 30;

/** The chunks of a column, group by group. Throws a UserError when the footer gives places outside the file. */
export function chunksOf(file: ParquetFile, leaf: Leaf): Chunk[] {
  const name = leaf.path.join('.');
  let firstRow = 0;
  return file.metadata.row_groups.map((group) => {
    const meta = group.columns.find(
      (column) => column.meta_data?.path_in_schema.join('.') === name,
    )?.meta_data;
    if (!meta) throw damaged(file.path, `a row group lacks the column ${name}`);
    const rows = Number(group.num_rows);
    const data = Number(meta.data_page_offset);
    // Some writers say 0 where there is no dictionary.
    const dictionary = Number(meta.dictionary_page_offset ?? 0);
    const start = dictionary > 0 && dictionary < data ? dictionary : data;
    const end = start + Number(meta.total_compressed_size);
    if (!(start >= 4 && end <= file.size && rows >= 0)) {
      throw damaged(file.path, `the column ${name} should lie at ${start} to ${end} of ${file.size} bytes`);
    }
    const chunk = { leaf, meta, start, end, firstRow, rows };
    firstRow += rows;
    return chunk;
  });
}

/** The pages of a chunk in order; only their headers are read. */
export async function* pagesOf(file: ParquetFile, chunk: Chunk): AsyncGenerator<Page, void, undefined> {
  let at = chunk.start;
  let left = chunk.rows;
  while (left > 0) {
    if (at >= chunk.end) throw damaged(file.path, `${left} rows of the group at ${chunk.start} are missing`);
    const { header, dataOffset } = await headerAt(file, at, chunk.end);
    const values = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values;
    if (header.type === 'DATA_PAGE' || header.type === 'DATA_PAGE_V2') {
      if (!(values! > 0 && values! <= left)) throw damaged(file.path, `the page at ${at} is too long`);
      yield { offset: at, values: values! };
      left -= values!;
    }
    at = dataOffset + header.compressed_page_size;
  }
}

/** The values of a page, null where a row has none. Byte arrays are views into the unpacked page. */
export async function valuesOf(
  file: ParquetFile,
  chunk: Chunk,
  offset: number,
  dictionary: () => Promise<readonly unknown[]>,
): Promise<readonly unknown[]> {
  const { header, dataOffset } = await headerAt(file, offset, chunk.end);
  const packed = await file.read(dataOffset, header.compressed_page_size);
  const { codec } = chunk.meta;
  const { schemaPath } = chunk.leaf;
  const element = schemaPath.at(-1)!.element;
  const encoding = (header.data_page_header ?? header.data_page_header_v2)?.encoding ?? '';
  const count = header.data_page_header?.num_values ?? header.data_page_header_v2?.num_values ?? 0;
  if (!(count >= 0 && count <= chunk.rows)) throw damaged(file.path, `the page at ${offset} is too long`);
  const looked = encoding.endsWith('_DICTIONARY') ? await dictionary() : undefined;
  return understood(file, chunk, offset, () => {
    const column = {
      pathInSchema: [...chunk.leaf.path],
      type: element.type!,
      element,
      schemaPath: [...schemaPath],
      codec,
      compressors,
      parsers: DEFAULT_PARSERS,
    };
    const { definitionLevels, dataPage } = header.data_page_header
      ? readDataPage(
          decompressPage(packed, header.uncompressed_page_size, codec, compressors),
          header.data_page_header,
          column,
        )
      : readDataPageV2(packed, header, column);
    const full = getMaxDefinitionLevel([...schemaPath]);
    const found = new Array<unknown>(count);
    for (let i = 0, next = 0; i < count; i++) {
      if (definitionLevels?.length && definitionLevels[i] !== full) found[i] = null;
      else {
        const value = dataPage[next++];
        found[i] = looked ? looked[Number(value)] : value;
        if (found[i] === undefined) throw new Error(`value ${i} is missing`);
      }
    }
    return found;
  });
}

/** The dictionary that pages of a chunk refer to; empty when it has none. */
export async function dictionaryOf(file: ParquetFile, chunk: Chunk): Promise<readonly unknown[]> {
  const { header, dataOffset } = await headerAt(file, chunk.start, chunk.end);
  if (header.type !== 'DICTIONARY_PAGE' || !header.dictionary_page_header) return [];
  const { num_values: count } = header.dictionary_page_header;
  const packed = await file.read(dataOffset, header.compressed_page_size);
  return understood(file, chunk, chunk.start, () => {
    const page = decompressPage(packed, header.uncompressed_page_size, chunk.meta.codec, compressors);
    if (count > page.length) throw new Error('more values than bytes');
    const element = chunk.leaf.schemaPath.at(-1)!.element;
    const view = new DataView(page.buffer, page.byteOffset, page.byteLength);
    return Array.from(readPlain({ view, offset: 0 }, element.type!, count, element.type_length));
  });
}

/** Runs a decoder of one page; what it throws becomes a UserError that names the file, the column and the place. */
function understood<T>(file: ParquetFile, { meta, leaf }: Chunk, offset: number, decode: () => T): T {
  const known = meta.codec === 'UNCOMPRESSED' || meta.codec === 'SNAPPY' || compressors[meta.codec];
  if (!known) {
    const newer = meta.codec === 'ZSTD' ? ', or run with Node ≥ 22.15, which can' : '';
    throw new UserError(
      `The Parquet file ${shownPath(file.path)} is compressed with ${meta.codec}, which can't be read here. Write it anew with snappy (Hugging Face's own choice) or uncompressed${newer}.`,
    );
  }
  try {
    return decode();
  } catch {
    throw damaged(file.path, `the page at ${offset} of the column ${leaf.path.join('.')} can't be unpacked`);
  }
}

/** Codecs beside snappy, which hyparquet has itself. */
const compressors: Compressors = {
  GZIP: (packed) => new Uint8Array(zlib.gunzipSync(packed, { maxOutputLength: LARGEST_PAGE })),
  BROTLI: (packed) => new Uint8Array(zlib.brotliDecompressSync(packed, { maxOutputLength: LARGEST_PAGE })),
};
const zstd = (zlib as { zstdDecompressSync?: typeof zlib.gunzipSync }).zstdDecompressSync;
if (zstd) compressors.ZSTD = (packed) => new Uint8Array(zstd(packed, { maxOutputLength: LARGEST_PAGE }));

/** Headers hold statistics, which may be as long as a value: the window grows until the header fits. */
const WINDOWS = [256, 8 * 1024, 1 << 20, 1 << 26];

/** The header of the page at a place, and where its data begins. */
async function headerAt(
  file: ParquetFile,
  offset: number,
  end: number,
): Promise<{ header: PageHeader; dataOffset: number }> {
  for (const window of WINDOWS) {
    const length = Math.min(window, end - offset);
    const bytes = await file.read(offset, length);
    const reader = { view: new DataView(bytes.buffer), offset: 0 };
    let header: PageHeader;
    try {
      header = parquetHeader(reader);
    } catch {
      if (length < window) break;
      continue;
    }
    const dataOffset = offset + reader.offset;
    const { compressed_page_size: packed, uncompressed_page_size: size } = header;
    if (!(packed >= 0 && dataOffset + packed <= end && size >= 0)) break;
    if (size > LARGEST_PAGE) {
      throw new UserError(
        `The Parquet file ${shownPath(file.path)} has a page of ${size} bytes at ${offset}; more than ${LARGEST_PAGE} are not read. Write it anew with smaller row groups.`,
      );
    }
    return { header, dataOffset };
  }
  throw damaged(file.path, `there is no page at ${offset}`);
}
