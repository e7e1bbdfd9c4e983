import type { z } from 'zod';
import { unwrap } from './check.ts';
import { EXPECT } from './expect.ts';
import type { Node } from './node.ts';
import type { Loop, StageSpec } from './pipeline.ts';
import { referenceIn } from './reference.ts';
import { errorAt, type Place } from './source.ts';

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
  for (const spec of stages) {
    const variables = new Map<string, Shape | undefined>();
    for (const loop of spec.loops)
      variables.set(loop.variable, loop.list ? undefined : listShape(root, loop));
    for (const [parameter, { value }] of spec.with.entries)
      collect(root, variables, spec, parameter, value, true);
  }
  reserve(root);
  return root;
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

function listShape(root: Shape, loop: Loop): Shape {
  const list = at(root, loop.over.paths[0]!);
  list.element ??= newShape();
  list.variable ??= loop.variable;
  return list.element;
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
  variables: Map<string, Shape | undefined>,
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
      const target = variables.has(head) ? at(variables.get(head)!, rest) : at(root, path);
      target.uses.push({ place: node.place, ...use(spec, parameter, whole, reference.paths.length > 1) });
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
  return shape.uses[0]?.place ?? below.map(referenceTo).find((place) => place !== undefined);
}

/** True where the config holds a mapping of its own, not one value that a parameter takes whole. */
export function isSection(shape: Shape): boolean {
  return shape.uses.length === 0 && shape.children.size > 0;
}
