import { check } from './check.ts';
import { suggestion } from './nearest.ts';
import { descend, type MapNode, type Node, toJson } from './node.ts';
import { valuesIn } from './ranges.ts';
import type { Reference } from './reference.ts';
import { isSection, type Shape, type Use } from './shape.ts';
import { errorAt } from './source.ts';
import { GRID, NAMES, SETTINGS, type Vary } from './vary.ts';

/** One key of the config with another value than the config's own. */
export interface Assignment {
  readonly path: string;
  readonly value: Node;
}

/** A point beside the config's own. */
export interface Setting {
  /** `task.k=3,task.n=5`: paths sorted; values as JSON, texts without their quotes where they can't be mistaken. */
  readonly text: string;
  readonly assignments: readonly Assignment[];
}

/** What a varying stage varies: for each path the settings of it alone, and whether they are to be combined. */
export interface Settings {
  readonly paths: ReadonlyMap<string, readonly Assignment[]>;
  readonly only: ReadonlyMap<string, readonly { readonly name: string; readonly node: Node }[]>;
  readonly grid: boolean;
}

/**
 * Reads from the config what a stage varies. Values equal to the config's own are left out: they are its own point.
 * Errors point at the value or the path: a path that the config can't have, a range that is none.
 */
export function settingsOf(vary: Vary, config: MapNode, shape: Shape): Settings {
  const given = lookUp(vary.settings, config);
  if (given) check(SETTINGS, given, nameOf(vary.settings));
  const paths = new Map<string, Assignment[]>();
  for (const [path, { key, value }] of given?.kind === 'map' ? given.entries : []) {
    checkPath(path, key, shape);
    const own = descend(config, path.split('.'));
    const base = own.rest.length > 0 ? undefined : textOf(own.node);
    const values = valuesIn(value).filter((each) => textOf(each) !== base);
    const distinct = new Map(values.map((each) => [textOf(each), { path, value: each }]));
    paths.set(path, [...distinct.values()]);
  }
  const only = new Map<string, { name: string; node: Node }[]>();
  for (const [variable, reference] of vary.only) {
    const names = lookUp(reference, config);
    if (!names) continue;
    check(NAMES, names, nameOf(reference));
    const items = names.kind === 'list' ? names.items : [names];
    only.set(
      variable,
      items.map((node) => ({ name: String(toJson(node)), node })),
    );
  }
  const asked = typeof vary.grid === 'object' ? lookUp(vary.grid, config) : undefined;
  if (asked) check(GRID, asked, nameOf(vary.grid as Reference));
  return { paths, only, grid: vary.grid === true || (asked?.kind === 'scalar' && asked.value === true) };
}

const nameOf = (reference: Reference): string => reference.paths[0]!.join('.');

/** The value at a reference; undefined where there is none, or nothing. */
function lookUp(reference: Reference, config: MapNode): Node | undefined {
  const { node, rest } = descend(config, reference.paths[0]!);
  return rest.length > 0 || (node.kind === 'scalar' && node.value === null) ? undefined : node;
}

/** The settings of one path after the other, or every combination of them. */
export function points(paths: readonly (readonly Assignment[])[], grid: boolean): Setting[] {
  if (!grid) return paths.flat().map((assignment) => settingOf([assignment]));
  let all: Assignment[][] = [[]];
  for (const values of paths) all = all.flatMap((some) => [some, ...values.map((value) => [...some, value])]);
  return all.filter((some) => some.length > 0).map(settingOf);
}

/** The setting that some assignments make together; without any the config's own point, whose text is empty. */
export function settingOf(assignments: readonly Assignment[]): Setting {
  const sorted = [...assignments].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return {
    assignments: sorted,
    text: sorted.map(({ path, value }) => `${path}=${textOf(value)}`).join(','),
  };
}

/** A plain value as JSON; a text without its quotes where it can't be taken for something else. */
function textOf(node: Node): string {
  const json = JSON.stringify(toJson(node));
  if (node.kind !== 'scalar' || typeof node.value !== 'string') return json;
  const text = node.value;
  const plain = text.trim() === text && text !== '' && !/[,="\n\\]/.test(text);
  return plain && !/^(null|true|false|[+-]?[\d.].*)$/.test(text) ? text : json;
}

/** Checks that a config can have a key: its stages refer to it. */
function checkPath(path: string, place: Node['place'], shape: Shape) {
  let at = shape;
  for (const key of path.split('.')) {
    if (at.element)
      throw errorAt(place, `"${path}" leads into a list`, 'Settings are of keys outside of lists.');
    const child = at.children.get(key);
    if (!child && at.uses.some((use) => use.schema)) return;
    if (!child) {
      throw errorAt(place, `the config has no key "${path}"`, suggestion(path, leaves(shape, '')));
    }
    at = child;
  }
}

const isOfVary = ({ parameter, schema }: Use): boolean =>
  parameter === 'vary' && schema !== undefined && [SETTINGS, NAMES, GRID].includes(schema as never);

/** Paths of the keys that hold values which stages take. */
function leaves(shape: Shape, prefix: string): string[] {
  const varied = [...shape.children].filter(
    ([key, child]) => !child.element && !(prefix === '' && key === 'expect') && !child.uses.some(isOfVary),
  );
  return varied.flatMap(([key, child]) =>
    isSection(child) ? leaves(child, `${prefix}${key}.`) : [prefix + key],
  );
}
