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

/** What comes to a task. */
export interface Inputs {
  /** Of each input how many artefacts there are. */
  readonly counts: Readonly<Record<string, number>>;
  /** By input, sorted by their variables. Gathered when asked for: of most tasks nobody does. */
  sources(): Readonly<Record<string, readonly Source[]>>;
  readonly missing: readonly Missing[];
  /** Canonical JSON of what the inputs add to the fingerprint. Not to be asked where one has too few or too many. */
  text(): string;
}

/** What must be waited for before the inputs are known. */
export interface Coming {
  readonly coming: readonly Promise<unknown>[];
}

/** The expansions of the stages that a stage needs, by their key. */
export type Expansions = ReadonlyMap<string, Expansion>;

type Index =
  | { readonly shared: readonly string[]; readonly byShared: ReadonlyMap<string, readonly Node[]> }
  | { readonly unknown: Unready };

type FindVariable = (stage: string, list: string) => string;

/**
 * A function that gathers the inputs of a stage's tasks: from the tasks of needed stages that agree with it in the
 * variables that both have. Tasks that agree with the same ones share what is gathered.
 *
 * @param variableOf foreach variable of a list, as `listVariables` finds it
 */
export function inputFinder(
  taker: PreparedStage,
  expansions: Expansions,
  variableOf: FindVariable,
): (vars: Vars) => Inputs | Coming {
  const byInput = new Map<string, Need[]>();
  for (const need of taker.spec.needs) byInput.set(need.input, [...(byInput.get(need.input) ?? []), need]);
  const finders = [...byInput].map(([name, needs]) => {
    const contract = taker.spec.stage.inputs?.[name];
    return { name, contract, ...oneInput(taker, needs, expansions, variableOf) };
  });
  const texts = finders
    .filter(({ contract }) => contract && contract.counts !== false)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return sharing(
    finders.flatMap(({ names }) => names),
    (vars) => {
      const gathered: Record<string, Gathered> = {};
      const coming: Promise<unknown>[] = [];
      for (const { name, find } of finders) {
        const found = find(vars);
        if ('coming' in found) coming.push(...found.coming);
        else gathered[name] = found;
      }
      if (coming.length > 0) return { coming };
      const all = Object.entries(gathered);
      const text = () => {
        const given = texts.filter(({ name }) => gathered[name]!.count > 0);
        const members = given.map(
          ({ name, contract }) => `${JSON.stringify(name)}:${gathered[name]!.text(contract!.take)}`,
        );
        return `{${members.join(',')}}`;
      };
      return {
        counts: Object.fromEntries(all.map(([name, { count }]) => [name, count])),
        sources: () => Object.fromEntries(all.map(([name, { sources }]) => [name, sources()])),
        missing: all.flatMap(([, { missing }]) => missing),
        text: rememberedIfAskedAgain(text),
      };
    },
  );
}

/** What comes to a task by one of its inputs. */
interface Gathered {
  readonly count: number;
  sources(): readonly Source[];
  readonly missing: readonly Missing[];
  text(take: 'one' | 'each'): string;
}

function oneInput(
  taker: PreparedStage,
  needs: readonly Need[],
  expansions: Expansions,
  variableOf: FindVariable,
) {
  const finders = needs.map((need) => oneNeed(taker, need, expansions, variableOf));
  const names = finders.flatMap((each) => each.names);
  const gather = (vars: Vars) => {
    const found: Source[] = [];
    const missing: Missing[] = [];
    const coming: Promise<unknown>[] = [];
    for (const finder of finders) finder.find(vars, found, missing, coming);
    return { found, missing, coming };
  };
  const find = sharing(names, (vars): Gathered | Coming => {
    const { found, missing, coming } = gather(vars);
    if (coming.length > 0) return { coming };
    /** Kept for the first who asks, which is soon; there may be a million. */
    let fresh: readonly Source[] | undefined = found;
    const sources = () => {
      const now = fresh ?? gather(vars).found;
      fresh = undefined;
      return inOrder(now);
    };
    return {
      count: found.length,
      sources,
      missing,
      text: rememberedIfAskedAgain((take: 'one' | 'each') => inputText(take, sources(), vars)),
    };
  });
  return { names, find };
}

/** The same result for all that have the same values of some variables, once it is there. */
function sharing<T extends object>(
  names: readonly string[],
  work: (vars: Vars) => T | Coming,
): (vars: Vars) => T | Coming {
  const distinct = [...new Set(names)];
  const known = new Map<string, T | Coming>();
  return (vars) => {
    const key = valuesKey(vars, distinct);
    const before = known.get(key);
    if (before) return before;
    const found = work(vars);
    if (!('coming' in found)) known.set(key, found);
    return found;
  };
}

/** Texts of gathered inputs are long: one that a single task has isn't kept. */
function rememberedIfAskedAgain<Asked extends readonly unknown[]>(work: (...asked: Asked) => string) {
  let known: string | undefined;
  let times = 0;
  return (...asked: Asked): string => {
    if (known !== undefined) return known;
    const text = work(...asked);
    if (times++ > 0) known = text;
    return text;
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
  variableOf: FindVariable,
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
      const name = taskName(node.stage.spec.name, shownVars(node.vars, node.stage.setting));
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
  const shared = nodes[0] ? sharedVariables(taker, nodes[0].stage.spec) : [];
  const byShared = new Map<string, Node[]>();
  for (const node of nodes) {
    const key = valuesKey(node.vars, shared);
    const group = byShared.get(key);
    if (group) group.push(node);
    else byShared.set(key, [node]);
  }
  return { shared, byShared };
}
