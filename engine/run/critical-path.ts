import type { Vars } from '../plan/document.ts';
import { varsKey } from '../plan/task.ts';

/** The chain of tasks, each waiting for the one before, that takes longest: with more jobs a run takes this at least. */
export interface CriticalPath {
  readonly ms: number;
  /** Those that ran, first to last. */
  readonly tasks: readonly Step[];
}

interface Step {
  readonly stage: string;
  readonly vars: Vars;
  readonly ms: number;
}

interface Chain {
  readonly ms: number;
  readonly last: Step;
  readonly before: Chain | undefined;
}

/**
 * A task waits for those tasks of the stages before which have the same values of the variables that both have.
 *
 * @param stages names in an order in which each comes after those that it waits for
 * @param needs the stages that a stage waits for
 */
export function criticalPath(
  stages: readonly string[],
  needs: Readonly<Record<string, readonly string[]>>,
  tasks: readonly Step[],
): CriticalPath {
  const chains = new Map<string, Chain[]>();
  for (const stage of stages) {
    const own = tasks.filter((task) => task.stage === stage);
    const names = Object.keys(own[0]?.vars ?? {});
    const sources = (needs[stage] ?? []).map((source) => longestBy(chains.get(source) ?? [], names));
    chains.set(
      stage,
      own.map(({ vars, ms }): Chain => {
        const before = longest(sources.flatMap((find) => find(vars) ?? []));
        return { ms: ms + (before?.ms ?? 0), last: { stage, vars, ms }, before };
      }),
    );
  }
  const whole = longest([...chains.values()].flat());
  const steps: Step[] = [];
  for (let at = whole; at; at = at.before) if (at.last.ms > 0) steps.unshift(at.last);
  return { ms: whole?.ms ?? 0, tasks: steps };
}

function longest(chains: readonly Chain[]): Chain | undefined {
  return chains.reduce<Chain | undefined>(
    (best, chain) => (best && best.ms >= chain.ms ? best : chain),
    undefined,
  );
}

/** Finds the longest chain that ends with a task that agrees in the shared variables. */
function longestBy(chains: readonly Chain[], names: readonly string[]) {
  const shared = Object.keys(chains[0]?.last.vars ?? {}).filter((name) => names.includes(name));
  const key = (vars: Vars) => varsKey(Object.fromEntries(shared.map((name) => [name, vars[name]!])));
  const found = new Map<string, Chain>();
  for (const chain of chains) {
    const at = key(chain.last.vars);
    found.set(at, longest([chain, ...(found.has(at) ? [found.get(at)!] : [])])!);
  }
  return (vars: Vars) => found.get(key(vars));
}
