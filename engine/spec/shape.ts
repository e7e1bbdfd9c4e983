import type { z } from 'zod';
import { unwrap } from './check.ts';
import { EXPECT } from './expect.ts';
import { togetherIn } from './joins.ts';
import { type Loop, listName } from './loop.ts';
import type { Node } from './node.ts';
import type { StageSpec } from './pipeline.ts';
import { type Reference, referenceIn } from './reference.ts';
import { errorAt, type Place } from './source.ts';
import { GRID, NAMES, SETTINGS } from './vary.ts';

/**
 * The form that a config must have, read off the pipeline: which keys its stages refer to. A config needs no schema of
 * its own: a key that no stage uses is unknown, and a value's type is that of the parameter which it becomes.
 */
export interface Shape {
  readonly children: Map<string, Shape>;
  /** Form of the elements, when stages run over this list. */
  element?: Shape;
  /** Name of an element's variable, e.g. `model`. */
  variable?: string;
  /** The parameters that take the value at this key. */
  readonly uses: Use[];
  /** Where stages take only some elements of a list by the value at this key. */
  filter?: Place;
}

export interface Use {
  /** The reference in the pipeline; none for a key of the engine's own. */
  readonly place?: Place;
  readonly stage: string;
  readonly parameter: string;
  /** Undefined for files, which are paths, and for parts of a parameter. */
  readonly schema?: z.ZodType;
  readonly isFile: boolean;
  /** True when the key may be left out. */
  readonly optional: boolean;
}

const newShape = (): Shape => ({ children: new Map(), uses: [] });

export function configShape(stages: readonly StageSpec[]): Shape {
  const root = newShape();
  const elementOf = elementShapes(stages);
  for (const spec of stages) {
    const variables = new Map<string, Variable | undefined>();
    for (const loop of spec.loops)
      variables.set(
        loop.variable,
        loop.list ? undefined : { shape: elementOf(root, loop), filtered: loop.where.length > 0 },
      );
    for (const [parameter, { value }] of spec.with.entries)
      collect(root, variables, spec, parameter, value, true);
    varied(root, spec);
  }
  reserve(root);
  return root;
}

/** Puts the lists of a loop into the config's form; those that a stage runs over together have elements of one form. */
function elementShapes(stages: readonly StageSpec[]): (root: Shape, loop: Loop) => Shape {
  const together = togetherIn(stages.flatMap((spec) => spec.loops).filter((loop) => !loop.list));
  const forms = new Map<string, Shape>();
  return (root, loop) => {
    const group = together(listName(loop.over[0]!));
    const form = forms.get(group) ?? newShape();
    forms.set(group, form);
    for (const reference of loop.over) {
      const list = at(root, reference.paths[0]!);
      list.element = form;
      list.variable ??= loop.variable;
    }
    for (const { path, place } of loop.where) at(form, path).filter ??= place;
    return form;
  };
}

/** Keys of the config that say what a stage varies. */
function varied(root: Shape, { name, vary }: StageSpec) {
  if (!vary) return;
  const add = ({ paths, place }: Reference, schema: z.ZodType) =>
    at(root, paths[0]!).uses.push({
      place,
      stage: name,
      parameter: 'vary',
      schema,
      isFile: false,
      optional: true,
    });
  add(vary.settings, SETTINGS);
  for (const reference of vary.only.values()) add(reference, NAMES);
  if (typeof vary.grid === 'object') add(vary.grid, GRID);
}

/** Keys that belong to the engine: `expect`, what `mis check` compares results with (`extends` is gone by then). */
function reserve(root: Shape) {
  const taken = root.children.get('expect');
  const asked = taken && referenceTo(taken);
  if (asked)
    throw errorAt(
      asked,
      '"expect" is what "mis check" compares results with, not for stages',
      'Choose another key.',
    );
  const use: Use = { stage: 'mis check', parameter: 'expect', schema: EXPECT, isFile: false, optional: true };
  root.children.set('expect', { ...newShape(), uses: [use] });
}

/** What a foreach variable stands for: an element of this form; of filtered ones not all need what a stage takes. */
interface Variable {
  readonly shape: Shape;
  readonly filtered: boolean;
}

function at(shape: Shape, path: readonly string[]): Shape {
  let here = shape;
  for (const key of path) {
    let next = here.children.get(key);
    if (!next) {
      next = newShape();
      here.children.set(key, next);
    }
    here = next;
  }
  return here;
}

function collect(
  root: Shape,
  variables: Map<string, Variable | undefined>,
  spec: StageSpec,
  parameter: string,
  node: Node,
  whole: boolean,
) {
  const reference = referenceIn(node);
  if (reference) {
    for (const path of reference.paths) {
      const [head, ...rest] = path as [string, ...string[]];
      if (variables.has(head) && !variables.get(head)) continue;
      const variable = variables.get(head);
      const target = variable ? at(variable.shape, rest) : at(root, path);
      const spared = reference.paths.length > 1 || variable?.filtered === true;
      target.uses.push({ place: node.place, ...use(spec, parameter, whole, spared) });
    }
  } else if (node.kind === 'map') {
    for (const child of node.entries.values()) collect(root, variables, spec, parameter, child.value, false);
  } else if (node.kind === 'list') {
    for (const child of node.items) collect(root, variables, spec, parameter, child, false);
  }
}

function use(spec: StageSpec, parameter: string, whole: boolean, fallback: boolean): Omit<Use, 'place'> {
  const file = spec.stage.files?.[parameter];
  const schema = unwrap(spec.stage.params)?.shape?.[parameter] as z.ZodType | undefined;
  const optional =
    fallback || (file ? file.optional === true : (schema?.safeParse(undefined).success ?? false));
  return {
    stage: spec.name,
    parameter,
    optional,
    isFile: file !== undefined,
    ...(whole && schema && { schema }),
  };
}

/** The first reference in the pipeline to a key or what is below it. */
export function referenceTo(shape: Shape): Place | undefined {
  const below = [...shape.children.values(), ...(shape.element ? [shape.element] : [])];
  return shape.uses[0]?.place ?? shape.filter ?? below.map(referenceTo).find((place) => place !== undefined);
}

/** True where the config holds a mapping of its own, not one value that a parameter takes whole. */
export function isSection(shape: Shape): boolean {
  return shape.uses.length === 0 && shape.children.size > 0;
}
