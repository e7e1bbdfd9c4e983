import type { Store } from '../../cache/store.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import type { Vars } from './document.ts';
import { type PreparedStage, stageKey } from './prepare.ts';
import { isSettled, settle } from './settle.ts';
import { type Outcome, shownVars } from './task.ts';

/** What a run would do with a stage. */
export interface StageSurvey {
  /** At the config's own point; the tasks are those at all settings, told apart by the variable `setting`. */
  readonly stage: PreparedStage;
  /** Settings at which some of its tasks are there too. */
  readonly settings: number;
  readonly tasks: readonly { readonly vars: Vars; readonly outcome: Outcome }[];
  /** Set when the number of tasks isn't known yet: what the list that the stage runs over waits for. */
  readonly unknown?: readonly string[];
}

/** Looks every task up without running anything. Throws the error of a task whose inputs don't fit. */
export async function survey(
  pipeline: Pipeline,
  stages: readonly PreparedStage[],
  store: Store,
): Promise<StageSurvey[]> {
  const expansions = settle(pipeline, stages, store, async () => undefined);
  const found = await Promise.all(
    stages.map(async (stage): Promise<StageSurvey> => {
      const { spec, setting } = stage;
      const expansion = await expansions.get(stageKey(spec.name, setting))!;
      const settings = setting === '' ? 0 : 1;
      if ('unknown' in expansion)
        return {
          stage,
          settings,
          tasks: [],
          ...(isComing(expansion.unknown) && { unknown: expansion.unknown.on }),
        };
      await Promise.all(expansion.looked);
      const tasks: { vars: Vars; outcome: Outcome }[] = [];
      for (const node of expansion.nodes) {
        const outcome = node.outcome instanceof Promise ? await node.outcome : node.outcome!;
        // Told as it is where that can be: there may be a million.
        tasks.push(isSettled(node) ? node : { vars: shownVars(node.vars, setting), outcome });
      }
      for (const { outcome } of tasks) if (outcome.state === 'failed') throw outcome.error;
      return { stage, settings, tasks };
    }),
  );
  return found
    .filter(({ stage }) => stage.setting === '')
    .map((own) => together(found.filter(({ stage }) => stage.spec.name === own.stage.spec.name)));
}

const isComing = ({ state }: Outcome): boolean => state !== 'impossible';

/** A stage at all settings as one; at the config's own point first. */
function together(parts: readonly StageSurvey[]): StageSurvey {
  const unknown = [...new Set(parts.flatMap((part) => part.unknown ?? []))];
  return {
    stage: parts[0]!.stage,
    settings: parts.reduce((sum, { settings }) => sum + settings, 0),
    tasks: parts.flatMap(({ tasks }) => tasks),
    ...(parts.some((part) => part.unknown) && { unknown }),
  };
}

export type Freshness = 'fresh' | 'stale' | 'depends';

/** Fresh: every task is in the store. Stale: one will run. Depends: what it has to do shows when an earlier stage ran. */
export function freshness({ tasks, unknown }: StageSurvey): Freshness {
  if (tasks.some(({ outcome }) => outcome.state === 'will-run')) return 'stale';
  return unknown || tasks.some(({ outcome }) => outcome.state === 'depends' || outcome.state === 'blocked')
    ? 'depends'
    : 'fresh';
}
