import { z } from 'zod';
import { descend, type MapNode, type Node } from './node.ts';
import { type Reference, referenceIn } from './reference.ts';
import { errorAt, type Place } from './source.ts';

export const REFERENCE = z.string().regex(/^\$\{.*\}$/, 'a reference such as ${models}');
const PLAIN = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** A foreach entry: the list to run over, or lists with a filter. */
export const LOOP = z.union([
  REFERENCE,
  z.strictObject({
    in: z
      .union([REFERENCE, z.array(REFERENCE).min(1)])
      .describe('The list; of several lists of the config those that are absent count as empty'),
    optional: z
      .boolean()
      .optional()
      .describe('True: where the config has no such list, the stage has no tasks'),
    where: z
      .record(z.string(), z.union([PLAIN, z.array(PLAIN)]))
      .optional()
      .describe(
        'Only elements with these values: key (a.b) → value, or list of values; an absent key is null',
      ),
  }),
]);

type Plain = z.infer<typeof PLAIN>;

export interface Loop {
  readonly variable: string;
  /** The lists that it runs over, one after the other: several only of the config. */
  readonly over: readonly Reference[];
  /** True where the lists were given as such (`in: [a, b]`): those that the config leaves out count as empty. */
  readonly several: boolean;
  /** True where the config may have none of the lists: then there are no tasks. */
  readonly optional: boolean;
  readonly where: readonly Condition[];
  /** Set when the list is one that an earlier stage puts out. */
  readonly list?: { readonly stage: string; readonly name: string };
}

/** An element is run over if its value at a path is one of these; a key that isn't there is null. */
export interface Condition {
  readonly path: readonly string[];
  readonly values: readonly Plain[];
  readonly place: Place;
}

/** Reads an entry of `foreach` that has the form of {@link LOOP}. */
export function loopIn(variable: string, node: Node): Loop {
  if (node.kind !== 'map')
    return { variable, over: [referenceIn(node)!], several: false, optional: false, where: [] };
  const lists = node.entries.get('in')!.value;
  const several = lists.kind === 'list';
  const over = (several ? lists.items : [lists]).map((item) => referenceIn(item)!);
  const where = node.entries.get('where')?.value;
  const optional = node.entries.get('optional')?.value;
  return {
    variable,
    over,
    several,
    optional: optional?.kind === 'scalar' && optional.value === true,
    where: where?.kind === 'map' ? conditions(where) : [],
  };
}

const conditions = (where: MapNode): Condition[] =>
  [...where.entries].map(([key, { key: place, value }]) => ({
    path: key.split('.'),
    values: (value.kind === 'list' ? value.items : [value]).map((item) =>
      item.kind === 'scalar' ? item.value : null,
    ),
    place,
  }));

/** Whether an element of a list has the values that a loop asks for. */
export function fits({ where }: Loop, element: Node): boolean {
  return where.every(({ path, values }) => {
    const { node, rest } = descend(element, path);
    const value = rest.length > 0 ? null : node;
    if (value === null) return values.includes(null);
    return value.kind === 'scalar' && values.includes(value.value);
  });
}

/** Name of a list as the pipeline refers to it: `models`. */
export const listName = (reference: Reference): string => reference.paths[0]!.join('.');

/** Checks that a loop over several lists, or a filter, is one over lists of the config. */
export function checkLoop(loop: Loop) {
  for (const { place, paths } of loop.over)
    if (paths.length > 1)
      throw errorAt(place, 'foreach runs over one list', 'Write ${config.list} or ${stage.list}.');
  if (!loop.list) return;
  if (loop.over.length > 1)
    throw errorAt(
      loop.over[1]!.place,
      'the list of a stage is run over alone',
      'Several lists can be lists of the config only.',
    );
  if (loop.where[0])
    throw errorAt(
      loop.where[0].place,
      'elements of a list that a stage puts out have a name only: there is nothing to filter by',
      'Remove this "where".',
    );
}
