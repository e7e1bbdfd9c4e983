import { float64, readAll, utf8, writeTable } from './arrow.ts';

/**
 * Where the encoded bytes of a shard's images lie, row by row as in the image index: `files` (absolute path of the image
 * or of the tar), `offsets` and `bytes` within the file.
 */
export interface Places {
  readonly rows: number;
  readonly files: readonly string[];
  readonly offsets: Float64Array;
  readonly bytes: Float64Array;
}

const COLUMNS = { file: utf8(), offset: float64(), bytes: float64() };

/** Writes the places of a shard to an Arrow file. */
export function writePlaces(file: string, places: Omit<Places, 'rows'>): void {
  writeTable(file, COLUMNS, { file: places.files, offset: places.offsets, bytes: places.bytes });
}

/** Reads the places of a shard. */
export async function readPlaces(file: string): Promise<Places> {
  const table = await readAll(file);
  return {
    rows: table.rows,
    files: table.strings('file'),
    offsets: table.float64('offset'),
    bytes: table.float64('bytes'),
  };
}
