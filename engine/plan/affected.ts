import { canonicalJson, type Json } from '../../common/json.ts';
import type { Node as ConfigNode } from '../spec/node.ts';
import { type StageSpec, upstream } from '../spec/pipeline.ts';
import { referenceIn } from '../spec/reference.ts';
import { type Assignment, type Setting, settingOf } from '../spec/settings.ts';
import type { Vars } from './document.ts';
import { type Opened, type PreparedStage, prepareStage } from './prepare.ts';
import { pick, varsKey } from './task.ts';

/** What a setting does to a stage. */
export interface Effect {
  /** The setting without what doesn't concern the stage or one before it: what the stage's tasks are known by. */
  readonly setting: string;
  /** The stage at the setting; the one of the config's own point where its parameters and lists are the same. */
  readonly stage: PreparedStage;
  /** Of its combinations those that differ, in themselves or by what they get from earlier stages. */
  readonly combinations: readonly Vars[];
  isAffected(vars: Vars): boolean;
  /** Whether the config's own point has this task too, as the same. */
  isShared(vars: Vars): boolean;
  /** Combinations of the config's own point that aren't there. */
  readonly removed: readonly Vars[];
}

/** What a setting does to each stage, by name. */
export type Effects = ReadonlyMap<string, Effect>;

/**
 * A function that tells what a setting does to each stage: a task is affected if its parameters, its files or the
 * elements that it stands for differ, or if it takes something from one that is.
 *
 * @param base stages with all that they need, in topological order
 * @param at gives the config at a setting
 * @param all every setting that was asked for is noted here, with those that it comes to for single stages
 */
export function effectFinder(
  base: readonly PreparedStage[],
  at: (setting: Setting) => Opened,
  all: Map<string, Effects>,
): (setting: Setting) => Promise<Effects> {
  const concerned = new Map<string, Promise<Effects>>();
  const effectOf = (setting: Setting): Promise<Effects> => {
    const found = concerned.get(setting.text) ?? find(setting);
    concerned.set(setting.text, found);
    return found;
  };
  async function find(setting: Setting): Promise<Effects> {
    const open = at(setting);
    const concerns = concerning(base, setting);
    const effects = new Map<string, Effect>();
    for (const stage of base) {
      const { name } = stage.spec;
      const rest = settingOf(concerns.get(name)!);
      if (rest.text !== setting.text) effects.set(name, (await effectOf(rest)).get(name)!);
      else {
        const own = await atSetting(stage, setting, open);
        effects.set(name, effectOn(stage, own, setting, effects));
      }
    }
    all.set(setting.text, effects);
    return effects;
  }
  return effectOf;
}

/** For each stage the assignments whose keys it refers to, or a stage before it. */
function concerning(
  base: readonly PreparedStage[],
  { assignments }: Setting,
): ReadonlyMap<string, readonly Assignment[]> {
  const found = new Map<string, readonly Assignment[]>();
  for (const { spec } of base) {
    const before = new Set([...upstream(spec)].flatMap((name) => found.get(name)!));
    found.set(
      spec.name,
      assignments.filter((each) => before.has(each) || refersTo(spec, [each.path.split('.')])),
    );
  }
  return found;
}

const atSetting = async (
  stage: PreparedStage,
  { assignments }: Setting,
  open: Opened,
): Promise<PreparedStage> =>
  refersTo(
    stage.spec,
    assignments.map(({ path }) => path.split('.')),
  )
    ? prepareStage(stage.spec, open)
    : stage;

function effectOn(base: PreparedStage, own: PreparedStage, setting: Setting, effects: Effects): Effect {
  const { spec } = base;
  const touched = [...upstream(spec)].map((name) => touching(own, effects.get(name)!));
  const differs = own === base ? () => false : differing(base, own);
  const combinations = own.combinations.filter(
    (vars) => differs(vars) || touched.some((touches) => touches(vars)),
  );
  const names = [...own.elements.keys()];
  const keyOf = (vars: Vars) => varsKey(pick(vars, names));
  const affected = new Set(combinations.map(keyOf));
  const there = new Set(own.combinations.map(keyOf));
  return {
    setting: setting.text,
    stage: own,
    combinations,
    removed: base.combinations.filter((vars) => !there.has(keyOf(vars))),
    isAffected: (vars) => affected.has(keyOf(vars)),
    isShared: (vars) => there.has(keyOf(vars)) && !affected.has(keyOf(vars)),
  };
}

/** A function that says whether a combination of a stage takes anything from those that an earlier stage has otherwise. */
function touching(taker: PreparedStage, { stage, combinations, removed }: Effect): (vars: Vars) => boolean {
  const changed = [...combinations, ...removed];
  const shared = [...taker.elements.keys()].filter((name) => stage.elements.has(name));
  const keys = new Set(changed.map((vars) => varsKey(pick(vars, shared))));
  return (vars) => keys.has(varsKey(pick(vars, shared)));
}

/** A function that says whether a combination has other parameters, files or environment than it had. */
function differing(base: PreparedStage, own: PreparedStage): (vars: Vars) => boolean {
  const textOf = (stage: PreparedStage, vars: Vars): string | undefined => {
    const found = stage.variant(vars);
    return found && canonicalJson(found.fixed as unknown as Json);
  };
  return (vars) => textOf(base, vars) !== textOf(own, vars);
}

/** Whether a stage refers to a key of the config at, above or below one of the paths; lists that it runs over count. */
function refersTo({ loops, with: parameters }: StageSpec, paths: readonly (readonly string[])[]): boolean {
  const variables = new Set(loops.map(({ variable }) => variable));
  const asked = [
    ...loops.flatMap(({ over }) => over.flatMap((reference) => reference.paths)),
    ...pathsIn(parameters).filter(([head]) => !variables.has(head!)),
  ];
  return asked.some((a) => paths.some((b) => a.every((key, i) => i >= b.length || b[i] === key)));
}

function pathsIn(node: ConfigNode): (readonly string[])[] {
  if (node.kind === 'map') return [...node.entries.values()].flatMap(({ value }) => pathsIn(value));
  if (node.kind === 'list') return node.items.flatMap(pathsIn);
  return [...(referenceIn(node)?.paths ?? [])];
}
