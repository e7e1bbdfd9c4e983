import { outputOf } from '../../cache/indexed-record.ts';
import type { PutOut } from '../../cache/store.ts';
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
  from: { vars: Vars; record: PutOut },
  taker: Vars,
  variable: string | undefined,
): Source[] {
  const { vars, record } = from;
  if (need.list === undefined || variable === undefined) {
    const artifact = outputOf(record, need.output);
    return artifact ? [{ vars, artifact }] : [];
  }
  const list = record.lists[need.list] ?? {};
  const own = taker[variable];
  const elements = own === undefined ? Object.keys(list) : [own];
  return elements.flatMap((element) => {
    const artifact = Object.hasOwn(list, element) ? list[element]![need.output] : undefined;
    return artifact ? [{ vars: { ...vars, [variable]: element }, artifact }] : [];
  });
}

/** Sorted by variables, so that neither the order of a config nor of finishing counts. */
export function inOrder(sources: readonly Source[]): readonly Source[] {
  if (isPlainlyInOrder(sources)) return sources;
  const keys = sources.map(({ vars }) => varsKey(vars));
  if (keys.every((key, i) => i === 0 || keys[i - 1]! <= key)) return sources;
  const keyed = sources.map((source, i) => ({ source, key: keys[i]! }));
  return keyed.sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0)).map(({ source }) => source);
}

/**
 * True where all have the same variables and their values ascend, which is most often so: no key is made then. Equal to the
 * order of the keys, since no value holds the zero byte that separates them there.
 */
function isPlainlyInOrder(sources: readonly Source[]): boolean {
  const names = Object.keys(sources[0]?.vars ?? {}).sort();
  return sources.every(({ vars }, i) => {
    let known = 0;
    for (const name in vars)
      if (names.includes(name)) known++;
      else return false;
    return known === names.length && (i === 0 || ascend(sources[i - 1]!.vars, vars, names));
  });
}

function ascend(before: Vars, after: Vars, names: readonly string[]): boolean {
  for (const name of names) if (before[name] !== after[name]) return before[name]! < after[name]!;
  return true;
}

/** What an input adds to the fingerprint: digests, told apart by the variables that the taker doesn't share. */
export function inputDigest(take: 'one' | 'each', sources: readonly Source[], taker: Vars): InputDigest {
  if (take === 'one') return sources[0]!.artifact.digest;
  return sources.map(({ vars, artifact }) => ({
    vars: Object.fromEntries(Object.entries(vars).filter(([name]) => taker[name] === undefined)),
    digest: artifact.digest,
  }));
}

/** The canonical JSON of {@link inputDigest}. Written piece by piece: a large graph gathers a million artefacts. */
export function inputText(take: 'one' | 'each', sources: readonly Source[], taker: Vars): string {
  if (take === 'one') return JSON.stringify(sources[0]!.artifact.digest);
  let text = '';
  for (const { vars, artifact } of sources) {
    text += `${text === '' ? '[' : ','}{"digest":"${artifact.digest}","vars":${ownText(vars, taker)}}`;
  }
  return `${text}]`;
}

/** Canonical JSON of the variables that a taker doesn't share. */
function ownText(vars: Vars, taker: Vars): string {
  const names: string[] = [];
  for (const name in vars) if (taker[name] === undefined) names.push(name);
  if (names.length > 1) names.sort();
  let text = '';
  for (const name of names)
    text += `${text === '' ? '' : ','}${JSON.stringify(name)}:${JSON.stringify(vars[name])}`;
  return `{${text}}`;
}

/** The variables that two tasks must agree on to be joined. */
export function sharedVariables(a: StageSpec, b: StageSpec): string[] {
  const names = new Set(b.loops.map((loop) => loop.variable));
  return a.loops.map((loop) => loop.variable).filter((name) => names.has(name));
}
