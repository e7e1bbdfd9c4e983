import type { Store } from '../../cache/store.ts';
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
  readonly why: Why;
  /** What changed; empty unless that is why. */
  readonly causes: readonly Cause[];
}

/**
 * `changed`: something that counts did. `new`: there was no result of this task before. `lost`: the same result was there
 * and is gone (removed or damaged). `forgotten`: there was another result, but it isn't in the store to compare with.
 */
export type Why = 'changed' | 'new' | 'lost' | 'forgotten';

export interface Explanation {
  readonly vars: Vars;
  /** `gone`: a task of the last run that the graph, as it is configured now, doesn't have. */
  readonly state: 'fresh' | 'will-run' | 'depends' | 'impossible' | 'gone';
  /** Earlier tasks that this one waits for. */
  readonly on: readonly string[];
  /** Why it is impossible: its setting doesn't fit the data. */
  readonly reason?: string;
  /** Why it will run. */
  readonly next?: Reason;
  /** Why it ran when it last ran. */
  readonly last?: Reason;
}

export type Histories = ReadonlyMap<string, readonly PastTask[]>;

/** Explains every task of a stage: what the next run would do with it and why, and why it ran when it last did. */
export async function explain(
  surveyed: StageSurvey,
  histories: Histories,
  store: Store,
): Promise<Explanation[]> {
  const { name } = surveyed.stage.spec;
  const now = surveyed.tasks.map(async ({ vars, outcome }): Promise<Explanation> => {
    const history = histories.get(identity(name, vars)) ?? [];
    const last = await lastReason(history, store);
    const base = { vars, ...(last && { last }) };
    if (isDone(outcome)) return { ...base, state: 'fresh', on: [] };
    if (outcome.state === 'impossible')
      return { ...base, state: 'impossible', on: outcome.on, reason: outcome.reason };
    if (outcome.state !== 'will-run')
      return { ...base, state: 'depends', on: 'on' in outcome ? outcome.on : [] };
    return { ...base, state: 'will-run', on: [], next: await nextReason(outcome.task, history, store) };
  });
  const gone = goneTasks(surveyed, histories).map(async (history): Promise<Explanation> => {
    const last = await lastReason(history, store);
    return { vars: history[0]!.vars, state: 'gone', on: [], ...(last && { last }) };
  });
  return Promise.all([...now, ...gone]);
}

/** Histories of tasks that the newest run of the stage had and the graph hasn't now. */
function goneTasks({ stage, tasks }: StageSurvey, histories: Histories): (readonly PastTask[])[] {
  const { name } = stage.spec;
  const present = new Set(tasks.map(({ vars }) => identity(name, vars)));
  const all = [...histories].filter(([, history]) => history[0]!.stage === name);
  const newest = all
    .map(([, history]) => history[0]!.run)
    .sort()
    .at(-1);
  return all
    .filter(([key, history]) => !present.has(key) && history[0]!.run === newest)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, history]) => history);
}

async function nextReason(task: ReadyTask, history: readonly PastTask[], store: Store): Promise<Reason> {
  const { spec, vars, fingerprint, document, origins, files } = task;
  const now: Side = { document, code: task.code.files, origins, files };
  return { stage: spec.name, vars, fingerprint, ...(await compare(fingerprint, now, history, store)) };
}

async function lastReason(history: readonly PastTask[], store: Store): Promise<Reason | undefined> {
  const at = history.findIndex((past) => past.outcome === 'ran');
  const ran = history[at];
  if (!ran) return undefined;
  const { stage, vars, fingerprint, run } = ran;
  const record = await store.read(fingerprint);
  const older = history.slice(at + 1).filter((past) => past.run !== run);
  return {
    stage,
    vars,
    fingerprint,
    run,
    ...(await compare(fingerprint, record && sideOf(record), older, store)),
  };
}

/** Tells a result apart from the newest earlier one that is still in the store. */
async function compare(
  fingerprint: string,
  now: Side | undefined,
  history: readonly PastTask[],
  store: Store,
): Promise<{ why: Why; causes: Cause[] }> {
  if (history.length === 0) return { why: 'new', causes: [] };
  if (history.some((past) => past.fingerprint === fingerprint)) return { why: 'lost', causes: [] };
  for (const past of now ? history : []) {
    const record = await store.read(past.fingerprint);
    if (record) return { why: 'changed', causes: difference(sideOf(record), now!) };
  }
  return { why: 'forgotten', causes: [] };
}
