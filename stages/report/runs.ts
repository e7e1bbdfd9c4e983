import type { Checkpoint } from '../../figures/figure.ts';
import { meanInterval } from '../../stats/mean-interval.ts';
import { randomStreams } from '../../stats/random.ts';
import { mean } from '../../stats/summary.ts';
import type { CheckpointRow, ModelRow, TrainedRow } from '../../tables/report-tables.ts';
import type { Bootstrap, Subject } from './aggregate.ts';
import { scoresOf } from './directions.ts';

/** The states of a training run in the order of their epochs. */
export interface Run {
  readonly run: string;
  readonly states: readonly Checkpoint[];
}

/** Training runs with at least two states, by name. A single state tells nothing of training. */
export function runsOf(checkpoints: readonly Checkpoint[]): Run[] {
  const runs = new Map<string, Checkpoint[]>();
  for (const checkpoint of checkpoints) {
    const states = runs.get(checkpoint.run);
    if (states) states.push(checkpoint);
    else runs.set(checkpoint.run, [checkpoint]);
  }
  return [...runs].flatMap(([run, states]) =>
    states.length < 2 ? [] : [{ run, states: states.sort((a, b) => a.epoch - b.epoch) }],
  );
}

/** Rows of the table `checkpoints`: every state under every encoder, by encoder, run and epoch. */
export function checkpointRows(
  checkpoints: readonly Checkpoint[],
  models: readonly ModelRow[],
  encoders: readonly string[],
): CheckpointRow[] {
  const byName = new Map(models.map((row) => [key(row.encoder, row.model), row]));
  return encoders.flatMap((encoder) =>
    checkpoints.flatMap(({ model, run, epoch }) => {
      const row = byName.get(key(encoder, model));
      return row ? [{ ...row, run, epoch }] : [];
    }),
  );
}

/**
 * The last state of every run that has one at epoch 0 too, against those untrained weights: the two means, and the mean
 * difference over the units that both score, with its 95 % bootstrap interval.
 */
export function trainedRows(
  runs: readonly Run[],
  subjects: readonly Subject[],
  encoders: readonly string[],
  { resamples, seed }: Bootstrap,
): TrainedRow[] {
  const find = finder(subjects);
  return encoders.flatMap((encoder) =>
    runs.flatMap(({ run, states }): TrainedRow[] => {
      const [first, last] = [states[0]!, states.at(-1)!];
      const [before, after] = [find(encoder, first.model), find(encoder, last.model)];
      if (first.epoch !== 0 || last.epoch === 0 || !before || !after) return [];
      const changes = changesBetween(before, after).map(({ change }) => change);
      const some = changes.length > 0;
      const random = randomStreams(seed, 'trained', encoder, run);
      const interval = some ? meanInterval(changes, random, resamples) : undefined;
      return [
        {
          ...{ run, encoder, untrained: first.model, trained: last.model, epoch: last.epoch },
          untrained_mis: meanMis(before),
          trained_mis: meanMis(after),
          difference: some ? mean(changes) : null,
          difference_low: interval?.low ?? null,
          difference_high: interval?.high ?? null,
          units: changes.length,
        },
      ];
    }),
  );
}

/** How the score of a unit differs between two states; the rows are those of the unit in either state's table. */
export interface UnitChange {
  readonly before: number;
  readonly after: number;
  readonly change: number;
}

/** Changes of all units that both states score, matched by layer and number, in the order of the later state. */
export function changesBetween(before: Subject, after: Subject): UnitChange[] {
  const rows = new Map(before.units.layer.map((layer, row) => [key(layer, before.units.unit[row]!), row]));
  const scores = scoresOf(after.units, false);
  return after.units.layer.flatMap((layer, row) => {
    const then = rows.get(key(layer, after.units.unit[row]!));
    const [a, b] = [then === undefined ? null : before.units.mis[then]!, scores[row]!];
    return a === null || b === null ? [] : [{ before: then!, after: row, change: b - a }];
  });
}

/** The `count` units whose scores changed most, largest change first; equal changes in the model's order. */
export function mostChanged(before: Subject, after: Subject, count: number): UnitChange[] {
  const size = ({ change }: UnitChange) => Math.abs(change);
  return changesBetween(before, after)
    .sort((a, b) => size(b) - size(a) || a.after - b.after)
    .slice(0, count);
}

/** Finds a subject by encoder and model. */
export function finder(subjects: readonly Subject[]) {
  const byName = new Map(subjects.map((subject) => [key(subject.encoder, subject.model), subject]));
  return (encoder: string, model: string): Subject | undefined => byName.get(key(encoder, model));
}

function meanMis({ units }: Subject): number | null {
  const scores = scoresOf(units, false).filter((score) => score !== null);
  return scores.length === 0 ? null : mean(scores);
}

function key(...parts: readonly (string | number)[]): string {
  return parts.join('\u0000');
}
