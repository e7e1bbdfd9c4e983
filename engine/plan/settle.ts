import type { Store, Record as StoredRecord } from '../../cache/store.ts';
import type { Need, Pipeline, StageSpec } from '../spec/pipeline.ts';
import { errorAt } from '../spec/source.ts';
import type { Document, InputDigest, Vars } from './document.ts';
import { artefacts, inOrder, inputDigest, listVariables, sharedVariables } from './inputs.ts';
import type { PreparedStage } from './prepare.ts';
import { type Done, isDone, type Outcome, type ReadyTask, type Source, taskName, varsKey } from './task.ts';

/** A task of the graph and what becomes of it. */
export interface Node {
  readonly spec: StageSpec;
  readonly vars: Vars;
  readonly outcome: Promise<Outcome>;
}

/** The tasks of a stage; unknown while a list that it runs over isn't there. */
export type Expansion =
  | { readonly nodes: readonly Node[] }
  | { readonly unknown: Outcome & { state: 'depends' | 'blocked' } };

/** What to do with a task that isn't in the store. Undefined: nothing (dry run). */
export type Perform = (
  task: ReadyTask,
) => Promise<{ record: StoredRecord; state: 'ran' | 'hit' } | undefined>;

/**
 * Settles every task of the graph: found in the store, or performed, as soon as what it needs is there. Planning and
 * running are this one function, so a dry run can't disagree with a run.
 */
export function settle(
  pipeline: Pipeline,
  stages: readonly PreparedStage[],
  store: Store,
  perform: Perform,
): Map<string, Promise<Expansion>> {
  const expansions = new Map<string, Promise<Expansion>>();
  const variableOf = listVariables(pipeline);
  const sources = sourceFinder(expansions);
  for (const prepared of stages) {
    const { spec } = prepared;
    const expansion = expand(prepared, expansions).then((found): Expansion => {
      if ('unknown' in found) return found;
      const nodes = found.vars.map((vars) => ({ spec, vars, outcome: resolve(prepared, vars) }));
      return { nodes };
    });
    expansions.set(spec.name, expansion);
  }
  return expansions;

  async function resolve(prepared: PreparedStage, vars: Vars): Promise<Outcome> {
    const { spec } = prepared;
    const inputs: Record<string, Source[]> = {};
    const waiting = new Map<'depends' | 'blocked', Set<string>>();
    for (const need of spec.needs) {
      const variable = need.list === undefined ? undefined : variableOf(need.stage, need.list);
      const found: Source[] = [];
      for (const outcome of await sources(spec, need, vars)) {
        if (isDone(outcome.outcome)) {
          found.push(
            ...artefacts(need, { vars: outcome.vars, record: outcome.outcome.record }, vars, variable),
          );
          continue;
        }
        const state =
          outcome.outcome.state === 'failed' || outcome.outcome.state === 'blocked' ? 'blocked' : 'depends';
        waiting.set(state, (waiting.get(state) ?? new Set()).add(taskName(need.stage, outcome.vars)));
      }
      inputs[need.input] = inOrder(found);
    }
    const state = waiting.has('blocked') ? 'blocked' : waiting.has('depends') ? 'depends' : undefined;
    if (state) return { state, on: [...waiting.get(state)!] };
    const task = ready(prepared, vars, inputs);
    const record = await store.read(task.fingerprint);
    if (record) return { state: 'hit', task, record };
    try {
      const done = await perform(task);
      return done ? { ...done, task } : { state: 'will-run', task };
    } catch (error) {
      return { state: 'failed', task, error: error as Error };
    }
  }
}

function ready(prepared: PreparedStage, vars: Vars, inputs: Record<string, Source[]>): ReadyTask {
  const { spec } = prepared;
  const variant = prepared.variant(vars);
  const digests: Record<string, InputDigest> = {};
  for (const [name, contract] of Object.entries(spec.stage.inputs ?? {})) {
    const found = inputs[name] ?? [];
    if (contract.take === 'one' && found.length > 1) {
      const need = spec.needs.find((each) => each.input === name)!;
      throw errorAt(
        need.place,
        `stage ${spec.name} takes one "${name}", but ${need.stage} puts out ${found.length} for it`,
        'Add the missing variable to foreach.',
      );
    }
    if (found.length === 0 && !contract.optional) {
      throw errorAt(
        spec.place,
        `${taskName(spec.name, vars)} finds no "${name}" among the outputs of the stages that it needs`,
      );
    }
    if (contract.counts !== false && found.length > 0)
      digests[name] = inputDigest(contract.take, found, vars);
  }
  const document: Document = { ...variant.fixed, inputs: digests };
  const files = Object.fromEntries([...variant.bound.files].map(([name, file]) => [name, file.paths]));
  return {
    spec,
    vars,
    fingerprint: variant.fingerprint(digests),
    document,
    code: variant.code,
    files,
    origins: variant.bound.origins,
    inputs,
  };
}

/** Finds the tasks of a needed stage that agree with a task in the variables that both have. */
function sourceFinder(expansions: ReadonlyMap<string, Promise<Expansion>>) {
  const indexes = new Map<string, Promise<Index>>();
  return async (spec: StageSpec, need: Need, vars: Vars): Promise<Found[]> => {
    const id = `${spec.name} ${need.stage}`;
    const building =
      indexes.get(id) ?? expansions.get(need.stage)!.then((expansion) => indexOf(spec, expansion));
    indexes.set(id, building);
    const index = await building;
    if ('unknown' in index) return [{ vars: {}, outcome: index.unknown }];
    const nodes = index.byShared.get(varsKey(pick(vars, index.shared))) ?? [];
    return Promise.all(nodes.map(async (node) => ({ vars: node.vars, outcome: await node.outcome })));
  };
}

type Found = { readonly vars: Vars; readonly outcome: Outcome };
type Index =
  | { readonly shared: readonly string[]; readonly byShared: ReadonlyMap<string, readonly Node[]> }
  | { readonly unknown: Outcome };

/** A stage's tasks by the variables that they share with another stage's. */
function indexOf(taker: StageSpec, expansion: Expansion): Index {
  if ('unknown' in expansion) return expansion;
  const first = expansion.nodes[0];
  const shared = first ? sharedVariables(taker, first.spec) : [];
  const byShared = new Map<string, Node[]>();
  for (const node of expansion.nodes) {
    const key = varsKey(pick(node.vars, shared));
    const group = byShared.get(key);
    if (group) group.push(node);
    else byShared.set(key, [node]);
  }
  return { shared, byShared };
}

const pick = (vars: Vars, names: readonly string[]): Vars =>
  Object.fromEntries(names.map((name) => [name, vars[name]!]));

/** The combinations of elements that a stage runs over; lists of earlier stages are waited for. */
async function expand(
  prepared: PreparedStage,
  expansions: ReadonlyMap<string, Promise<Expansion>>,
): Promise<{ vars: readonly Vars[] } | { unknown: Outcome & { state: 'depends' | 'blocked' } }> {
  let partial: Vars[] = [{}];
  for (const { variable, list } of prepared.spec.loops) {
    if (!list) {
      const names = prepared.elements.get(variable)!;
      partial = partial.flatMap((vars) => names.map((name) => ({ ...vars, [variable]: name })));
      continue;
    }
    const source = await expansions.get(list.stage)!;
    if ('unknown' in source) return source;
    const next: Vars[] = [];
    for (const vars of partial) {
      for (const node of source.nodes) {
        if (
          Object.entries(node.vars).some(([name, value]) => vars[name] !== undefined && vars[name] !== value)
        )
          continue;
        const outcome = await node.outcome;
        if (!isDone(outcome)) {
          const state = outcome.state === 'failed' || outcome.state === 'blocked' ? 'blocked' : 'depends';
          return { unknown: { state, on: [taskName(list.stage, node.vars)] } };
        }
        for (const element of Object.keys((outcome as Done).record.lists[list.name] ?? {}).sort()) {
          next.push({ ...vars, [variable]: element });
        }
      }
    }
    partial = next;
  }
  return { vars: partial };
}
