import { float64, int32, readAll, utf8, writeTable } from './arrow.ts';
import type { Texts } from './texts.ts';

/**
 * Where the encoded bytes of a shard's images lie, row by row as in the image index: `files` (absolute path of the image,
 * or of the tar or Parquet file), `offsets` and `bytes` within the file. `values`: −1 where the bytes lie there as they
 * are; in a Parquet file, whose pages are packed, the number of the value within the page whose header lies at the offset.
 */
export interface Places {
  readonly rows: number;
  readonly files: Texts;
  readonly offsets: Float64Array;
  readonly bytes: Float64Array;
  readonly values: Int32Array;
}

const COLUMNS = { file: utf8(), offset: float64(), bytes: float64(), value: int32() };

/** Writes the places of a shard to an Arrow file. */
export function writePlaces(file: string, places: Omit<Places, 'rows'>): void {
  writeTable(file, COLUMNS, {
    file: places.files,
    offset: places.offsets,
    bytes: places.bytes,
    value: places.values,
  });
}

/** Reads the places of a shard. */
export async function readPlaces(file: string): Promise<Places> {
  const table = await readAll(file);
  return {
    rows: table.rows,
    files: table.texts('file'),
    offsets: table.float64('offset'),
    bytes: table.float64('bytes'),
    values: table.int32('value'),
  };
}
