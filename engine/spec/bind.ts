import { type Stats, statSync } from 'node:fs';
import { relative } from 'node:path';
import type { Json } from '../../common/json.ts';
import { located, unwrap } from './check.ts';
import { fetchedFiles } from './elsewhere.ts';
import { expandGlob } from './glob.ts';
import { missingKey } from './missing.ts';
import { descend, type Entry, type MapNode, type Node, toJson } from './node.ts';
import type { StageSpec } from './pipeline.ts';
import { referenceIn } from './reference.ts';
import { errorAt, type Place } from './source.ts';

/** Values that references are looked up in: the config, and the config elements that foreach variables stand for. */
export interface Scope {
  readonly config: MapNode;
  /** Undefined for a variable that runs over a stage's list: it has a name and no fields. */
  readonly variables: ReadonlyMap<string, Node | undefined>;
}

/** A stage's parameters and files for one task. */
export interface Bound {
  /** As checked by the stage's schema, defaults filled in. */
  readonly params: Json;
  readonly files: ReadonlyMap<
    string,
    { readonly by: 'content' | 'listing'; readonly paths: readonly string[] }
  >;
  /** Where each parameter comes from, for explanations: `alpha` → `score.alpha`. */
  readonly origins: Readonly<Record<string, string>>;
  /** Where each parameter that has a value is written. */
  readonly places: Readonly<Record<string, Place>>;
}

/** Fills a stage's `with` from the scope and checks it. Errors point into the file that holds the value. */
export async function bind(spec: StageSpec, scope: Scope): Promise<Bound> {
  const entries = new Map<string, Entry>();
  const files = new Map<string, { by: 'content' | 'listing'; paths: string[] }>();
  const origins: Record<string, string> = {};
  for (const [key, entry] of spec.with.entries) {
    const origin = originOf(entry.value, scope);
    if (origin) origins[key] = origin;
    const value = fill(entry.value, scope);
    const file = spec.stage.files?.[key];
    if (file) {
      if (value) files.set(key, { by: file.by, paths: await filePaths(value, file) });
      else if (!file.optional) throw missing(spec, key, entry.value, scope);
    } else if (value) entries.set(key, { key: entry.key, value });
  }
  const filled: MapNode = { ...spec.with, entries };
  const result = spec.stage.params.safeParse(toJson(filled));
  if (!result.success) {
    const issue = result.error.issues[0]!;
    const [key, ...rest] = issue.path.map(String);
    const template = key === undefined ? undefined : spec.with.entries.get(key)?.value;
    if (key !== undefined && !entries.has(key)) {
      if (template) throw missing(spec, key, template, scope);
      throw errorAt(spec.place, `stage ${spec.name} needs the parameter "${key}"`, 'Add it under "with".');
    }
    const schema = (unwrap(spec.stage.params)?.shape?.[key!] ??
      spec.stage.params) as typeof spec.stage.params;
    const node = key === undefined ? filled : entries.get(key)!.value;
    throw located(
      { ...issue, path: rest } as typeof issue,
      schema,
      node,
      key === undefined ? '' : (origins[key] ?? key),
    );
  }
  const places = Object.fromEntries([...entries].map(([key, { value }]) => [key, value.place]));
  return { params: result.data as Json, files, origins, places };
}

/** The node that a template stands for; undefined when a reference has no value. */
function fill(template: Node, scope: Scope): Node | undefined {
  const reference = referenceIn(template);
  if (reference) {
    for (const path of reference.paths) {
      const value = lookUp(path, scope);
      if (value && !(value.kind === 'scalar' && value.value === null)) return value;
    }
    return undefined;
  }
  if (template.kind === 'list')
    return {
      ...template,
      items: template.items.map((item) => fill(item, scope)).filter((n) => n !== undefined),
    };
  if (template.kind === 'scalar') return template;
  const entries = new Map<string, Entry>();
  for (const [key, entry] of template.entries) {
    const value = fill(entry.value, scope);
    if (value) entries.set(key, { key: entry.key, value });
  }
  return { ...template, entries };
}

function lookUp(path: readonly string[], scope: Scope): Node | undefined {
  const [head, ...rest] = path as [string, ...string[]];
  const found = scope.variables.has(head) ? scope.variables.get(head) : undefined;
  if (scope.variables.has(head)) {
    const end = found && descend(found, rest);
    return end && end.rest.length === 0 ? end.node : undefined;
  }
  const end = descend(scope.config, path);
  return end.rest.length === 0 ? end.node : undefined;
}

function originOf(template: Node, scope: Scope): string | undefined {
  const paths = referenceIn(template)?.paths;
  return (paths?.find((path) => lookUp(path, scope)) ?? paths?.[0])?.join('.');
}

function missing(spec: StageSpec, key: string, template: Node, scope: Scope) {
  const path = referenceIn(template)?.paths[0] ?? [key];
  const [head, ...rest] = path as [string, ...string[]];
  const element = scope.variables.get(head);
  const use = `Stage ${spec.name} needs it as "${key}"`;
  return element
    ? missingKey(rest, element, use, template.place)
    : missingKey(path, scope.config, use, template.place);
}

async function filePaths(node: Node, file: { by: 'content' | 'listing'; what: string }): Promise<string[]> {
  const items = node.kind === 'list' ? node.items : [node];
  const paths: string[] = [];
  for (const item of items) {
    if (item.kind !== 'scalar' || typeof item.value !== 'string' || item.value === '') {
      throw errorAt(item.place, `expected the path of ${article(file.what)}`);
    }
    const fetched = await fetchedFiles(item.value, file.by, item.place);
    if (fetched !== undefined) {
      paths.push(...fetched);
      continue;
    }
    const found = expandGlob(item.value, item.place.source.folder);
    if (found.length === 0)
      throw errorAt(
        item.place,
        `no file matches ${item.value}`,
        `Looked in ${shown(item.place.source.folder)}.`,
      );
    for (const path of found) {
      const info = lookedUp(path);
      if (!info)
        throw errorAt(
          item.place,
          `there is no ${file.what} at ${shown(path)}`,
          `Relative paths start at the folder of the file that they stand in (here: ${shown(item.place.source.folder)}).`,
        );
      if (file.by === 'content' && !info.isFile())
        throw errorAt(item.place, `${shown(path)} is not a file, but ${article(file.what)} is needed`);
      paths.push(path);
    }
  }
  if (paths.length === 0) throw errorAt(node.place, `expected the path of ${article(file.what)}`);
  if (file.by === 'content' && paths.length > 1) {
    const names = paths.slice(0, 3).map(shown).join(', ');
    throw errorAt(
      node.place,
      `expected the path of one ${file.what}, found ${paths.length}`,
      `Among them: ${names}.`,
    );
  }
  return paths;
}

/** Synchronous: a graph may have a thousand models, and so it takes a tenth. */
function lookedUp(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}

const shown = (path: string): string => relative(process.cwd(), path) || '.';
const article = (what: string): string => `${/^[aeiouAEIOU]/.test(what) ? 'an' : 'a'} ${what}`;
