import type { PutOut, Record as StoredRecord } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';
import type { Vars } from '../plan/document.ts';
import { isDone, type Outcome, taskName } from '../plan/task.ts';
import type { Emit, Event } from './events.ts';
import type { Measured } from './job.ts';

/** Tells the outcomes of tasks, each once however often the graph is settled. */
export type Reporter = (stage: string, vars: Vars, outcome: Outcome) => void;

export function createReporter(emit: Emit): Reporter {
  const told = new Map<string, 'hit' | 'ran' | 'failed' | 'impossible'>();
  return (stage, vars, outcome) => {
    const name = taskName(stage, vars);
    const before = told.get(name);
    if (outcome.state === 'failed') {
      if (before !== 'failed') tellFailed({ stage, vars }, outcome, emit);
      told.set(name, 'failed');
    } else if (outcome.state === 'impossible') {
      if (before !== 'impossible') tellImpossible({ stage, vars }, outcome, emit);
      told.set(name, 'impossible');
    } else if (isDone(outcome) && before !== outcome.state && before !== 'ran') {
      emit({
        event: 'task',
        stage,
        vars,
        fingerprint: outcome.task.fingerprint,
        outcome: outcome.state,
        ms: outcome.state === 'ran' ? outcome.record.ran.ms : 0,
        bytes: recordBytes(outcome.record),
        ...(outcome.state === 'ran' && measuredOf(outcome.record)),
      });
      told.set(name, outcome.state);
    }
  };
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

/** Bytes of all that a record holds. */
export function recordBytes(record: PutOut): number {
  const lists = Object.values(record.lists).flatMap((list) =>
    Object.values(list).flatMap((outputs) => Object.values(outputs)),
  );
  return [...Object.values(record.outputs), ...lists].reduce((sum, artifact) => sum + artifact.bytes, 0);
}
