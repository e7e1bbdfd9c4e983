import type { Store } from '../../cache/store.ts';
import type { StageSpec } from '../spec/pipeline.ts';
import { type Cause, difference, type Side, sideOf } from './difference.ts';
import type { Vars } from './document.ts';
import { identity, type PastTask } from './history.ts';
import type { StageSurvey } from './survey.ts';
import { isDone, type ReadyTask } from './task.ts';

/** Why a task ran, or will run. */
export interface Reason {
  readonly stage: string;
  readonly vars: Vars;
  readonly fingerprint: string;
  /** The run that it is about; undefined for the next one. */
  readonly run?: string;
  /** Undefined: no earlier result of this task is known. */
  readonly causes: readonly Cause[] | undefined;
}

export interface Explanation {
  readonly vars: Vars;
  readonly state: 'fresh' | 'will-run' | 'depends';
  /** Earlier tasks that this one waits for. */
  readonly on: readonly string[];
  /** Why it will run. */
  readonly next?: Reason;
  /** Why it ran when it last ran. */
  readonly last?: Reason;
}

/** Explains every task of a stage: what the next run would do with it and why, and why it ran when it last did. */
export async function explain(
  surveyed: StageSurvey,
  histories: ReadonlyMap<string, readonly PastTask[]>,
  store: Store,
): Promise<Explanation[]> {
  const { spec } = surveyed.stage;
  return Promise.all(
    surveyed.tasks.map(async ({ vars, outcome }): Promise<Explanation> => {
      const history = histories.get(identity(spec.name, vars)) ?? [];
      const last = await lastReason(spec, vars, history, store);
      const base = { vars, ...(last && { last }) };
      if (isDone(outcome)) return { ...base, state: 'fresh', on: [] };
      if (outcome.state !== 'will-run')
        return { ...base, state: 'depends', on: 'on' in outcome ? outcome.on : [] };
      const next = await nextReason(spec, vars, outcome.task, history, store);
      return { ...base, state: 'will-run', on: [], next };
    }),
  );
}

/** Compares the task as it stands with the newest earlier result that is still in the store. */
async function nextReason(
  spec: StageSpec,
  vars: Vars,
  task: ReadyTask,
  history: readonly PastTask[],
  store: Store,
): Promise<Reason> {
  const now: Side = {
    document: task.document,
    code: task.code.files,
    origins: task.origins,
    files: task.files,
  };
  const before = await newestOther(task.fingerprint, history, store);
  return { stage: spec.name, vars, fingerprint: task.fingerprint, causes: before && difference(before, now) };
}

/** Compares the result of the newest run that made one with the one before it. */
async function lastReason(
  spec: StageSpec,
  vars: Vars,
  history: readonly PastTask[],
  store: Store,
): Promise<Reason | undefined> {
  const at = history.findIndex((past) => past.outcome === 'ran');
  const ran = history[at];
  const record = ran && (await store.read(ran.fingerprint));
  if (!ran || !record) return undefined;
  const before = await newestOther(ran.fingerprint, history.slice(at + 1), store);
  return {
    stage: spec.name,
    vars,
    fingerprint: ran.fingerprint,
    run: ran.run,
    causes: before && difference(before, sideOf(record)),
  };
}

async function newestOther(
  fingerprint: string,
  history: readonly PastTask[],
  store: Store,
): Promise<Side | undefined> {
  for (const past of history) {
    if (past.fingerprint === fingerprint) continue;
    const record = await store.read(past.fingerprint);
    if (record) return sideOf(record);
  }
  return undefined;
}
