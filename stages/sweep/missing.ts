import type { Task } from '../../engine/stage.ts';
import type { SweepRow, SweepSetting } from '../../tables/sweep-tables.ts';
import type { Params } from './index.ts';
import { pointOf } from './setting.ts';

/** A row without scores, with the reason, for each setting that the data set has too few images for. */
export function missingRows(
  { impossible }: Pick<Task<Params>, 'impossible'>,
  base: SweepSetting,
): SweepRow[] {
  const rows = impossible.map(({ setting, vars, reason }): SweepRow => {
    const { model = 'model', encoder = 'encoder' } = vars;
    const none = { mis: null, mis_low: null, mis_high: null, mis_p05: null, mis_p95: null };
    const told = reason.replace(/\s+/g, ' ').trim();
    return {
      ...{ setting, ...pointOf(setting, base), model, encoder },
      ...{ units: 0, ...none, task_accuracy: null, accuracy_gap: null, reason: told },
    };
  });
  return [
    ...new Map(rows.map((row) => [JSON.stringify([row.setting, row.model, row.encoder]), row])).values(),
  ];
}
