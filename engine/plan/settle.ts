import type { Store, Record as StoredRecord } from '../../cache/store.ts';
import type { Pipeline, StageSpec } from '../spec/pipeline.ts';
import { SETTING } from '../spec/vary.ts';
import type { Impossible } from '../stage.ts';
import type { Vars } from './document.ts';
import { type Found, sourceFinder } from './find-sources.ts';
import { impossibleOnes, rememberedReasons } from './impossible.ts';
import { artefacts, inOrder, listVariables } from './inputs.ts';
import { type PreparedStage, stageKey } from './prepare.ts';
import { readyTask, Unfitting } from './ready.ts';
import { isDone, type Outcome, pick, type ReadyTask, type Source, shownVars, taskName } from './task.ts';

/** A task of the graph and what becomes of it. */
export interface Node {
  readonly spec: StageSpec;
  readonly vars: Vars;
  readonly setting: string;
  readonly outcome: Promise<Outcome>;
}

/** The tasks of a stage; unknown while a list that it runs over isn't there. */
export type Expansion = { readonly nodes: readonly Node[] } | { readonly unknown: Unready };

/** A state without a task: something that it waits for will not, or not yet, be there. */
export type Unready = Outcome & { state: 'depends' | 'blocked' | 'impossible' };

/**
 * How a task that wasn't in the store went. `refused`: the stage itself said that it can't be done. `stopped`: the run
 * was interrupted before it was finished.
 */
export type Performed =
  | { readonly state: 'ran' | 'hit'; readonly record: StoredRecord }
  | { readonly state: 'failed'; readonly error: Error; readonly ms: number; readonly refused: boolean }
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
  const reasons = rememberedReasons(store);
  for (const prepared of stages) {
    const { spec, setting } = prepared;
    const expansion = expand(prepared, expansions).then((found): Expansion => {
      if ('unknown' in found) return found;
      const nodes = found.vars.map((vars) => ({ spec, vars, setting, outcome: resolve(prepared, vars) }));
      return { nodes };
    });
    expansions.set(stageKey(spec.name, setting), expansion);
  }
  return expansions;

  /** Never rejects: what goes wrong with a task is its outcome, so that independent tasks go on. */
  async function resolve(prepared: PreparedStage, vars: Vars): Promise<Outcome> {
    let task: ReadyTask | undefined;
    try {
      const inputs = await received(prepared, vars);
      if ('state' in inputs) return inputs;
      task = readyTask(prepared, vars, inputs.sources, inputs.impossible);
      const record = await store.read(task.fingerprint);
      if (record) return { state: 'hit', task, record };
      const reason = reasons.of(task);
      if (reason !== undefined) return { state: 'impossible', task, reason, on: [] };
      const done = await perform(task);
      if (!done) return { state: 'will-run', task };
      if (done.state === 'failed' && done.refused && task.setting !== '') {
        reasons.remember(task, done.error.message);
        return { state: 'impossible', task, reason: done.error.message, on: [] };
      }
      return done.state === 'stopped' ? { state: 'blocked', on: [] } : { ...done, task };
    } catch (error) {
      if (error instanceof Unfitting && prepared.setting !== '')
        return { state: 'impossible', task, reason: error.message, on: [] };
      return { state: 'failed', task, error: error as Error, ms: 0 };
    }
  }

  /** What a task gets from those that it needs, or that it has to wait for them. */
  async function received(prepared: PreparedStage, vars: Vars): Promise<Received | Unready> {
    const { spec } = prepared;
    const inputs: Record<string, Source[]> = {};
    const missing: Found[] = [];
    for (const need of spec.needs) {
      const variable = need.list === undefined ? undefined : variableOf(need.stage, need.list);
      const found = inputs[need.input] ?? [];
      for (const each of await sources(prepared, need, vars)) {
        const { vars: made, setting, outcome } = each;
        if (isDone(outcome)) {
          const shown = spec.vary ? { ...made, [SETTING]: setting } : made;
          found.push(...artefacts(need, { vars: shown, record: outcome.record }, vars, variable));
        } else missing.push(each);
      }
      inputs[need.input] = found;
    }
    const unfit = missing.filter(({ outcome }) => outcome.state === 'impossible');
    const rest = spec.vary ? missing.filter((each) => !unfit.includes(each)) : missing;
    return rest.length > 0
      ? unready(rest)
      : {
          sources: Object.fromEntries(Object.entries(inputs).map(([name, found]) => [name, inOrder(found)])),
          impossible: spec.vary ? impossibleOnes(unfit) : [],
        };
  }
}

interface Received {
  readonly sources: Record<string, Source[]>;
  readonly impossible: readonly Impossible[];
}

/** What a task comes to some of whose sources aren't there. */
function unready(missing: readonly Pick<Found, 'name' | 'outcome'>[]): Unready {
  const names = (of: typeof missing) => [...new Set(of.map(({ name }) => name))];
  for (const each of missing) {
    if (each.outcome.state !== 'impossible') continue;
    const { reason, on } = each.outcome;
    return { state: 'impossible', task: undefined, reason, on: on.length > 0 ? on : [each.name] };
  }
  const lost = missing.filter(({ outcome }) => isLost(outcome));
  return lost.length > 0 ? { state: 'blocked', on: names(lost) } : { state: 'depends', on: names(missing) };
}

/** True where nothing can come any more in this run. */
const isLost = (outcome: Outcome): boolean => outcome.state === 'failed' || outcome.state === 'blocked';

/**
 * The combinations of elements that a stage runs over; lists of earlier stages are waited for. Elements of a list that
 * several tasks put out are joined on the variables that both have, as inputs are.
 */
async function expand(
  prepared: PreparedStage,
  expansions: ReadonlyMap<string, Promise<Expansion>>,
): Promise<{ vars: readonly Vars[] } | { unknown: Unready }> {
  const { spec } = prepared;
  let partial = prepared.combinations;
  for (const { variable, list } of spec.loops) {
    if (!list) continue;
    const lists: { vars: Vars; names: string[] }[] = [];
    for (const part of prepared.from(list.stage)) {
      const source = await expansions.get(part.key)!;
      if ('unknown' in source) return source;
      for (const { vars, setting, outcome: coming } of source.nodes) {
        if (!part.has(vars)) continue;
        const outcome = await coming;
        if (!isDone(outcome)) {
          const name = taskName(list.stage, shownVars(vars, setting));
          return { unknown: unready([{ name, outcome }]) };
        }
        lists.push({ vars, names: Object.keys(outcome.record.lists[list.name] ?? {}) });
      }
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
