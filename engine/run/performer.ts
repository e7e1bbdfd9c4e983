import { hostname } from 'node:os';
import type { Held, Store } from '../../cache/store.ts';
import { canonicalJson, type Json, sha256 } from '../../common/json.ts';
import type { Performed } from '../plan/settle.ts';
import { plainVars, type ReadyTask } from '../plan/task.ts';
import type { Emit, Event } from './events.ts';
import { Interrupted, Refused } from './job.ts';
import { isCorruptBlob, type Pool } from './pool.ts';
import type { Units } from './scheduler.ts';
import { BREAK_AFTER_MS, waitingText } from './waiting.ts';

/** @param units of each resource the one that the task has for itself */
export type Performer = (task: ReadyTask, units: Units) => Promise<Performed>;

interface Surroundings {
  readonly store: Store;
  readonly emit: Emit;
  readonly signal: AbortSignal;
  readonly pool: Pool;
}

/**
 * Makes what a task puts out, under a lock, so that of several runs on one store only one does it. Never rejects. A task
 * that failed isn't tried again when the graph is settled once more, unless a damaged file was the cause.
 */
export function performer({ store, emit, signal, pool }: Surroundings): Performer {
  const failures = new Map<string, Performed>();
  const going = new Map<string, Promise<Performed>>();

  async function make(task: ReadyTask, resources: Units): Promise<Performed> {
    const of = { stage: task.spec.name, vars: task.vars };
    const made = await store.read(task.fingerprint);
    if (made) return { record: made, state: 'hit' };
    if (signal.aborted) return { state: 'stopped' };
    emit({ event: 'begin', ...of, ...(Object.keys(resources).length > 0 && { resources }) });
    const at = new Date();
    const started = performance.now();
    const elapsed = () => Math.round(performance.now() - started);
    const { spec, fingerprint, document, params, files, inputs, impossible, code, origins } = task;
    const version = sha256(canonicalJson([document.code, document.environment]));
    const job = {
      entry: spec.entry,
      fingerprint,
      version,
      params,
      resources,
      files,
      inputs,
      impossible,
    };
    try {
      const artifacts = Object.values(inputs).flatMap((from) => from.map(({ artifact }) => artifact));
      await untilStopped(signal, store.bring(artifacts));
      const { warnings, measured, ...output } = await pool.run(job, ({ kind, ...rest }) =>
        emit({ event: kind, ...of, ...rest } as Event),
      );
      const checking = performance.now();
      await task.verify();
      const recheckMs = Math.round(performance.now() - checking);
      await store.commit({
        fingerprint,
        stage: spec.name,
        vars: task.setting === '' ? task.vars : plainVars(task.vars),
        document: document as unknown as Json,
        details: { code: code.files, files, origins },
        ...output,
        ran: {
          at: at.toISOString(),
          ms: elapsed(),
          host: hostname(),
          warnings,
          measured: { ...measured, recheckMs },
        },
      });
      return { record: (await store.read(task.fingerprint))!, state: 'ran' };
    } catch (error) {
      return failed(error as Error, elapsed());
    }
  }

  return async (task, units) => {
    if (signal.aborted) return { state: 'stopped' };
    const id = `${task.spec.name} ${task.fingerprint}`;
    const before = failures.get(id);
    if (before) return before;
    const twin = going.get(task.fingerprint);
    if (twin) return twin.then((done) => (done.state === 'ran' ? { ...done, state: 'hit' } : done));
    const made = alone(task, units, id).finally(() => going.delete(task.fingerprint));
    going.set(task.fingerprint, made);
    return made;
  };

  async function alone(task: ReadyTask, units: Units, id: string): Promise<Performed> {
    const onWait = (held: Held) =>
      emit({
        event: 'waiting',
        stage: task.spec.name,
        vars: task.vars,
        message: waitingText('made', held),
      });
    const outcome = await store
      .withLock(task.fingerprint, () => make(task, units), { onWait, signal, breakAfterMs: BREAK_AFTER_MS })
      .catch((error: Error) => (signal.aborted ? ({ state: 'stopped' } as const) : failed(error, 0)));
    if (outcome.state === 'failed' && !isCorruptBlob(outcome.error)) failures.set(id, outcome);
    return outcome;
  }
}

/** Waits for work that nobody needs any more once the run was interrupted. */
async function untilStopped(signal: AbortSignal, work: Promise<void>): Promise<void> {
  let stop = (): void => {};
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(new Interrupted());
    signal.addEventListener('abort', stop);
  });
  try {
    await Promise.race([work, stopped]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function failed(error: Error, ms: number): Performed {
  return error.name === 'Interrupted'
    ? { state: 'stopped' }
    : { state: 'failed', error, ms, refused: error instanceof Refused };
}
