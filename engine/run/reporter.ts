import { recordBytes } from '../../cache/indexed-record.ts';
import type { Record as StoredRecord } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';
import type { Vars } from '../plan/document.ts';
import { type Done, isDone, type Outcome, taskName } from '../plan/task.ts';
import type { Emit, Event } from './events.ts';
import type { Measured } from './job.ts';

/** Tells the outcomes of tasks, each once however often the graph is settled. */
export interface Reporter {
  tell(stage: string, vars: Vars, outcome: Outcome): void;
  /** The graph is settled once more, after this came of it. */
  again(settled: readonly { stage: { spec: { name: string } }; vars: Vars; outcome: Outcome }[]): void;
}

export function createReporter(emit: Emit): Reporter {
  /** By name; hits only from the second time on: while a graph is settled, each task is told once. */
  const told = new Map<string, 'hit' | 'ran' | 'failed' | 'impossible'>();
  let isFirst = true;
  const again: Reporter['again'] = (settled) => {
    isFirst = false;
    for (const { stage, vars, outcome } of settled) {
      const name = taskName(stage.spec.name, vars);
      if (outcome.state === 'hit' && !told.has(name)) told.set(name, 'hit');
    }
  };
  const tell: Reporter['tell'] = (stage, vars, outcome) => {
    if (isFirst && outcome.state === 'hit') return tellDone({ stage, vars }, outcome, emit);
    const name = taskName(stage, vars);
    const before = told.get(name);
    if (outcome.state === 'failed') {
      if (before !== 'failed') tellFailed({ stage, vars }, outcome, emit);
      told.set(name, 'failed');
    } else if (outcome.state === 'impossible') {
      if (before !== 'impossible') tellImpossible({ stage, vars }, outcome, emit);
      told.set(name, 'impossible');
    } else if (isDone(outcome) && before !== outcome.state && before !== 'ran') {
      tellDone({ stage, vars }, outcome, emit);
      told.set(name, outcome.state);
    }
  };
  return { tell, again };
}

function tellDone(of: { stage: string; vars: Vars }, outcome: Done, emit: Emit) {
  const { stage, vars } = of;
  const { fingerprint } = outcome.task;
  const bytes = recordBytes(outcome.record);
  if (outcome.state === 'hit')
    return emit({ event: 'task', stage, vars, fingerprint, outcome: 'hit', ms: 0, bytes, at: 0 });
  const { ms } = outcome.record.ran;
  emit({ event: 'task', stage, vars, fingerprint, outcome: 'ran', ms, bytes, ...measuredOf(outcome.record) });
}

function tellFailed(
  of: { stage: string; vars: Vars },
  { task, error, ms }: Outcome & { state: 'failed' },
  emit: Emit,
) {
  const failed: Event = {
    event: 'task',
    ...of,
    ...(task && { fingerprint: task.fingerprint }),
    outcome: 'failed',
    ms: Math.round(ms),
    bytes: 0,
  };
  emit({ event: 'error', ...of, message: failureText(error) });
  emit(failed);
}

function tellImpossible(
  of: { stage: string; vars: Vars },
  { task, reason, on }: Outcome & { state: 'impossible' },
  emit: Emit,
) {
  emit({
    event: 'task',
    ...of,
    ...(task && { fingerprint: task.fingerprint }),
    outcome: 'impossible',
    reason,
    ...(on.length > 0 && { on }),
    ms: 0,
    bytes: 0,
  });
}

/** What a person is told of a failure: the paragraph of an expected one, the stack of a bug. */
export function failureText(error: unknown): string {
  if (isUserError(error)) return error.message;
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return `${stack}\nThis is a bug in mis, not in what you gave it. Please report it with the lines above.`;
}

/** Records made before there were measures have none. */
function measuredOf({ ran }: StoredRecord): { measured?: Measured } {
  return ran.measured === undefined ? {} : { measured: ran.measured as unknown as Measured };
}
