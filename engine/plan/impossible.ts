import type { Store } from '../../cache/store.ts';
import type { StageSpec } from '../spec/pipeline.ts';
import type { Impossible } from '../stage.ts';
import type { Missing } from './find-sources.ts';
import { type ReadyTask, varsKey } from './task.ts';

/** What a varying stage lacks: the tasks that a setting makes impossible, each once, in an order of their own. */
export function impossibleOnes(unfit: readonly Missing[]): Impossible[] {
  const ones = new Map<string, Impossible>();
  for (const { vars, setting, outcome } of unfit) {
    if (outcome.state !== 'impossible') continue;
    const { reason } = outcome;
    ones.set([setting, varsKey(vars), reason].join('\u0000'), { setting, vars, reason });
  }
  return [...ones].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
}

/**
 * The store's memory of tasks that a stage refused at some setting, so that a second run has nothing to do. Only where
 * all that the task could look at is in its fingerprint: what else made it fail may be mended since.
 */
export function rememberedReasons(store: Store) {
  const memo = store.memo<string>('impossible');
  return {
    of: (task: ReadyTask): string | undefined =>
      task.setting === '' ? undefined : memo.get(task.fingerprint),
    remember(task: ReadyTask, reason: string) {
      if (isClosed(task.spec)) memo.set(task.fingerprint, reason);
    },
  };
}

/** True where a stage sees nothing of the world but what its fingerprint names by content. */
function isClosed({ stage }: StageSpec): boolean {
  return (
    Object.values(stage.inputs ?? {}).every(({ counts }) => counts !== false) &&
    Object.values(stage.files ?? {}).every(({ by }) => by === 'content')
  );
}
