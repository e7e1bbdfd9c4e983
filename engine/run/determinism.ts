import type { Artifact, Store, Record as StoredRecord } from '../../cache/store.ts';
import type { Vars } from '../plan/document.ts';
import { taskName } from '../plan/task.ts';
import { firstDifference } from './first-difference.ts';

/** Tasks of a finished run, and the store that it ran on. */
export interface Finished {
  readonly store: Store;
  readonly tasks: readonly { readonly stage: string; readonly vars: Vars; readonly fingerprint: string }[];
}

export interface Comparison {
  readonly tasks: number;
  readonly outputs: number;
  /** Outputs that were made of the same inputs and came out otherwise. */
  readonly differing: readonly Differing[];
  /** Tasks whose inputs differ because of these. Their outputs may or may not be the same. */
  readonly after: readonly string[];
  /** Tasks that only one of the runs had. */
  readonly unmatched: readonly string[];
}

export interface Differing {
  readonly stage: string;
  readonly vars: Vars;
  /** `margins`; of a list `shards.images of 03`. */
  readonly output: string;
  /** The first difference, in words. */
  readonly where: string;
}

/** Compares what two runs of one graph put out, task by task. */
export async function compareOutputs(a: Finished, b: Finished): Promise<Comparison> {
  const others = new Map(b.tasks.map((task) => [taskName(task.stage, task.vars), task]));
  const differing: Differing[] = [];
  const after: string[] = [];
  const unmatched: string[] = [];
  let outputs = 0;
  for (const task of a.tasks) {
    const name = taskName(task.stage, task.vars);
    const other = others.get(name);
    others.delete(name);
    if (!other) unmatched.push(name);
    else if (other.fingerprint !== task.fingerprint) after.push(name);
    else {
      const found = await taskDifferences(
        await a.store.read(task.fingerprint),
        a.store,
        await b.store.read(task.fingerprint),
        b.store,
      );
      outputs += found.outputs;
      differing.push(...found.differing.map((each) => ({ stage: task.stage, vars: task.vars, ...each })));
    }
  }
  unmatched.push(...others.keys());
  return { tasks: a.tasks.length, outputs, differing, after, unmatched };
}

async function taskDifferences(
  a: StoredRecord | undefined,
  storeA: Store,
  b: StoredRecord | undefined,
  storeB: Store,
): Promise<{ outputs: number; differing: Pick<Differing, 'output' | 'where'>[] }> {
  if (!a || !b) throw new Error('a result that was just made is not in its store');
  const [left, right] = [outputsOf(a), outputsOf(b)];
  const names = [...new Set([...left.keys(), ...right.keys()])];
  const differing: Pick<Differing, 'output' | 'where'>[] = [];
  for (const output of names) {
    const [one, other] = [left.get(output), right.get(output)];
    const where =
      one && other
        ? await firstDifference({ artifact: one, store: storeA }, { artifact: other, store: storeB })
        : `is only in the ${one ? 'first' : 'second'} run`;
    if (where !== undefined) differing.push({ output, where });
  }
  return { outputs: names.length, differing };
}

function outputsOf({ outputs, lists }: StoredRecord): Map<string, Artifact> {
  const found = new Map(Object.entries(outputs));
  for (const [list, elements] of Object.entries(lists))
    for (const [element, each] of Object.entries(elements))
      for (const [output, artifact] of Object.entries(each))
        found.set(`${list}.${output} of ${element}`, artifact);
  return found;
}
