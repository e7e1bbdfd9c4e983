import { existsSync } from 'node:fs';
import { basename, extname, relative, resolve } from 'node:path';
import { UserError } from '../../common/errors.ts';
import { expandGlob, isGlob } from './glob.ts';
import { nearest, suggestion } from './nearest.ts';
import { describe, type Entry, type ListNode, type MapNode, merge, type Node } from './node.ts';
import { isSection, referenceTo, type Shape } from './shape.ts';
import { coordinates, errorAt, type Place, sourceOf } from './source.ts';
import { parseYamlValue, readYaml } from './yaml-file.ts';

/** Names of list elements stand in file names and tables. */
const NAME = /^[\p{L}\p{N}][\p{L}\p{N}._+-]*$/u;

/**
 * Reads a config: files in layers (a later one wins, key by key; `extends:` names a layer below), then `--set`
 * assignments. Where a section or an element of a list is the name of a YAML file (or a glob of them), that file's
 * content takes its place; an element without `name` is named after its file.
 */
export function loadConfig(files: readonly string[], sets: readonly string[], shape: Shape): MapNode {
  let config: Node | undefined;
  for (const file of files) config = merge(config, layer(resolve(file), shape, []));
  for (const text of sets) config = merge(config, expand(assignment(text), shape));
  if (config?.kind !== 'map')
    throw new UserError(`${files.join(', ') || 'config'}: a config is a mapping of keys to values`);
  checkKeys(config, shape);
  return config;
}

function layer(path: string, shape: Shape, trail: readonly string[]): Node {
  const node = readYaml(path);
  if (node.kind !== 'map') throw errorAt(node.place, 'a config is a mapping of keys to values');
  const base = node.entries.get('extends');
  const own = expand(
    { ...node, entries: new Map([...node.entries].filter(([key]) => key !== 'extends')) },
    shape,
  );
  if (!base) return own;
  if (base.value.kind !== 'scalar' || typeof base.value.value !== 'string')
    throw errorAt(base.value.place, 'extends takes the path of a config file');
  const below = resolve(node.place.source.folder, base.value.value);
  if (!existsSync(below))
    throw errorAt(base.value.place, `there is no file ${base.value.value}`, lookedIn(base.value));
  if (trail.includes(below) || below === path)
    throw errorAt(base.value.place, 'these configs extend each other in a circle');
  return merge(layer(below, shape, [...trail, path]), own);
}

/** `score.alpha=0.3`, as the mapping that it stands for. The value is read as YAML. */
function assignment(text: string): Node {
  const cut = text.indexOf('=');
  const path = text.slice(0, cut).trim();
  if (cut < 1 || !/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/.test(path)) {
    throw new UserError(
      `--set ${text}: not an assignment. Write --set key.key=value, for example --set score.alpha=0.3`,
    );
  }
  const value = parseYamlValue(`--set ${path}`, text.slice(cut + 1), process.cwd());
  const source = sourceOf('--set', text, process.cwd());
  const place: Place = { source, start: 0, end: path.length };
  const empty = value.kind === 'map' && value.entries.size === 0;
  return nested(path.split('.'), empty ? { kind: 'scalar', place, value: null } : value, place);
}

/** A value below a path of keys, all of which stand at one place. */
function nested(path: readonly string[], value: Node, place: Place): Node {
  return path.reduceRight<Node>(
    (inner, key) => ({ kind: 'map', place, entries: new Map([[key, { key: place, value: inner }]]) }),
    value,
  );
}

/** The config with other values at some paths, as `--set` gives them. */
export function withValues(
  config: MapNode,
  values: readonly { readonly path: readonly string[]; readonly value: Node }[],
  shape: Shape,
): MapNode {
  let changed: Node = config;
  for (const { path, value } of values) {
    changed = merge(changed, expand(nested(path, value, value.place), shape));
  }
  checkKeys(changed, shape);
  return changed as MapNode;
}

const isYamlName = (node: Node): node is Node & { value: string } =>
  node.kind === 'scalar' && typeof node.value === 'string' && /\.ya?ml$/.test(node.value);

/** Replaces names of YAML files by their content, where the shape has a section or a list of sections. */
function expand(node: Node, shape: Shape): Node {
  if (shape.element) return elements(node, shape.element);
  if (!isSection(shape)) return node;
  if (isYamlName(node)) {
    const found = included(node);
    return isYamlName(found) ? found : expand(found, shape);
  }
  if (node.kind !== 'map') return node;
  const entries = new Map<string, Entry>();
  for (const [key, entry] of node.entries) {
    const child = shape.children.get(key);
    entries.set(key, { key: entry.key, value: child ? expand(entry.value, child) : entry.value });
  }
  return { ...node, entries };
}

function included(node: Node & { value: string }): Node {
  const path = resolve(node.place.source.folder, node.value);
  if (!existsSync(path)) throw errorAt(node.place, `there is no file ${node.value}`, lookedIn(node));
  const found = readYaml(path);
  return found.kind === 'map' ? { ...found, whole: true } : found;
}

const lookedIn = (node: Node): string =>
  `Looked in ${relative(process.cwd(), node.place.source.folder) || 'the working folder'}.`;

const isNull = (node: Node): boolean => node.kind === 'scalar' && node.value === null;

function elements(node: Node, shape: Shape): Node {
  if (isNull(node) || node.kind === 'map') return node;
  const items = node.kind === 'list' ? node.items : [node];
  const found = items.flatMap((item): Node[] => {
    if (isNull(item)) throw errorAt(item.place, 'this element is empty', 'Remove it, or give it a value.');
    if (!isYamlName(item)) return [expand(item, shape)];
    const paths = expandGlob(item.value, item.place.source.folder);
    if (paths.length === 0 || (!isGlob(item.value) && !existsSync(paths[0]!))) {
      throw errorAt(
        item.place,
        isGlob(item.value) ? `no file matches ${item.value}` : `there is no file ${item.value}`,
        lookedIn(item),
      );
    }
    return paths.map((path) => named(expand(readYaml(path), shape), basename(path, extname(path))));
  });
  checkNames(found);
  return { kind: 'list', place: node.place, items: found } satisfies ListNode;
}

function named(node: Node, name: string): Node {
  if (node.kind !== 'map')
    throw errorAt(node.place, `expected a mapping of keys to values, found ${describe(node)}`);
  if (node.entries.has('name')) return node;
  const entry: Entry = { key: node.place, value: { kind: 'scalar', place: node.place, value: name } };
  return { ...node, entries: new Map([['name', entry], ...node.entries]) };
}

/** The name of an element of a list: its `name`, or the value itself for a list of plain values. */
export function elementName(node: Node): { name: string; place: Place } {
  const at = node.kind === 'map' ? node.entries.get('name')?.value : node;
  if (at?.kind !== 'scalar' || at.value === null)
    throw errorAt(node.place, 'this element has no name', 'Add a key "name".');
  return { name: String(at.value), place: at.place };
}

function checkNames(nodes: readonly Node[]) {
  const seen = new Map<string, Place>();
  for (const node of nodes) {
    const { name, place } = elementName(node);
    if (!NAME.test(name))
      throw errorAt(
        place,
        `"${name}" can't be a name`,
        'Use letters, digits, ".", "_", "+" and "-"; add a key "name".',
      );
    const other = seen.get(name);
    if (other)
      throw errorAt(
        place,
        `there are two elements named "${name}"`,
        `The other one: ${coordinates(other)}. Give one of them another "name".`,
      );
    seen.set(name, place);
  }
}

function checkKeys(node: Node, shape: Shape, inElement = false) {
  if (shape.element) {
    if (node.kind === 'list') for (const item of node.items) checkKeys(item, shape.element, true);
    return;
  }
  if (!isSection(shape) || (isNull(node) && !inElement)) return;
  if (node.kind !== 'map') {
    throw errorAt(
      node.place,
      `expected a mapping or the name of a YAML file, found ${describe(node)}`,
      `Its keys: ${[...shape.children.keys()].join(', ')}.`,
    );
  }
  for (const [key, entry] of node.entries) {
    const child = shape.children.get(key);
    if (child) checkKeys(entry.value, child);
    else if (!(inElement && key === 'name')) {
      const known = [...(inElement ? ['name'] : []), ...shape.children.keys()];
      const near = shape.children.get(nearest(key, known) ?? '');
      const asked = near && referenceTo(near);
      const where = asked ? ` The pipeline refers to that at ${coordinates(asked)}.` : '';
      throw errorAt(entry.key, `unknown key "${key}"`, suggestion(key, known) + where);
    }
  }
}
