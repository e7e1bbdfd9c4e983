import { UserError } from '../common/errors.ts';
import { type Columns, dictionary, int32, ints, openArrow, type Rows, writeArrow } from './arrow.ts';

/** Images that each unit responds to most and least, a row a unit that isn't constant. Images are numbers. */
export interface ExtremeRows {
  readonly layer: readonly string[];
  readonly unit: Int32Array;
  /** `width` images a row, flat, the most extreme first; equal activations in the order of the images. */
  readonly most: Int32Array;
  readonly least: Int32Array;
}

/** Images a side that are kept, or all that the tasks look at where these are fewer. */
export const EXTREMES = 9;

function columns(width: number): Columns {
  return { layer: dictionary(), unit: int32(), most: ints(width), least: ints(width) };
}

/** Starts the table of extremes of one model, with `width` images a side. */
export function writeExtremes(path: string, width: number) {
  return writeArrow(path, columns(width));
}

/** A table of extremes, open for reading. */
export interface ExtremeTable {
  readonly width: number;
  batches(): AsyncGenerator<ExtremeRows, void, undefined>;
  close(): Promise<void>;
}

export async function openExtremes(path: string): Promise<ExtremeTable> {
  const file = await openArrow(path);
  const [width, other] = [file.width('most'), file.width('least')];
  if (width === undefined || width !== other) {
    await file.close();
    throw new UserError(`The Arrow table ${path} is damaged: its lists of images aren't equally long.`);
  }
  return {
    width,
    async *batches() {
      for await (const rows of file.batches()) yield extremeRowsOf(rows);
    },
    close: () => file.close(),
  };
}

function extremeRowsOf(rows: Rows): ExtremeRows {
  return {
    layer: rows.strings('layer'),
    unit: rows.int32('unit'),
    most: rows.ints('most').values,
    least: rows.ints('least').values,
  };
}
