import type { Record as StoredRecord } from '../../cache/store.ts';
import type { Need, Pipeline, StageSpec } from '../spec/pipeline.ts';
import type { InputDigest, Vars } from './document.ts';
import { type Source, varsKey } from './task.ts';

/** Foreach variable that runs over a list of a stage, by `stage.list`; the list's own name if none does. */
export function listVariables(pipeline: Pipeline): (stage: string, list: string) => string {
  const names = new Map<string, string>();
  for (const { loops } of pipeline.stages) {
    for (const { list, variable } of loops) if (list) names.set(`${list.stage}.${list.name}`, variable);
  }
  return (stage, list) => names.get(`${stage}.${list}`) ?? list;
}

/** The artefacts that one finished task gives to a need, with the variables that tell them apart for the taker. */
export function artefacts(
  need: Need,
  from: { vars: Vars; record: StoredRecord },
  taker: Vars,
  variable: string | undefined,
): Source[] {
  const { vars, record } = from;
  if (need.list === undefined || variable === undefined) {
    const artifact = record.outputs[need.output];
    return artifact ? [{ vars, artifact }] : [];
  }
  return Object.entries(record.lists[need.list] ?? {}).flatMap(([element, outputs]) => {
    const artifact = outputs[need.output];
    if (!artifact || (taker[variable] !== undefined && taker[variable] !== element)) return [];
    return [{ vars: { ...vars, [variable]: element }, artifact }];
  });
}

/** Sorted by variables, so that neither the order of a config nor of finishing counts. */
export function inOrder(sources: readonly Source[]): Source[] {
  const keyed = sources.map((source) => ({ source, key: varsKey(source.vars) }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ source }) => source);
}

/** What an input adds to the fingerprint: digests, told apart by the variables that the taker doesn't share. */
export function inputDigest(take: 'one' | 'each', sources: readonly Source[], taker: Vars): InputDigest {
  if (take === 'one') return sources[0]!.artifact.digest;
  return sources.map(({ vars, artifact }) => ({
    vars: Object.fromEntries(Object.entries(vars).filter(([name]) => taker[name] === undefined)),
    digest: artifact.digest,
  }));
}

/** The variables that two tasks must agree on to be joined. */
export function sharedVariables(a: StageSpec, b: StageSpec): string[] {
  const names = new Set(b.loops.map((loop) => loop.variable));
  return a.loops.map((loop) => loop.variable).filter((name) => names.has(name));
}
