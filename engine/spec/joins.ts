import type { Loop, Need, StageSpec } from './pipeline.ts';
import { coordinates, errorAt } from './source.ts';

/**
 * Checks how stages are joined, which is by the names of their foreach variables: a name stands for one list in the
 * whole pipeline, a stage's list has one name, and an input that is taken as `one` leaves no variable open.
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

const listOf = (loop: Loop): string => loop.over.paths[0]!.join('.');

function checkNames(loops: readonly Loop[]) {
  const lists = new Map<string, Loop>();
  const variables = new Map<string, Loop>();
  for (const loop of loops) {
    const other = lists.get(loop.variable) ?? loop;
    lists.set(loop.variable, other);
    if (listOf(other) !== listOf(loop)) {
      throw errorAt(
        loop.over.place,
        `"${loop.variable}" runs over ${listOf(loop)} here, but over ${listOf(other)} at ${coordinates(other.over.place)}`,
        'Stages are joined by these names: give each list its own.',
      );
    }
    const same = (loop.list && variables.get(listOf(loop))) ?? loop;
    if (loop.list) variables.set(listOf(loop), same);
    if (same.variable !== loop.variable) {
      throw errorAt(
        loop.over.place,
        `${listOf(loop)} is called "${loop.variable}" here, but "${same.variable}" at ${coordinates(same.over.place)}`,
        'Stages are joined by these names: use one for the list.',
      );
    }
  }
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
