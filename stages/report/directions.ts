import type { LayerRow } from '../../tables/report-tables.ts';
import type { UnitScores } from '../../tables/scores.ts';

/** Type of layers whose members are no units but directions in the space of a layer: latents of a sparse autoencoder. */
const DIRECTION = 'direction';

/** Whether a row of a table of units, or of layers, tells of directions. */
export function isDirection({ layer_type }: Pick<LayerRow, 'layer_type'>): boolean {
  return layer_type === DIRECTION;
}

/** The scores of the units alone, or of the directions alone: null for the others, so that rows keep their places. */
export function scoresOf(
  { mis, layer_type }: Pick<UnitScores, 'mis' | 'layer_type'>,
  directions: boolean,
): (number | null)[] {
  return mis.map((score, row) => ((layer_type[row] === DIRECTION) === directions ? score : null));
}

/** Directions of a model, and the layer that they read (the last scored one before it where it isn't scored). */
export interface DirectionRow {
  readonly directions: LayerRow;
  readonly read: LayerRow | undefined;
}

/** Every layer of directions under an encoder, in the order of the rows. */
export function directionRows(layers: readonly LayerRow[], encoder: string): DirectionRow[] {
  const own = layers.filter((row) => row.encoder === encoder);
  return own.filter(isDirection).map((directions) => ({
    directions,
    read: own.find(
      (row) => row.model === directions.model && row.depth === directions.depth && !isDirection(row),
    ),
  }));
}
