import { type Json, sha256 } from '../../common/json.ts';
import { packageVersion } from '../../common/package-version.ts';
import type { Entry, Node } from './node.ts';
import type { Place, Source } from './source.ts';

/** Raised when {@link written} changes. */
const FORMAT = 1;
const VERSION = `${FORMAT} ${packageVersion('yaml')}`;
/** Aliases can make much of little: what holds more values than this is parsed each time. */
const MOST_VALUES = 20_000;

let known: (key: string) => Json | undefined = () => undefined;
const fresh = new Map<string, Json>();

/**
 * From now on what YAML files hold is asked for there, by their text, before they are parsed, which takes a fourth of a command
 * that finds nothing to do.
 */
export function recallYaml(get: (key: string) => Json | undefined): void {
  known = get;
}

/** What was parsed since this was last asked, to be kept for {@link recallYaml}. */
export function takeParsedYaml(): [key: string, value: Json][] {
  const all = [...fresh];
  fresh.clear();
  return all;
}

/** What a text holds; `parse` finds out. */
export function recalled(source: Source, parse: () => Node): Node {
  const key = sha256(`${VERSION}\n${source.text}`);
  try {
    const before = known(key) as Written | undefined;
    if (before) return read(before, source);
  } catch {
    // Not what was written.
  }
  const node = parse();
  if (countOf(node) <= MOST_VALUES) fresh.set(key, written(node));
  return node;
}

/** Where a value starts and ends, then the value: a plain one, a list in a list, or a map's entries in an object. */
type Written = readonly [
  start: number,
  end: number,
  value:
    | null
    | boolean
    | number
    | string
    | readonly Written[]
    | { readonly entries: readonly WrittenEntry[] },
];
type WrittenEntry = readonly [key: string, start: number, end: number, value: Written];

function written(node: Node): Written {
  const { start, end } = node.place;
  if (node.kind === 'scalar') return [start, end, node.value];
  if (node.kind === 'list') return [start, end, node.items.map(written)];
  const entries = [...node.entries].map(
    ([name, { key, value }]): WrittenEntry => [name, key.start, key.end, written(value)],
  );
  return [start, end, { entries }];
}

function read([start, end, value]: Written, source: Source): Node {
  if (value === undefined || ![start, end].every(Number.isInteger)) throw new TypeError('not a value');
  const place: Place = { source, start, end };
  if (Array.isArray(value)) return { kind: 'list', place, items: value.map((item) => read(item, source)) };
  if (typeof value !== 'object' || value === null) return { kind: 'scalar', place, value: value as string };
  const entries = new Map<string, Entry>();
  for (const [name, from, to, inner] of (value as { readonly entries: readonly WrittenEntry[] }).entries)
    entries.set(String(name), { key: { source, start: from, end: to }, value: read(inner, source) });
  return { kind: 'map', place, entries };
}

function countOf(node: Node): number {
  if (node.kind === 'scalar') return 1;
  const inner = node.kind === 'list' ? node.items : [...node.entries.values()].map(({ value }) => value);
  return inner.reduce((sum, each) => sum + countOf(each), 1);
}
