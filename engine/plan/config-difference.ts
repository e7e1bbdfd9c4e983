import { canonicalJson, type Json } from '../../common/json.ts';

/** A key of the config whose value differs; undefined where one side doesn't have it. */
export interface ConfigChange {
  /** Keys joined by dots; elements of a list with names by their names: `models.resnet.batch`. */
  readonly path: string;
  readonly from?: Json;
  readonly to?: Json;
}

/**
 * What differs between two configs. Lists of elements with names are compared by name, not by place; what `mis check`
 * expects is left out, as it changes no result.
 */
export function configChanges(from: Json | undefined, to: Json | undefined): ConfigChange[] {
  return changes(from ?? {}, to ?? {}, []).filter(({ path }) => path !== 'expect');
}

function changes(from: Json | undefined, to: Json | undefined, path: readonly string[]): ConfigChange[] {
  if (textOf(from) === textOf(to)) return [];
  const [a, b] = [membersOf(from), membersOf(to)];
  if (a && b && path[0] !== 'expect')
    return [...new Set([...a.keys(), ...b.keys()])].flatMap((key) =>
      changes(a.get(key), b.get(key), [...path, key]),
    );
  return [{ path: path.join('.'), ...(from !== undefined && { from }), ...(to !== undefined && { to }) }];
}

const textOf = (value: Json | undefined): string => (value === undefined ? '' : canonicalJson(value));

/** The members of a mapping, or the elements of a list by their names; undefined for every other value. */
function membersOf(value: Json | undefined): Map<string, Json | undefined> | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if (!Array.isArray(value)) return new Map(Object.entries(value));
  const names = value.map((item: Json) => (item as { name?: unknown } | null)?.name);
  const named = names.every((name) => typeof name === 'string') && new Set(names).size === names.length;
  return named && value.length > 0 ? new Map(value.map((item, i) => [names[i] as string, item])) : undefined;
}
