import { canonicalJson, type Json } from '../../common/json.ts';
import type { Origin } from '../plan/origin.ts';
import type { Chain, Link, ReadFile } from '../plan/provenance.ts';
import { varsKey } from '../plan/task.ts';
import { duration, varsText } from '../ui/format.ts';

/** What a line needs to know: the chain, whether every task is to be listed, and which were. */
interface View {
  readonly chain: Chain;
  readonly all: boolean;
  readonly seen: Set<string>;
}

const SHORT = 12;
const MOST_CHARACTERS = 80;
const FOUND = {
  bytes: 'as it was stored',
  metadata: 'changed since it was made, found by the fingerprint that is written in it',
  place: 'changed since it was published there, found by its place',
} as const;

/** Where a file comes from, as an indented tree. Tasks of a stage stand together, unless all are to be listed. */
export function traceText(origin: Origin, chain: Chain, all: boolean): string {
  const root = chain.links.get(chain.root)!;
  const lies = [origin.output, origin.path].filter(Boolean).join('/');
  const head = [
    origin.file,
    `  sha256 ${origin.sha256}, ${origin.bytes.toLocaleString('en-US')} bytes: ${FOUND[origin.foundBy]}`,
    `  ${lies ? `${lies} of` : 'by'} the task ${[root.stage, varsText(root.vars)].filter(Boolean).join(' ')}, fingerprint ${root.fingerprint}`,
  ];
  const view: View = { chain, all, seen: new Set() };
  return [...head, '', ...group([root], view), ...restsOn(chain)].join('\n');
}

function group(links: readonly Link[], view: View): string[] {
  const { seen, all } = view;
  const title = groupTitle(links);
  if (links.every(({ fingerprint }) => seen.has(fingerprint))) return [`${title}: as above`];
  for (const { fingerprint } of links) seen.add(fingerprint);
  const details = [
    ...section('made', [madeText(links)]),
    ...(all && links.length === 1 ? section('fingerprint', [links[0]!.fingerprint]) : []),
    ...section('parameters', parameterLines(links)),
    ...section('files', fileLines(links)),
    ...section('code', codeLines(links, all)),
    ...section('environment', environmentLines(links)),
    ...sources(links, view),
  ];
  return [title, ...details.map((line) => `  ${line}`)];
}

const section = (name: string, lines: readonly string[]): string[] =>
  lines.map((line, i) => `${(i === 0 ? name : '').padEnd(12)}${line}`);

function groupTitle(links: readonly Link[]): string {
  const { stage, vars } = links[0]!;
  if (links.length === 1) return [stage, varsText(vars)].filter(Boolean).join(' ');
  const values = Object.keys(vars).map((name) => {
    const found = [...new Set(links.map((link) => link.vars[name]!))].sort();
    return `${name}=${found.length > 6 ? `${found[0]} … ${found.at(-1)} (${found.length})` : found.join(',')}`;
  });
  return `${stage}: ${links.length} tasks ${values.join(' ')}`;
}

function madeText(links: readonly Link[]): string {
  const [at, runs, hosts] = [
    [...new Set(links.map((link) => local(link.at)))].sort(),
    [...new Set(links.map((link) => link.run ?? 'no run on record'))],
    [...new Set(links.map((link) => link.host))],
  ];
  const when = at.length > 1 ? `${at[0]} to ${at.at(-1)}` : at[0]!;
  const ms = links.reduce((sum, link) => sum + link.ms, 0);
  const done = links.length === 1 && links[0]!.done ? `, ${links[0]!.done}` : '';
  return `${when}, ${duration(ms)}${links.length > 1 ? ' together' : ''}${done}, in ${runs.join(', ')} on ${hosts.join(', ')}`;
}

const local = (at: string): string => new Date(at).toLocaleString('sv-SE');

function parameterLines(links: readonly Link[]): string[] {
  const names = [...new Set(links.flatMap(({ params }) => Object.keys(paramsOf(params))))].sort();
  const rows = names.map((name): [string, string] => {
    const origins = [...new Set(links.map((link) => link.origins[name] ?? name))].sort();
    const values = new Map<string, Link[]>();
    for (const link of links) {
      const value = shown(paramsOf(link.params)[name]);
      values.set(value, [...(values.get(value) ?? []), link]);
    }
    const text =
      values.size === 1
        ? [...values.keys()][0]!
        : [...values]
            .map(([value, of]) => `${value} (${varsText(of[0]!.vars)}${of.length > 1 ? ', …' : ''})`)
            .join('; ');
    return [origins.join(' | '), text];
  });
  return aligned(rows);
}

const paramsOf = (params: Json): { readonly [name: string]: Json | undefined } =>
  typeof params === 'object' && params !== null && !Array.isArray(params) ? (params as never) : {};

function shown(value: Json | undefined): string {
  if (value === undefined) return '(not set)';
  const text = canonicalJson(value);
  return text.length > MOST_CHARACTERS ? `${text.slice(0, MOST_CHARACTERS - 1)}…` : text;
}

function fileLines(links: readonly Link[]): string[] {
  const files = new Map<string, string>();
  for (const { files: read, origins } of links)
    for (const file of read)
      files.set(`${file.digest}`, `${origins[file.name] ?? file.name}: ${fileText(file)}`);
  return [...files.values()];
}

const NOW = {
  unchanged: 'unchanged',
  changed: 'changed since',
  gone: 'no longer there',
  unknown: "can't be compared with now",
} as const;

function fileText({ paths, digest, by, now }: ReadFile): string {
  const where =
    paths.length > 1 ? `${paths[0]} and ${paths.length - 1} more` : (paths[0] ?? '(path unknown)');
  const kind = { content: 'sha256', listing: 'listing (paths, sizes, times)', unknown: 'digest' }[by];
  return `${where}, ${kind} ${digest}, ${NOW[now]}`;
}

function codeLines(links: readonly Link[], all: boolean): string[] {
  const [{ code, codeDigest }] = links as [Link];
  const versions = new Set(links.map((link) => link.codeDigest));
  if (versions.size > 1) return [...versions].map((each) => each.slice(0, SHORT));
  const count = Object.keys(code).length;
  const line = `${codeDigest.slice(0, SHORT)}, ${count} files${all ? '' : ' (--all lists them)'}`;
  return all
    ? [
        line,
        ...Object.entries(code)
          .sort()
          .map(([file, digest]) => `${digest.slice(0, SHORT)}  ${file}`),
      ]
    : [line];
}

function environmentLines(links: readonly Link[]): string[] {
  const texts = links.map(({ environment }) =>
    Object.entries(environment)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  );
  return [...new Set(texts)].filter(Boolean);
}

/** The tasks that the inputs came from, inputs from the same tasks together. */
function sources(links: readonly Link[], view: View): string[] {
  const inputs = new Map<string, Set<string>>();
  for (const { inputs: received } of links)
    for (const { input, from } of received)
      inputs.set(input, (inputs.get(input) ?? new Set()).add(from ?? ''));
  const groups = new Map<string, string[]>();
  for (const [input, from] of inputs) {
    const key = [...from].sort().join(' ');
    groups.set(key, [...(groups.get(key) ?? []), input]);
  }
  return [...groups].flatMap(([key, names]) => {
    const found = key
      .split(' ')
      .flatMap((fingerprint) => view.chain.links.get(fingerprint) ?? [])
      .sort((a, b) => (varsKey(a.vars) < varsKey(b.vars) ? -1 : 1));
    const lost = inputs.get(names[0]!)!.has('');
    const head = `← ${names.sort().join(', ')}`;
    return [
      head,
      ...(lost ? ['  (of some there is no record in the store any more)'] : []),
      ...byStage(found, view.all).flatMap((each) => group(each, view).map((line) => `  ${line}`)),
    ];
  });
}

function byStage(links: readonly Link[], all: boolean): Link[][] {
  if (all) return links.map((link) => [link]);
  const groups = new Map<string, Link[]>();
  for (const link of links) groups.set(link.stage, [...(groups.get(link.stage) ?? []), link]);
  return [...groups.values()];
}

/** The files from outside that everything began with. */
function restsOn({ links }: Chain): string[] {
  const files = new Map<string, string>();
  for (const { files: read, done } of links.values()) {
    for (const file of read)
      files.set(file.digest, `${fileText(file)}${file.by !== 'content' && done ? ` (${done})` : ''}`);
  }
  return files.size === 0
    ? []
    : ['', 'It rests on', ...[...files.values()].sort().map((line) => `  ${line}`)];
}

function aligned(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...rows.map(([name]) => name.length));
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`);
}
