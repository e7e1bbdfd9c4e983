import type { Need, StageSpec } from '../spec/pipeline.ts';
import { SETTING } from '../spec/vary.ts';
import type { Vars } from './document.ts';
import { artefacts, inOrder, inputText, sharedVariables } from './inputs.ts';
import type { Part, PreparedStage } from './prepare.ts';
import type { Expansion, Node, Unready } from './settle.ts';
import { isDone, type Outcome, type Source, shownVars, taskName, valuesKey } from './task.ts';

/** A task that another one needs, and that has nothing for it. */
export interface Missing {
  readonly vars: Vars;
  /** What it is received as, where the taker varies. */
  readonly setting: string;
  readonly name: string;
  readonly outcome: Outcome;
}

/** What comes to a task by one of its inputs. */
export interface Gathered {
  /** Sorted by their variables. */
  readonly sources: readonly Source[];
  readonly missing: readonly Missing[];
  /** Canonical JSON of what the input adds to the fingerprint. */
  text(take: 'one' | 'each'): string;
}

/** The inputs of a task by name; or what is still to come before they are known. */
export type Inputs =
  | { readonly inputs: Readonly<Record<string, Gathered>> }
  | { readonly coming: readonly Promise<unknown>[] };

/** The expansions of the stages that a stage needs, by their key. */
export type Expansions = ReadonlyMap<string, Expansion>;

type Index =
  | { readonly shared: readonly string[]; readonly byShared: ReadonlyMap<string, readonly Node[]> }
  | { readonly unknown: Unready };

/**
 * A function that gathers the inputs of a stage's tasks: from the tasks of needed stages that agree with it in the
 * variables that both have. Tasks that agree with the same ones share what is gathered.
 *
 * @param variableOf foreach variable of a list, as `listVariables` finds it
 */
export function inputFinder(
  taker: PreparedStage,
  expansions: Expansions,
  variableOf: (stage: string, list: string) => string,
): (vars: Vars) => Inputs {
  const byInput = new Map<string, Need[]>();
  for (const need of taker.spec.needs) byInput.set(need.input, [...(byInput.get(need.input) ?? []), need]);
  const finders = [...byInput].map(
    ([name, needs]) => [name, oneInput(taker, needs, expansions, variableOf)] as const,
  );
  return (vars) => {
    const inputs: Record<string, Gathered> = {};
    const coming: Promise<unknown>[] = [];
    for (const [name, find] of finders) {
      const found = find(vars);
      if (Array.isArray(found)) coming.push(...found);
      else inputs[name] = found;
    }
    return coming.length > 0 ? { coming } : { inputs };
  };
}

function oneInput(
  taker: PreparedStage,
  needs: readonly Need[],
  expansions: Expansions,
  variableOf: (stage: string, list: string) => string,
): (vars: Vars) => Gathered | Promise<unknown>[] {
  const finders = needs.map((need) => oneNeed(taker, need, expansions, variableOf));
  const names = [...new Set(finders.flatMap((each) => each.names))];
  const known = new Map<string, Gathered>();
  return (vars) => {
    const key = valuesKey(vars, names);
    const before = known.get(key);
    if (before) return before;
    const sources: Source[] = [];
    const missing: Missing[] = [];
    const coming: Promise<unknown>[] = [];
    for (const { find } of finders) find(vars, sources, missing, coming);
    if (coming.length > 0) return coming;
    const found = gathered(sources, missing, vars);
    known.set(key, found);
    return found;
  };
}

/** @param vars of any of the takers: they have the same names, and the same values of what is shared */
function gathered(found: readonly Source[], missing: readonly Missing[], vars: Vars): Gathered {
  const sources = inOrder(found);
  let known: string | undefined;
  return {
    sources,
    missing,
    text(take) {
      known ??= inputText(take, sources, vars);
      return known;
    },
  };
}

interface NeedFinder {
  /** The taker's variables that it depends on. */
  readonly names: readonly string[];
  /** Adds what there is to the lists. */
  find(vars: Vars, sources: Source[], missing: Missing[], coming: Promise<unknown>[]): void;
}

function oneNeed(
  taker: PreparedStage,
  need: Need,
  expansions: Expansions,
  variableOf: (stage: string, list: string) => string,
): NeedFinder {
  const variable = need.list === undefined ? undefined : variableOf(need.stage, need.list);
  const { spec } = taker;
  const parts = taker.from(need.stage).map((part) => {
    const index = indexOf(spec, part, expansions.get(part.key)!);
    return { part, index, shared: 'unknown' in index ? [] : index.shared };
  });
  const own = spec.loops.map((loop) => loop.variable);
  const names = [...parts.flatMap(({ shared }) => shared), ...own.filter((name) => name === variable)];

  function add(node: Node, setting: string, taken: Vars, sources: Source[], missing: Missing[]) {
    const outcome = node.outcome as Outcome;
    if (isDone(outcome)) {
      const vars = spec.vary ? { ...node.vars, [SETTING]: setting } : node.vars;
      for (const source of artefacts(need, { vars, record: outcome.record }, taken, variable))
        sources.push(source);
    } else {
      const name = taskName(node.spec.name, shownVars(node.vars, node.setting));
      missing.push({ vars: node.vars, setting, name, outcome });
    }
  }
  return {
    names,
    find(vars, sources, missing, coming) {
      for (const { part, index, shared } of parts) {
        const { key, setting } = part;
        if ('unknown' in index) missing.push({ vars: {}, setting, name: key, outcome: index.unknown });
        else
          for (const node of index.byShared.get(valuesKey(vars, shared)) ?? []) {
            if (node.outcome instanceof Promise) coming.push(node.outcome);
            else add(node, setting, vars, sources, missing);
          }
      }
    },
  };
}

/** A stage's tasks by the variables that they share with another stage's. */
function indexOf(taker: StageSpec, part: Part, expansion: Expansion): Index {
  if ('unknown' in expansion) return expansion;
  const nodes = expansion.nodes.filter(({ vars }) => part.has(vars));
  const shared = nodes[0] ? sharedVariables(taker, nodes[0].spec) : [];
  const byShared = new Map<string, Node[]>();
  for (const node of nodes) {
    const key = valuesKey(node.vars, shared);
    const group = byShared.get(key);
    if (group) group.push(node);
    else byShared.set(key, [node]);
  }
  return { shared, byShared };
}
