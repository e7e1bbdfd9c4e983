import type { Store, Record as StoredRecord } from '../../cache/store.ts';
import { type Pipeline, type StageSpec, upstream } from '../spec/pipeline.ts';
import type { Impossible } from '../stage.ts';
import type { Vars } from './document.ts';
import { type Coming, type Expansions, type Inputs, inputFinder, type Missing } from './find-sources.ts';
import { impossibleOnes, rememberedReasons } from './impossible.ts';
import { listVariables } from './inputs.ts';
import { type PreparedStage, stageKey } from './prepare.ts';
import { readyTask, Unfitting } from './ready.ts';
import { isDone, type Outcome, pick, type ReadyTask, shownVars, taskName } from './task.ts';

/** A task of the graph and what becomes of it. */
export interface Node {
  readonly stage: PreparedStage;
  readonly vars: Vars;
  /** Undefined until it was looked for; a promise (that never rejects) while it is on its way. */
  outcome: Outcome | Promise<Outcome> | undefined;
}

/** A node that tells of its task what people see. */
export type Settled = Node & { readonly outcome: Outcome };

/** Whether a task is at the config's own point and its outcome known: then its node says it all. */
export function isSettled(node: Node): node is Settled {
  return node.stage.setting === '' && node.outcome !== undefined && !(node.outcome instanceof Promise);
}

/** The tasks of a stage; unknown while a list that it runs over isn't there. */
export type Expansion = Tasks | { readonly unknown: Unready };

export interface Tasks {
  readonly nodes: readonly Node[];
  /** The same in parts, each once all of it was looked for in the store: what is there has its outcome. */
  readonly looked: readonly Promise<readonly Node[]>[];
}

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

/** So many tasks are looked for at once; in between others get their turn. */
const PART = 4096;

/**
 * Settles every task of the graph: found in the store, or performed, as soon as what it needs is there. Planning and
 * running are this one function, so a dry run can't disagree with a run.
 *
 * Where nothing is to be done, that is known of a whole part of a stage at once, without a promise for each task.
 */
export function settle(
  pipeline: Pipeline,
  stages: readonly PreparedStage[],
  store: Store,
  perform: Perform,
): Map<string, Promise<Expansion>> {
  const expansions = new Map<string, Promise<Expansion>>();
  const variableOf = listVariables(pipeline);
  const reasons = rememberedReasons(store);
  for (const prepared of stages) {
    const { spec, setting } = prepared;
    const expansion = expand(prepared, expansions).then((found): Expansion => {
      if ('unknown' in found) return found;
      const nodes = found.vars.map((vars): Node => ({ stage: prepared, vars, outcome: undefined }));
      return { nodes, looked: look(prepared, nodes) };
    });
    expansions.set(stageKey(spec.name, setting), expansion);
  }
  return expansions;

  /** Looks for a stage's tasks, part by part, once those that they need were looked for. */
  function look(prepared: PreparedStage, nodes: readonly Node[]): Promise<readonly Node[]>[] {
    let turn: Promise<unknown> = lookedFor(prepared, expansions);
    const find = turn.then((found) => inputFinder(prepared, found as Expansions, variableOf));
    const parts: Promise<readonly Node[]>[] = [];
    for (let at = 0; at < nodes.length; at += PART) {
      const part = nodes.slice(at, at + PART);
      const begun = turn.then(async () => {
        const inputsOf = await find;
        return part.map((node) => begin(prepared, node, inputsOf));
      });
      turn = begun.then(() => new Promise(setImmediate));
      parts.push(begun.then((tasks) => lookUp(prepared, part, tasks)).then(() => part));
    }
    return parts;
  }

  /** The task, if what it needs is there; else what becomes of it, now or later. */
  function begin(
    prepared: PreparedStage,
    node: Node,
    inputsOf: (vars: Vars) => Inputs | Coming,
  ): ReadyTask | undefined {
    try {
      const found = inputsOf(node.vars);
      if ('coming' in found) {
        later(node, async () => {
          await Promise.all(found.coming);
          const task = begin(prepared, node, inputsOf);
          return task ? resolve(prepared, task, true) : node.outcome!;
        });
        return undefined;
      }
      const inputs = received(prepared.spec, found.missing);
      if (!('state' in inputs)) return readyTask(prepared, node.vars, found, inputs.impossible);
      node.outcome = inputs;
    } catch (error) {
      node.outcome = wrong(prepared, undefined, error as Error);
    }
    return undefined;
  }

  async function lookUp(
    prepared: PreparedStage,
    nodes: readonly Node[],
    tasks: readonly (ReadyTask | undefined)[],
  ): Promise<void> {
    const ready = tasks.filter((task) => task !== undefined);
    // Where one of them can't be read, each is asked for by itself: that one fails, the others don't.
    const records = await store.readAll(ready.map(({ fingerprint }) => fingerprint)).catch(() => undefined);
    let at = 0;
    for (const [i, task] of tasks.entries()) {
      if (!task) continue;
      const node = nodes[i]!;
      const record = records?.[at++];
      if (record) node.outcome = { state: 'hit', task, record };
      else later(node, () => resolve(prepared, task, records === undefined));
    }
  }

  /** Never rejects: what goes wrong with a task is its outcome, so that independent tasks go on. */
  async function resolve(prepared: PreparedStage, task: ReadyTask, ask: boolean): Promise<Outcome> {
    try {
      const record = ask ? await store.read(task.fingerprint) : undefined;
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
      return wrong(prepared, task, error as Error);
    }
  }
}

/** Work that gives a node its outcome. */
function later(node: Node, work: () => Promise<Outcome>): void {
  node.outcome = work().then((outcome) => {
    node.outcome = outcome;
    return outcome;
  });
}

function wrong(prepared: PreparedStage, task: ReadyTask | undefined, error: Error): Outcome {
  return error instanceof Unfitting && prepared.setting !== ''
    ? { state: 'impossible', task, reason: error.message, on: [] }
    : { state: 'failed', task, error, ms: 0 };
}

/** The expansions of the stages that a stage needs, once all that is there of them was found. */
async function lookedFor(
  prepared: PreparedStage,
  expansions: ReadonlyMap<string, Promise<Expansion>>,
): Promise<Expansions> {
  const found = new Map<string, Expansion>();
  for (const name of upstream(prepared.spec)) {
    for (const { key } of prepared.from(name)) {
      const expansion = await expansions.get(key)!;
      found.set(key, expansion);
      if ('nodes' in expansion) await Promise.all(expansion.looked);
    }
  }
  return found;
}

const NOTHING = { impossible: [] };

/** What a task gets from those that it needs, or that it has to wait for them. */
function received(
  spec: StageSpec,
  missing: readonly Missing[],
): { readonly impossible: readonly Impossible[] } | Unready {
  if (missing.length === 0) return NOTHING;
  const unfit = missing.filter(({ outcome }) => outcome.state === 'impossible');
  const rest = spec.vary ? missing.filter((each) => !unfit.includes(each)) : missing;
  return rest.length > 0 ? unready(rest) : { impossible: impossibleOnes(unfit) };
}

/** What a task comes to some of whose sources aren't there. */
function unready(missing: readonly Pick<Missing, 'name' | 'outcome'>[]): Unready {
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
      for (const node of (await Promise.all(source.looked)).flat()) {
        const { vars, stage } = node;
        if (!part.has(vars)) continue;
        const outcome = (await node.outcome)!;
        if (!isDone(outcome)) {
          const name = taskName(list.stage, shownVars(vars, stage.setting));
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
  const isOrdered = order.join() === Object.keys(partial[0] ?? {}).join();
  return { vars: isOrdered ? partial : partial.map((vars) => pick(vars, order)) };
}

const agree = (a: Vars, b: Vars): boolean =>
  Object.entries(a).every(([name, value]) => b[name] === undefined || b[name] === value);
