import { withValues } from '../spec/config.ts';
import { suggestion } from '../spec/nearest.ts';
import type { Node } from '../spec/node.ts';
import { type StageSpec, upstream } from '../spec/pipeline.ts';
import { points, type Setting, type Settings, settingsOf } from '../spec/settings.ts';
import type { Shape } from '../spec/shape.ts';
import { errorAt } from '../spec/source.ts';
import { type Effects, effectFinder } from './affected.ts';
import { demanded } from './demand.ts';
import type { Vars } from './document.ts';
import { type Opened, type Part, type PreparedStage, stageKey } from './prepare.ts';

/** The stages with those that come in beside them: the same stages at the settings that some stage varies. */
export interface Varied {
  /** In an order in which each comes after those that it needs. */
  readonly stages: readonly PreparedStage[];
  /** What a person should know: settings that change nothing. */
  readonly notes: readonly { readonly stage: string; readonly message: string }[];
}

/** What a varying stage asks for. */
export interface Asked {
  readonly spec: StageSpec;
  /** In the order in which they were given. */
  readonly settings: readonly string[];
  /** Whether it takes a task with these variables. */
  takes(vars: Vars): boolean;
}

/**
 * Brings in the stages at the settings that stages vary: those tasks alone that differ from the config's own and that a
 * varying stage needs, however far up; what they share with the config's own point they take from there.
 *
 * @param base the stages at the config's own point, in topological order
 * @param targets stages that were asked for by name; of the others only what these need is run. None: all of it.
 */
export async function vary(
  base: readonly PreparedStage[],
  open: Opened,
  shape: Shape,
  targets: readonly string[],
): Promise<Varied> {
  const effects = new Map<string, Effects>();
  const notes: Varied['notes'][number][] = [];
  const asked: Asked[] = [];
  const relevant = new Set(base.flatMap(({ spec }) => (spec.vary ? ancestors(spec, base) : [])));
  const effectOf = effectFinder(
    base.filter((stage) => relevant.has(stage)),
    (setting) => changedBy(setting, open, shape),
    effects,
  );
  for (const { spec } of base) {
    if (!spec.vary) continue;
    const wanted = settingsOf(spec.vary, open.config, shape);
    const before = ancestors(spec, base);
    const takes = taking(wanted, before);
    const reaches = async (setting: Setting) => isTaken(spec, await effectOf(setting), takes);
    const paths: (readonly { path: string; value: Node }[])[] = [];
    for (const [path, values] of wanted.paths) {
      const alone = points([values], false);
      const reached = await Promise.all(alone.map(reaches));
      if (reached.some(Boolean)) paths.push(values);
      else if (values.length > 0)
        notes.push({
          stage: spec.name,
          message: `${path} changes nothing that it takes, so it isn't varied.`,
        });
    }
    const settings: string[] = [];
    for (const setting of points(paths, wanted.grid)) {
      if (!(await reaches(setting))) continue;
      settings.push(setting.text);
    }
    asked.push({ spec, settings, takes });
  }
  return { stages: together(base, effects, asked, targets), notes };
}

const changedBy = (setting: Setting, open: Opened, shape: Shape): Opened => ({
  ...open,
  config: withValues(
    open.config,
    setting.assignments.map(({ path, value }) => ({ path: path.split('.'), value })),
    shape,
  ),
});

/** Whether a setting changes a task that a varying stage takes. */
function isTaken(spec: StageSpec, effects: Effects, takes: (vars: Vars) => boolean): boolean {
  return [...upstream(spec)].some((name) => effects.get(name)!.combinations.some(takes));
}

/** All stages that a stage needs, however far up. */
function ancestors(spec: StageSpec, base: readonly PreparedStage[]): PreparedStage[] {
  const names = new Set(upstream(spec));
  for (const { spec: each } of [...base].reverse())
    if (names.has(each.name)) for (const name of upstream(each)) names.add(name);
  return base.filter((each) => names.has(each.spec.name));
}

/** Checks the names that a varying stage takes only, and returns what it takes by them. */
function taking({ only }: Settings, before: readonly PreparedStage[]): (vars: Vars) => boolean {
  const allowed = new Map<string, Set<string>>();
  for (const [variable, names] of only) {
    const known = new Set(before.flatMap(({ elements }) => [...(elements.get(variable)?.keys() ?? [])]));
    for (const { name, node } of names)
      if (!known.has(name))
        throw errorAt(node.place, `there is no ${variable} "${name}"`, suggestion(name, known));
    allowed.set(variable, new Set(names.map(({ name }) => name)));
  }
  return (vars) => [...allowed].every(([name, names]) => vars[name] === undefined || names.has(vars[name]));
}

/** All stages with the tasks that are needed, and where each finds those of the stages that it needs. */
function together(
  base: readonly PreparedStage[],
  effects: ReadonlyMap<string, Effects>,
  asked: readonly Asked[],
  targets: readonly string[],
): PreparedStage[] {
  const varying = new Map(asked.map((each) => [each.spec.name, each]));
  const partsOf =
    (stage: string, setting: string) =>
    (name: string): Part[] => {
      const wants = varying.get(stage);
      if (wants) {
        const own: Part = { key: name, setting: '', has: wants.takes };
        const others = wants.settings.map((text) => partAt(name, text, effects.get(text)!, wants.takes));
        return [own, ...others];
      }
      if (setting === '') return [{ key: name, setting: '', has: () => true }];
      const at = effects.get(setting)!;
      return [partAt(name, setting, at), { key: name, setting: '', has: at.get(name)!.isShared }];
    };
  const all = base.flatMap((stage): PreparedStage[] => {
    const { name } = stage.spec;
    const found = [...effects.values()].flatMap((at) => at.get(name) ?? []);
    const distinct = new Map(found.map((effect) => [effect.setting, effect]));
    const beside = [...distinct.values()].filter(({ combinations }) => combinations.length > 0);
    return [
      { ...stage, from: partsOf(name, '') },
      ...beside.map(({ stage: own, setting, combinations }) => ({
        ...own,
        setting,
        combinations,
        from: partsOf(name, setting),
      })),
    ];
  });
  const needed = demanded(
    all,
    ({ spec, setting }) => setting === '' && (targets.length === 0 || targets.includes(spec.name)),
  );
  const there = new Set(needed.map(({ spec, setting }) => stageKey(spec.name, setting)));
  return needed.map((stage) => ({
    ...stage,
    from: (name) => stage.from(name).filter((part) => there.has(part.key)),
  }));
}

/** The tasks of a stage that a setting changes. */
function partAt(name: string, setting: string, effects: Effects, takes?: (vars: Vars) => boolean): Part {
  const { isAffected, setting: own } = effects.get(name)!;
  return {
    key: stageKey(name, own),
    setting,
    has: (vars) => isAffected(vars) && (takes?.(vars) ?? true),
  };
}
