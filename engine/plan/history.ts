import type { Store } from '../../cache/store.ts';
import { eventsOf } from '../run/log.ts';
import type { Vars } from './document.ts';
import { varsKey } from './task.ts';

/** A task as a past run left it. */
export interface PastTask {
  readonly run: string;
  readonly stage: string;
  readonly vars: Vars;
  readonly fingerprint: string;
  readonly outcome: 'hit' | 'ran' | 'failed' | 'impossible';
  readonly ms: number;
  readonly bytes: number;
}

/** How many past runs are read for explanations and estimates. */
const MAX_RUNS = 200;

/** Name of a task over all runs: its stage and variables. */
export const identity = (stage: string, vars: Vars): string => `${stage}\u0000${varsKey(vars)}`;

/**
 * The tasks of past runs, newest run first. Runs that nobody finished count too: what they made is in the store.
 *
 * @param onlyThatRan leaves out runs that ran nothing, without reading them
 */
async function* pastTasks(store: Store, onlyThatRan: boolean): AsyncGenerator<PastTask[]> {
  let read = 0;
  for await (const run of store.runs.newestFirst()) {
    if (++read > MAX_RUNS) return;
    if (onlyThatRan && (run.summary as { ran?: number } | undefined)?.ran === 0) continue;
    const events = (await eventsOf(run)) as ({ event: string } & PastTask)[];
    yield events.filter(({ event }) => event === 'task').map((task) => ({ ...task, run: run.id }));
  }
}

/** Every past state of each task that had a result, newest first, by its identity. */
export async function taskHistories(store: Store): Promise<Map<string, PastTask[]>> {
  const histories = new Map<string, PastTask[]>();
  for await (const tasks of pastTasks(store, false)) {
    for (const task of tasks.reverse()) {
      if (task.outcome === 'failed' || task.outcome === 'impossible') continue;
      const key = identity(task.stage, task.vars);
      const history = histories.get(key);
      if (history) history.push(task);
      else histories.set(key, [task]);
    }
  }
  return histories;
}

/** Mean cost of a task that ran. */
export interface Cost {
  readonly ms: number;
  readonly bytes: number;
  readonly tasks: number;
}

/** Mean time and bytes of each stage's tasks in the newest run that ran any of them. */
export async function stageCosts(store: Store, stages: readonly string[]): Promise<Map<string, Cost>> {
  const costs = new Map<string, Cost>();
  if (stages.length === 0) return costs;
  for await (const tasks of pastTasks(store, true)) {
    const groups = new Map<string, PastTask[]>();
    for (const task of tasks) {
      if (task.outcome === 'ran') groups.set(task.stage, [...(groups.get(task.stage) ?? []), task]);
    }
    for (const [stage, ran] of groups) if (!costs.has(stage)) costs.set(stage, meanCost(ran));
    if (stages.every((stage) => costs.has(stage))) break;
  }
  return costs;
}

function meanCost(tasks: readonly PastTask[]): Cost {
  const sum = (of: (task: PastTask) => number) => tasks.reduce((total, task) => total + of(task), 0);
  return {
    ms: sum((task) => task.ms) / tasks.length,
    bytes: sum((task) => task.bytes) / tasks.length,
    tasks: tasks.length,
  };
}
