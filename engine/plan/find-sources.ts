import type { Need, StageSpec } from '../spec/pipeline.ts';
import type { Vars } from './document.ts';
import { sharedVariables } from './inputs.ts';
import { type Part, type PreparedStage, stageKey } from './prepare.ts';
import type { Expansion, Node, Unready } from './settle.ts';
import { type Outcome, pick, shownVars, taskName, varsKey } from './task.ts';

/** A task that another one needs. */
export interface Found {
  readonly vars: Vars;
  /** What it is received as, where the taker varies. */
  readonly setting: string;
  readonly name: string;
  readonly outcome: Outcome;
}

type Index =
  | { readonly shared: readonly string[]; readonly byShared: ReadonlyMap<string, readonly Node[]> }
  | { readonly unknown: Unready };

/** Finds the tasks of a needed stage that agree with a task in the variables that both have. */
export function sourceFinder(expansions: ReadonlyMap<string, Promise<Expansion>>) {
  const indexes = new Map<string, Promise<Index>>();
  const inPart = async (taker: PreparedStage, part: Part, vars: Vars): Promise<Found[]> => {
    const id = [stageKey(taker.spec.name, taker.setting), part.key, part.setting].join('\u0000');
    const building =
      indexes.get(id) ?? expansions.get(part.key)!.then((expansion) => indexOf(taker.spec, part, expansion));
    indexes.set(id, building);
    const index = await building;
    const found = { setting: part.setting };
    if ('unknown' in index) return [{ ...found, vars: {}, name: part.key, outcome: index.unknown }];
    const nodes = index.byShared.get(varsKey(pick(vars, index.shared))) ?? [];
    return Promise.all(
      nodes.map(async (node) => ({
        ...found,
        vars: node.vars,
        name: taskName(node.spec.name, shownVars(node.vars, node.setting)),
        outcome: await node.outcome,
      })),
    );
  };
  return async (taker: PreparedStage, need: Need, vars: Vars): Promise<Found[]> => {
    const parts = taker.from(need.stage).map((part) => inPart(taker, part, vars));
    return (await Promise.all(parts)).flat();
  };
}

/** A stage's tasks by the variables that they share with another stage's. */
function indexOf(taker: StageSpec, part: Part, expansion: Expansion): Index {
  if ('unknown' in expansion) return expansion;
  const nodes = expansion.nodes.filter(({ vars }) => part.has(vars));
  const shared = nodes[0] ? sharedVariables(taker, nodes[0].spec) : [];
  const byShared = new Map<string, Node[]>();
  for (const node of nodes) {
    const key = varsKey(pick(node.vars, shared));
    const group = byShared.get(key);
    if (group) group.push(node);
    else byShared.set(key, [node]);
  }
  return { shared, byShared };
}
