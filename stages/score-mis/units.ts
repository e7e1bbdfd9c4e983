import type { UnitScores } from '../../tables/scores.ts';
import type { UnitStats } from '../../tables/unit-stats.ts';
import type { UnitScore } from './score.ts';

const NAMES = ['mis', 'mis_low', 'mis_high', 'task_accuracy', 'mean_margin', 'sd_p'] as const;

/** The `units` table in the making: scores come in model order, without the constant units, whose scores stay null. */
export function scoreTable(stats: UnitStats) {
  const column = () => new Array<number | null>(stats.count).fill(null);
  const scores = Object.fromEntries(NAMES.map((name) => [name, column()])) as Record<
    keyof UnitScore,
    (number | null)[]
  >;
  let row = 0;
  const skipConstant = () => {
    while (row < stats.count && stats.constant[row]) row++;
  };
  return {
    /** Throws when the unit isn't the next one that isn't constant. */
    set(layer: string, unit: number, score: UnitScore) {
      skipConstant();
      if (stats.layer[row] !== layer || stats.unit[row] !== unit) {
        throw new Error(`unit ${unit} of layer ${layer} is out of order`);
      }
      for (const name of NAMES) {
        const value = score[name];
        if (!Number.isFinite(value)) throw new Error(`${name} of unit ${unit} of layer ${layer} is ${value}`);
        scores[name][row] = value;
      }
      row++;
    },
    /** The finished table. Throws when a unit has no score that should have one. */
    scores(): UnitScores {
      skipConstant();
      if (row < stats.count)
        throw new Error(`unit ${stats.unit[row]} of layer ${stats.layer[row]} has no tasks`);
      return { ...stats, ...scores };
    },
  };
}
