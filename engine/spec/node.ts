import type { Json } from '../../common/json.ts';
import type { Place } from './source.ts';

/** A value of a YAML text that remembers where it stands, through merging of layers and inclusion of files. */
export type Node = MapNode | ListNode | ScalarNode;

export interface MapNode {
  readonly kind: 'map';
  readonly place: Place;
  readonly entries: ReadonlyMap<string, Entry>;
  /** A section that stands in a file of its own: naming another file in a higher layer replaces all of it. */
  readonly whole?: boolean;
}

export interface Entry {
  readonly key: Place;
  readonly value: Node;
}

export interface ListNode {
  readonly kind: 'list';
  readonly place: Place;
  readonly items: readonly Node[];
}

export interface ScalarNode {
  readonly kind: 'scalar';
  readonly place: Place;
  readonly value: null | boolean | number | string;
}

export function toJson(node: Node): Json {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(toJson);
  return Object.fromEntries([...node.entries].map(([key, entry]) => [key, toJson(entry.value)]));
}

/** The node at a path of keys and indices, or the deepest one there is on the way, with what was left of the path. */
export function descend(
  node: Node,
  path: readonly PropertyKey[],
): { node: Node; key?: Place; rest: readonly PropertyKey[] } {
  let key: Place | undefined;
  let at = node;
  for (const [i, step] of path.entries()) {
    const entry = at.kind === 'map' ? at.entries.get(String(step)) : undefined;
    const next = at.kind === 'list' ? at.items[Number(step)] : entry?.value;
    if (!next) return { node: at, ...(key && { key }), rest: path.slice(i) };
    key = entry?.key ?? key;
    at = next;
  }
  return { node: at, ...(key && { key }), rest: [] };
}

/** The upper layer over the lower one: maps are merged key by key, everything else (and whole files) is replaced. */
export function merge(lower: Node | undefined, upper: Node): Node {
  if (lower?.kind !== 'map' || upper.kind !== 'map' || upper.whole) return upper;
  const entries = new Map(lower.entries);
  for (const [key, entry] of upper.entries) {
    entries.set(key, { key: entry.key, value: merge(entries.get(key)?.value, entry.value) });
  }
  return { kind: 'map', place: upper.place, entries };
}

/** What a node is, in words, for messages. */
export function describe(node: Node): string {
  if (node.kind === 'map') return 'a mapping';
  if (node.kind === 'list') return 'a list';
  if (node.value === null) return 'nothing';
  return JSON.stringify(node.value);
}
