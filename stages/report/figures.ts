import type { Task } from '../../engine/stage.ts';
import type { FigureData, UnitPoint } from '../../figures/figure.ts';
import { type DrawnFigure, writeFigure } from '../../figures/files.ts';
import { FIGURES } from '../../figures/index.ts';
import { copyFigures } from '../../figures/manifest.ts';
import type { Subject } from './aggregate.ts';
import { scoresOf } from './directions.ts';
import type { Params } from './index.ts';

/** Every scored unit as a point for figures; directions are none. */
export function points(subjects: readonly Subject[]): UnitPoint[] {
  return subjects.flatMap(({ model, encoder, units }) =>
    scoresOf(units, false).flatMap((mis, row) => {
      if (mis === null) return [];
      const place = {
        layer: units.layer[row]!,
        layer_type: units.layer_type[row]!,
        unit: units.unit[row]!,
        relative_depth: units.relative_depth[row]!,
        relative_width: units.relative_width[row]!,
      };
      return [{ model, encoder, ...place, mis }];
    }),
  );
}

/**
 * Draws what the data allows, one after the other (Vega numbers its clip paths through), and copies what a sweep has
 * drawn already.
 */
export async function drawFigures(
  task: Task<Params>,
  folder: string,
  data: FigureData,
  drawn: () => void,
): Promise<DrawnFigure[]> {
  const figures: DrawnFigure[] = [];
  for (const figure of FIGURES) {
    const result = figure.make(data);
    if (result) figures.push(await writeFigure(folder, figure, result, task));
    drawn();
  }
  const sweep = task.inputIfAny('sweep');
  if (sweep) figures.push(...(await copyFigures(`${sweep.path}/figures`, folder)));
  return figures;
}
