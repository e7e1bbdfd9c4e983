import type { Store, StoredRun } from '../../cache/store.ts';
import { canonicalJson, type Json } from '../../common/json.ts';
import { compareStates, statesOfRun, type TaskChange, type TaskState } from './compare.ts';
import { type ConfigChange, configChanges } from './config-difference.ts';
import type { Cause } from './difference.ts';

/** One thing that differs between two runs, and the stages whose tasks it counts for. */
export interface Difference {
  /** `src/a.ts`, `onnxruntime-node`, `model (/data/resnet.onnx)`. */
  readonly what: string;
  readonly from: string;
  readonly to: string;
  readonly stages: readonly string[];
}

/** How many tasks of a stage are the same in both runs, differ, or stand in one alone. */
export interface StageDifference {
  readonly stage: string;
  readonly same: number;
  readonly changed: number;
  readonly added: number;
  readonly removed: number;
  /** Can't be told: a task failed, or one of its results isn't in the store any more. */
  readonly unknown: number;
}

/** All that differs between what two runs were made of. */
export interface RunDifference {
  readonly config: readonly ConfigChange[];
  /** Parameters that differ in another way than the configs say: defaults, values in the pipeline. */
  readonly parameters: readonly Difference[];
  readonly code: readonly Difference[];
  /** Models, data and other files from outside. */
  readonly files: readonly Difference[];
  readonly environment: readonly Difference[];
  readonly stages: readonly StageDifference[];
}

/** Compares two past runs by their configs and by the records of their tasks, as far as these are in the store. */
export async function runDifference(a: StoredRun, b: StoredRun, store: Store): Promise<RunDifference> {
  const config = configChanges(await a.config(), await b.config());
  const [old, now] = [await statesOfRun(a), await statesOfRun(b)];
  const names = [...new Set([...stageNames(a, old), ...stageNames(b, now)])];
  const changes = new Map<string, TaskChange[]>();
  for (const name of names) changes.set(name, await compareStates(name, old, now, store));
  const of = (...kinds: readonly Cause['kind'][]) => differences(changes, kinds);
  const told = new Set(config.map(({ from, to }) => pair(from, to)));
  return {
    config,
    parameters: of('parameter').filter(({ from, to }) => !told.has(`${from} ${to}`)),
    code: of('code', 'stage', 'format'),
    files: of('file'),
    environment: of('environment'),
    stages: names.map((stage) => counts(stage, changes.get(stage)!)),
  };
}

/** Stages in the order of the graph, as the run was begun with them. */
const stageNames = ({ info }: StoredRun, states: readonly TaskState[]): string[] => [
  ...((info.stages as readonly string[] | undefined) ?? []),
  ...states.map(({ stage }) => stage),
];

const pair = (from: Json | undefined, to: Json | undefined): string =>
  [from, to].map((value) => (value === undefined ? '(none)' : canonicalJson(value))).join(' ');

/** Causes of the given kinds over all stages; equal ones once, with the stages that have them. */
function differences(
  changes: ReadonlyMap<string, readonly TaskChange[]>,
  kinds: readonly Cause['kind'][],
): Difference[] {
  const found = new Map<string, Difference & { stages: string[] }>();
  for (const [stage, tasks] of changes) {
    for (const { kind, what, from, to } of tasks.flatMap(({ causes }) => causes)) {
      if (!kinds.includes(kind)) continue;
      const key = JSON.stringify([what, from, to]);
      const known = found.get(key) ?? { what, from, to, stages: [] };
      if (!known.stages.includes(stage)) known.stages.push(stage);
      found.set(key, known);
    }
  }
  return [...found.values()];
}

function counts(stage: string, changes: readonly TaskChange[]): StageDifference {
  const count = (...states: readonly TaskChange['state'][]) =>
    changes.filter(({ state }) => states.includes(state)).length;
  return {
    stage,
    same: count('same'),
    changed: count('changed', 'lost'),
    added: count('added'),
    removed: count('removed'),
    unknown: count('unknown'),
  };
}
