import {
  type ArrowWriter,
  type Coded,
  type Columns,
  dictionary,
  float64,
  int32,
  openArrow,
  type Part,
  writeArrow,
} from './arrow.ts';

/**
 * What the encoder makes of the tasks, a row a (unit, task), in the order of the explanations. `s_plus_minus` is the mean
 * similarity of the positive query to the negative references, and so on. Keys are the names of the columns.
 */
export interface Similarities {
  readonly s_plus_plus: Float64Array;
  readonly s_plus_minus: Float64Array;
  readonly s_minus_plus: Float64Array;
  readonly s_minus_minus: Float64Array;
  /** x = (s_plus_plus − s_plus_minus) − (s_minus_plus − s_minus_minus). */
  readonly margin: Float64Array;
}

export interface MarginRows extends Similarities {
  readonly layer: readonly string[];
  readonly unit: Int32Array;
  readonly task: Int32Array;
}

export const SIMILARITY_COLUMNS: Columns = {
  s_plus_plus: float64(),
  s_plus_minus: float64(),
  s_minus_plus: float64(),
  s_minus_minus: float64(),
  margin: float64(),
};

const MARGIN_COLUMNS: Columns = {
  layer: dictionary(),
  unit: int32(),
  task: int32(),
  ...SIMILARITY_COLUMNS,
};

/**
 * Starts the table of margins of one model under one encoder. `sample` is the number of units where only some of them
 * were compared; the table then tells of their tasks alone, in the same order.
 */
export function writeMargins(path: string, sample?: number): ArrowWriter {
  return writeArrow(path, MARGIN_COLUMNS, sample === undefined ? {} : { sample: `${sample}` });
}

/** A table of margins, open for reading. */
export interface MarginTable {
  readonly rows: number;
  /** Number of units where they are a sample of the model's; undefined where all that aren't constant are here. */
  readonly sample: number | undefined;
  /** A batch holds until the next one is asked for; its `layer` is made when it is asked for first. */
  batches(): AsyncGenerator<MarginRows & { readonly layers?: Coded }, void, undefined>;
  close(): Promise<void>;
}

export async function openMargins(path: string): Promise<MarginTable> {
  const file = await openArrow(path);
  return {
    rows: file.rows,
    sample: file.metadata.sample === undefined ? undefined : Number(file.metadata.sample),
    async *batches() {
      for await (const rows of file.parts(Object.keys(MARGIN_COLUMNS))) {
        let layer: readonly string[] | undefined;
        yield {
          get layer() {
            layer ??= rows.strings('layer');
            return layer;
          },
          layers: rows.coded('layer'),
          unit: rows.int32('unit'),
          task: rows.int32('task'),
          ...similaritiesOf(rows),
        };
      }
    },
    close: () => file.close(),
  };
}

/** The columns of `Similarities` out of a table that holds them. */
export function similaritiesOf(rows: Part): Similarities {
  return {
    s_plus_plus: rows.float64('s_plus_plus'),
    s_plus_minus: rows.float64('s_plus_minus'),
    s_minus_plus: rows.float64('s_minus_plus'),
    s_minus_minus: rows.float64('s_minus_minus'),
    margin: rows.float64('margin'),
  };
}
