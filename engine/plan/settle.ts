import type { Store, Record as StoredRecord } from '../../cache/store.ts';
import type { Need, Pipeline, StageSpec } from '../spec/pipeline.ts';
import { errorAt } from '../spec/source.ts';
import type { Document, InputDigest, Vars } from './document.ts';
import { artefacts, inOrder, inputDigest, listVariables, sharedVariables } from './inputs.ts';
import { type PreparedStage, product } from './prepare.ts';
import { isDone, type Outcome, type ReadyTask, type Source, taskName, varsKey } from './task.ts';

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

/** How a task that wasn't in the store went. `stopped`: the run was interrupted before it was finished. */
export type Performed =
  | { readonly state: 'ran' | 'hit'; readonly record: StoredRecord }
  | { readonly state: 'failed'; readonly error: Error; readonly ms: number }
  | { readonly state: 'stopped' };

/** What to do with a task that isn't in the store; never rejects. Undefined: nothing (dry run). */
export type Perform = (task: ReadyTask) => Promise<Performed | undefined>;

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

  /** Never rejects: what goes wrong with a task is its outcome, so that independent tasks go on. */
  async function resolve(prepared: PreparedStage, vars: Vars): Promise<Outcome> {
    let task: ReadyTask | undefined;
    try {
      const inputs = await received(prepared.spec, vars);
      if ('state' in inputs) return inputs;
      task = ready(prepared, vars, inputs.sources);
      const record = await store.read(task.fingerprint);
      if (record) return { state: 'hit', task, record };
      const done = await perform(task);
      if (!done) return { state: 'will-run', task };
      return done.state === 'stopped' ? { state: 'blocked', on: [] } : { ...done, task };
    } catch (error) {
      return { state: 'failed', task, error: error as Error, ms: 0 };
    }
  }

  /** What a task gets from those that it needs, or that it has to wait for them. */
  async function received(
    spec: StageSpec,
    vars: Vars,
  ): Promise<{ sources: Record<string, Source[]> } | (Outcome & { state: 'depends' | 'blocked' })> {
    const inputs: Record<string, Source[]> = {};
    const waiting = { depends: new Set<string>(), blocked: new Set<string>() };
    for (const need of spec.needs) {
      const variable = need.list === undefined ? undefined : variableOf(need.stage, need.list);
      const found: Source[] = [];
      for (const { vars: made, outcome } of await sources(spec, need, vars)) {
        if (isDone(outcome))
          found.push(...artefacts(need, { vars: made, record: outcome.record }, vars, variable));
        else waiting[isLost(outcome) ? 'blocked' : 'depends'].add(taskName(need.stage, made));
      }
      inputs[need.input] = inOrder(found);
    }
    for (const state of ['blocked', 'depends'] as const)
      if (waiting[state].size > 0) return { state, on: [...waiting[state]] };
    return { sources: inputs };
  }
}

/** True where nothing can come any more in this run. */
const isLost = (outcome: Outcome): boolean => outcome.state === 'failed' || outcome.state === 'blocked';

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
    verify: variant.verify,
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

/**
 * The combinations of elements that a stage runs over; lists of earlier stages are waited for. Elements of a list that
 * several tasks put out are joined on the variables that both have, as inputs are.
 */
async function expand(
  { spec, elements }: PreparedStage,
  expansions: ReadonlyMap<string, Promise<Expansion>>,
): Promise<{ vars: readonly Vars[] } | { unknown: Outcome & { state: 'depends' | 'blocked' } }> {
  let partial = product(elements);
  for (const { variable, list } of spec.loops) {
    if (!list) continue;
    const source = await expansions.get(list.stage)!;
    if ('unknown' in source) return source;
    const lists: { vars: Vars; names: string[] }[] = [];
    for (const node of source.nodes) {
      const outcome = await node.outcome;
      if (!isDone(outcome)) {
        const state = isLost(outcome) ? 'blocked' : 'depends';
        return { unknown: { state, on: [taskName(list.stage, node.vars)] } };
      }
      lists.push({ vars: node.vars, names: Object.keys(outcome.record.lists[list.name] ?? {}) });
    }
    partial = partial.flatMap((vars) => {
      const joined = lists.filter((each) => agree(each.vars, vars)).flatMap(({ names }) => names);
      return [...new Set(joined)].sort().map((name) => ({ ...vars, [variable]: name }));
    });
  }
  const order = spec.loops.map(({ variable }) => variable);
  return { vars: partial.map((vars) => pick(vars, order)) };
}

const agree = (a: Vars, b: Vars): boolean =>
  Object.entries(a).every(([name, value]) => b[name] === undefined || b[name] === value);
