import { upstream } from '../spec/pipeline.ts';
import type { Vars } from './document.ts';
import { type PreparedStage, stageKey } from './prepare.ts';
import { pick, varsKey } from './task.ts';

/**
 * Leaves of each stage what is needed: all of some, of the others the combinations that these take something from,
 * however far up. Stages at a setting of which nothing is needed fall away.
 *
 * @param stages in topological order
 */
export function demanded(
  stages: readonly PreparedStage[],
  isWhole: (stage: PreparedStage) => boolean,
): PreparedStage[] {
  const keyOf = ({ spec, setting }: PreparedStage) => stageKey(spec.name, setting);
  const byKey = new Map(stages.map((stage) => [keyOf(stage), stage]));
  const wanted = new Map(stages.map((stage) => [keyOf(stage), new Set<string>()]));
  for (const stage of [...stages].reverse()) {
    const own = wanted.get(keyOf(stage))!;
    if (isWhole(stage)) for (const vars of stage.combinations) own.add(varsKey(vars));
    const taken = stage.combinations.filter((vars) => own.has(varsKey(vars)));
    for (const name of upstream(stage.spec)) {
      for (const part of stage.from(name)) {
        const source = byKey.get(part.key);
        if (source) want(source, part.has, stage, taken, wanted.get(part.key)!);
      }
    }
  }
  return stages
    .map((stage) => {
      const own = wanted.get(keyOf(stage))!;
      return { ...stage, combinations: stage.combinations.filter((vars) => own.has(varsKey(vars))) };
    })
    .filter(({ setting, combinations }) => setting === '' || combinations.length > 0);
}

/** Notes the combinations of a source that some of a taker's agree with. */
function want(
  source: PreparedStage,
  has: (vars: Vars) => boolean,
  taker: PreparedStage,
  taken: readonly Vars[],
  wanted: Set<string>,
) {
  const shared = [...taker.elements.keys()].filter((name) => source.elements.has(name));
  const keys = new Set(taken.map((vars) => varsKey(pick(vars, shared))));
  for (const vars of source.combinations)
    if (has(vars) && keys.has(varsKey(pick(vars, shared)))) wanted.add(varsKey(vars));
}
