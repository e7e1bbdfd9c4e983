import { bool, type Columns, dictionary, float64, int32, type Rows, readAll, writeTable } from './arrow.ts';

/**
 * The units of one model in model order (layers in execution order, units by number), a row each. Keys are the names of
 * the columns.
 */
export interface UnitStats {
  readonly count: number;
  readonly layer: string[];
  /** Kind of the layer: `conv`, `linear`, `batch-norm` …, `direction` for directions in a layer's space. */
  readonly layer_type: string[];
  /** The layer's index among the model's scored layers, in execution order; of directions, that of the layer they read. */
  readonly depth: Int32Array;
  /** That index over the number of scored layers − 1; 0 for a single layer. */
  readonly relative_depth: Float64Array;
  /** Units of the layer, and over those of the model's widest one (above 1 where directions outnumber these). */
  readonly width: Int32Array;
  readonly relative_width: Float64Array;
  readonly unit: Int32Array;
  /** True when the activation is the same on all images (max − min < 1e-8): no tasks and no score. */
  readonly constant: boolean[];
  /** Over all images; the standard deviation divides by their number. */
  readonly activation_min: Float64Array;
  readonly activation_max: Float64Array;
  readonly activation_mean: Float64Array;
  readonly activation_sd: Float64Array;
}

/** Columns of `unit-stats`, and the first ones of `units`. */
export const UNIT_COLUMNS: Columns = {
  layer: dictionary(),
  layer_type: dictionary(),
  depth: int32(),
  relative_depth: float64(),
  width: int32(),
  relative_width: float64(),
  unit: int32(),
  constant: bool(),
};

/** The columns that tell how the units' activations spread. */
export const ACTIVATION_COLUMNS: Columns = {
  activation_min: float64(),
  activation_max: float64(),
  activation_mean: float64(),
  activation_sd: float64(),
};

export function writeUnitStats(path: string, units: UnitStats): void {
  const { count: _, ...columns } = units;
  writeTable(path, { ...UNIT_COLUMNS, ...ACTIVATION_COLUMNS }, columns);
}

export async function readUnitStats(path: string): Promise<UnitStats> {
  return unitStatsOf(await readAll(path));
}

/** Some of the units, by their rows. */
export function pickUnits(units: UnitStats, rows: readonly number[] | Int32Array): UnitStats {
  const all = Array.from(rows);
  const pick = <T>(values: ArrayLike<T>) => all.map((row) => values[row]!);
  return {
    count: all.length,
    layer: pick(units.layer),
    layer_type: pick(units.layer_type),
    depth: Int32Array.from(pick(units.depth)),
    relative_depth: Float64Array.from(pick(units.relative_depth)),
    width: Int32Array.from(pick(units.width)),
    relative_width: Float64Array.from(pick(units.relative_width)),
    unit: Int32Array.from(pick(units.unit)),
    constant: pick(units.constant),
    activation_min: Float64Array.from(pick(units.activation_min)),
    activation_max: Float64Array.from(pick(units.activation_max)),
    activation_mean: Float64Array.from(pick(units.activation_mean)),
    activation_sd: Float64Array.from(pick(units.activation_sd)),
  };
}

/** The columns of `UnitStats` out of a table that holds them. */
export function unitStatsOf(rows: Rows): UnitStats {
  return {
    count: rows.rows,
    layer: rows.strings('layer'),
    layer_type: rows.strings('layer_type'),
    depth: rows.int32('depth'),
    relative_depth: rows.float64('relative_depth'),
    width: rows.int32('width'),
    relative_width: rows.float64('relative_width'),
    unit: rows.int32('unit'),
    constant: rows.booleans('constant'),
    activation_min: rows.float64('activation_min'),
    activation_max: rows.float64('activation_max'),
    activation_mean: rows.float64('activation_mean'),
    activation_sd: rows.float64('activation_sd'),
  };
}
