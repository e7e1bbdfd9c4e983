import { z } from 'zod';
import { type Loop, REFERENCE } from './loop.ts';
import type { Node } from './node.ts';
import { type Reference, referenceIn } from './reference.ts';
import { errorAt, type Place } from './source.ts';

/** A stage that receives its inputs for several settings of the config, beside the config's own point. */
export const VARY = z.strictObject({
  settings: REFERENCE.describe('Key of the config that holds them: path of a key → its values'),
  only: z
    .record(z.string(), REFERENCE)
    .optional()
    .describe('For foreach variables: key of the config that holds names; only these elements are taken'),
  grid: z
    .union([z.boolean(), REFERENCE])
    .optional()
    .describe('True: every combination of the values, not one at a time'),
});

const PLAIN = z.union([z.string(), z.number(), z.boolean(), z.null()]);

/** Path of a key of the config → its values. */
export const SETTINGS = z
  .record(z.string().regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/), z.union([PLAIN, z.array(PLAIN)]))
  .describe(
    'Values of keys of the config, each a value, a list, or a range: 1..20, 1..20..5 (whole numbers), 0.04:0.64:log5, 0:1:lin5',
  );
export const NAMES = z.union([z.string(), z.array(z.string())]).describe('Names of elements; absent: all');
export const GRID = z.boolean().describe('Every combination of the values, not one at a time');

export interface Vary {
  readonly place: Place;
  readonly settings: Reference;
  readonly only: ReadonlyMap<string, Reference>;
  readonly grid: boolean | Reference;
}

/** Variable that tells apart what a varying stage receives: the setting's text, empty for the config's own point. */
export const SETTING = 'setting';

/** Reads the entry `vary` of a stage, which has the form of {@link VARY}. */
export function varyIn(node: Node): Vary | undefined {
  if (node.kind !== 'map') return undefined;
  const of = (key: string) => node.entries.get(key)?.value;
  const only = of('only');
  const grid = of('grid');
  const vary: Vary = {
    place: node.place,
    settings: referenceIn(of('settings')!)!,
    only: new Map(
      only?.kind === 'map' ? [...only.entries].map(([name, { value }]) => [name, referenceIn(value)!]) : [],
    ),
    grid: (grid && referenceIn(grid)) ?? (grid?.kind === 'scalar' && grid.value === true),
  };
  for (const { paths, place } of referencesOf(vary))
    if (paths.length > 1)
      throw errorAt(place, 'this refers to one key of the config', 'Write ${config.key}.');
  return vary;
}

/** All keys of the config that it refers to. */
export function referencesOf({ settings, only, grid }: Vary): Reference[] {
  return [settings, ...only.values(), ...(typeof grid === 'object' ? [grid] : [])];
}

interface Varied {
  readonly name: string;
  readonly loops: readonly Loop[];
  readonly vary?: Vary;
}

/**
 * Checks a varying stage against the stages that it needs.
 *
 * @param before all of these, however far up
 */
export function checkVary(vary: Vary, before: readonly Varied[]) {
  const nested = before.find((spec) => spec.vary);
  if (nested)
    throw errorAt(
      vary.place,
      `stage ${nested.name}, which this one needs, varies itself`,
      'Only one of two stages of which one needs the other can vary.',
    );
  const loops = before.flatMap((spec) => spec.loops);
  const taken = loops.find(({ variable }) => variable === SETTING);
  if (taken)
    throw errorAt(
      taken.over[0]!.place,
      `a foreach variable can't be called "${SETTING}" where a stage varies`,
      'It tells settings apart there. Choose another name.',
    );
  const variables = new Set(loops.filter(({ list }) => !list).map(({ variable }) => variable));
  for (const [name, { place }] of vary.only)
    if (!variables.has(name))
      throw errorAt(
        place,
        `no stage that this one needs runs over lists of the config as "${name}"`,
        `Their variables: ${[...variables].join(', ') || 'none'}.`,
      );
}
