import type { Store, StoredRun } from '../../cache/store.ts';
import { eventsOf } from '../run/log.ts';
import { type Cause, difference, type Side, sideOf } from './difference.ts';
import type { Vars } from './document.ts';
import { identity, type PastTask } from './history.ts';
import type { StageSurvey } from './survey.ts';
import { isDone } from './task.ts';

/**
 * A task on one side of a comparison. `known`: its fingerprint is. `waiting`: it depends on an earlier task that has yet
 * to run. `failed`: its inputs didn't fit, so that it never had a fingerprint.
 */
export interface TaskState {
  readonly stage: string;
  readonly vars: Vars;
  readonly state: 'known' | 'waiting' | 'failed';
  readonly fingerprint?: string;
  /** What the fingerprint is made of, where it need not be read from the store. */
  readonly side?: Side;
}

/**
 * What became of a task from one side to the other. `unknown`: it can't be told yet, or it had no fingerprint. `lost`: it
 * changed, but one of the results isn't in the store any more, so that nothing tells how.
 */
export interface TaskChange {
  readonly stage: string;
  readonly vars: Vars;
  readonly state: 'same' | 'changed' | 'lost' | 'added' | 'removed' | 'unknown';
  readonly from?: string;
  readonly to?: string;
  readonly causes: readonly Cause[];
}

/** The tasks of a past run. */
export async function statesOfRun(run: StoredRun): Promise<TaskState[]> {
  const last = new Map<string, TaskState>();
  const events = (await eventsOf(run)) as (Partial<PastTask> & { event: string })[];
  for (const { event, stage, vars, fingerprint } of events) {
    if (event !== 'task' || stage === undefined || vars === undefined) continue;
    const state = fingerprint === undefined ? 'failed' : 'known';
    last.set(identity(stage, vars), { stage, vars, state, ...(fingerprint && { fingerprint }) });
  }
  return [...last.values()];
}

/** The tasks as the next run would find them. */
export function statesNow(surveyed: readonly StageSurvey[]): TaskState[] {
  return surveyed.flatMap(({ stage, tasks }) =>
    tasks.map(({ vars, outcome }): TaskState => {
      const of = { stage: stage.spec.name, vars };
      if (outcome.state === 'impossible') return { ...of, state: 'failed' };
      if (!isDone(outcome) && outcome.state !== 'will-run') return { ...of, state: 'waiting' };
      const { fingerprint, document, code, origins, files } = outcome.task;
      return { ...of, state: 'known', fingerprint, side: { document, code: code.files, origins, files } };
    }),
  );
}

/** Compares the tasks of a stage on two sides, an older one and a newer one. */
export async function compareStates(
  stage: string,
  before: readonly TaskState[],
  after: readonly TaskState[],
  store: Store,
): Promise<TaskChange[]> {
  const of = (states: readonly TaskState[]) =>
    new Map(states.filter((each) => each.stage === stage).map((each) => [identity(stage, each.vars), each]));
  const [old, now] = [of(before), of(after)];
  const keys = [...new Set([...now.keys(), ...old.keys()])].sort();
  return Promise.all(keys.map((key) => compareTask(old.get(key), now.get(key), store)));
}

async function compareTask(
  old: TaskState | undefined,
  now: TaskState | undefined,
  store: Store,
): Promise<TaskChange> {
  const { stage, vars } = (now ?? old)!;
  const [from, to] = [old?.fingerprint, now?.fingerprint];
  const base = { stage, vars, ...(from && { from }), ...(to && { to }), causes: [] };
  if (!old) return { ...base, state: 'added' };
  if (!now) return { ...base, state: 'removed' };
  if (from === undefined || to === undefined) return { ...base, state: 'unknown' };
  if (from === to) return { ...base, state: 'same' };
  const sides = await Promise.all([old, now].map((each) => sideIn(each, store)));
  const [a, b] = sides;
  return a && b ? { ...base, state: 'changed', causes: difference(a, b) } : { ...base, state: 'lost' };
}

async function sideIn({ side, fingerprint }: TaskState, store: Store): Promise<Side | undefined> {
  if (side) return side;
  const record = await store.read(fingerprint!);
  return record && sideOf(record);
}

/** What `tracer` follows inputs through: both sides' tasks, the newer ones first. */
export function historiesOf(
  before: readonly TaskState[],
  after: readonly TaskState[],
): Map<string, PastTask[]> {
  const histories = new Map<string, PastTask[]>();
  for (const { stage, vars, fingerprint } of [...after, ...before]) {
    if (fingerprint === undefined) continue;
    const task: PastTask = { run: '', stage, vars, fingerprint, outcome: 'hit', ms: 0, bytes: 0 };
    const key = identity(stage, vars);
    histories.set(key, [...(histories.get(key) ?? []), task]);
  }
  return histories;
}
