import { type Loop, listName } from './loop.ts';
import type { Need, StageSpec } from './pipeline.ts';
import { coordinates, errorAt } from './source.ts';

/**
 * Checks how stages are joined, which is by the names of their foreach variables: a name stands for one list in the
 * whole pipeline (or for lists that a stage runs over together), a stage's list has one name, and an input that is taken as `one` leaves no variable open.
 */
export function checkJoins(specs: readonly StageSpec[]) {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  checkNames(specs.flatMap((spec) => spec.loops));
  for (const spec of specs) {
    for (const need of spec.needs) {
      if (spec.stage.inputs?.[need.input]?.take === 'one')
        checkOne(spec, need, byName.get(need.stage)!, specs);
    }
  }
}

const listOf = (loop: Loop): string => listName(loop.over[0]!);

function checkNames(loops: readonly Loop[]) {
  const together = togetherIn(loops);
  const lists = new Map<string, Loop>();
  const variables = new Map<string, Loop>();
  for (const loop of loops) {
    const [{ place }] = loop.over as [Loop['over'][number]];
    const other = lists.get(loop.variable) ?? loop;
    lists.set(loop.variable, other);
    if (together(listOf(other)) !== together(listOf(loop))) {
      throw errorAt(
        place,
        `"${loop.variable}" runs over ${listOf(loop)} here, but over ${listOf(other)} at ${coordinates(other.over[0]!.place)}`,
        'Stages are joined by these names: give each list its own.',
      );
    }
    const same = (loop.list && variables.get(listOf(loop))) ?? loop;
    if (loop.list) variables.set(listOf(loop), same);
    if (same.variable !== loop.variable) {
      throw errorAt(
        place,
        `${listOf(loop)} is called "${loop.variable}" here, but "${same.variable}" at ${coordinates(same.over[0]!.place)}`,
        'Stages are joined by these names: use one for the list.',
      );
    }
  }
}

/** A function that gives lists which some stage runs over together the same name, and others different ones. */
export function togetherIn(loops: readonly Loop[]): (list: string) => string {
  const groups = new Map<string, string>();
  const of = (list: string): string => groups.get(list) ?? list;
  for (const { over } of loops) {
    const first = of(listName(over[0]!));
    const joined = new Set(over.map((reference) => of(listName(reference))));
    for (const [list, group] of groups) if (joined.has(group)) groups.set(list, first);
    for (const list of joined) groups.set(list, first);
    for (const reference of over) groups.set(listName(reference), first);
  }
  return of;
}

function checkOne(spec: StageSpec, need: Need, source: StageSpec, specs: readonly StageSpec[]) {
  const own = new Set(spec.loops.map((loop) => loop.variable));
  const open = source.loops.map((loop) => loop.variable).filter((name) => !own.has(name));
  const add = [...open];
  if (need.list !== undefined) {
    const list = `${need.stage}.${need.list}`;
    const loop = specs.flatMap((each) => each.loops).find((each) => each.list && listOf(each) === list);
    if (!loop || !own.has(loop.variable)) {
      open.push(loop?.variable ?? `element of ${list}`);
      add.push(`${loop?.variable ?? 'NAME'}: \${${list}}`);
    }
  }
  if (open.length === 0) return;
  throw errorAt(
    need.place,
    `stage ${spec.name} takes one "${need.input}", but there is one for each ${open.join(' and ')}`,
    `Add ${add.join(' and ')} to the foreach of ${spec.name}.`,
  );
}
