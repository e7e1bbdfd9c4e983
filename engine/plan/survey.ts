import type { Store } from '../../cache/store.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import type { Vars } from './document.ts';
import type { PreparedStage } from './prepare.ts';
import { settle } from './settle.ts';
import { isDone, type Outcome } from './task.ts';

/** What a run would do with a stage. */
export interface StageSurvey {
  readonly stage: PreparedStage;
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
  return Promise.all(
    stages.map(async (stage): Promise<StageSurvey> => {
      const expansion = await expansions.get(stage.spec.name)!;
      if ('unknown' in expansion) return { stage, tasks: [], unknown: expansion.unknown.on };
      const tasks = await Promise.all(
        expansion.nodes.map(async ({ vars, outcome }) => ({ vars, outcome: await outcome })),
      );
      for (const { outcome } of tasks) if (outcome.state === 'failed') throw outcome.error;
      return { stage, tasks };
    }),
  );
}

export type Freshness = 'fresh' | 'stale' | 'depends';

/** Fresh: every task is in the store. Stale: one will run. Depends: what it has to do shows when an earlier stage ran. */
export function freshness({ tasks, unknown }: StageSurvey): Freshness {
  if (tasks.some(({ outcome }) => outcome.state === 'will-run')) return 'stale';
  return unknown || tasks.some(({ outcome }) => !isDone(outcome)) ? 'depends' : 'fresh';
}
