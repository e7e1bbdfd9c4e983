import type { Record as StoredRecord } from '../../cache/store.ts';
import { canonicalJson, type Json } from '../../common/json.ts';
import type { Document, InputDigest, Vars } from './document.ts';
import { taskName, varsKey } from './task.ts';

/** One thing that tells two tasks' documents apart, in words. */
export interface Cause {
  readonly kind: 'format' | 'stage' | 'code' | 'parameter' | 'file' | 'environment' | 'input' | 'setting';
  /** What changed: `score.alpha`, `stages/score-mis/score.ts`, `activations (shard=03)`. */
  readonly what: string;
  readonly from: string;
  readonly to: string;
  /** For inputs: which one, the variables that tell its sources apart, and their digests in full. */
  readonly input?: {
    readonly name: string;
    readonly vars: Vars;
    readonly from?: string;
    readonly to?: string;
  };
}

/** A side of a comparison: a document and what helps to name its parts. */
export interface Side {
  readonly document: Document;
  readonly code: Readonly<Record<string, string>>;
  readonly origins: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, readonly string[]>>;
}

export function sideOf(record: StoredRecord): Side {
  const details = (record.details ?? {}) as Partial<Side>;
  return {
    document: record.document as unknown as Document,
    code: details.code ?? {},
    origins: details.origins ?? {},
    files: details.files ?? {},
  };
}

/** What changed from one document to the other; empty when they are equal. */
export function difference(old: Side, now: Side): Cause[] {
  const causes: Cause[] = [];
  const a = old.document;
  const b = now.document;
  if (a.format !== b.format)
    causes.push({ kind: 'format', what: 'fingerprint format', from: String(a.format), to: String(b.format) });
  if (a.stage !== b.stage) causes.push({ kind: 'stage', what: 'folder', from: a.stage, to: b.stage });
  if (a.code !== b.code) causes.push(...codeCauses(old, now));
  for (const change of jsonChanges(a.params, b.params, [])) {
    const [key, ...rest] = change.path;
    const what = [now.origins[key!] ?? key!, ...rest].join('.');
    causes.push({ kind: 'parameter', what, from: shown(change.from), to: shown(change.to) });
  }
  for (const name of keys(a.files, b.files)) {
    if (a.files[name] === b.files[name]) continue;
    const path = now.files[name]?.[0] ?? old.files[name]?.[0];
    causes.push({
      kind: 'file',
      what: `${now.origins[name] ?? name}${path ? ` (${path})` : ''}`,
      from: short(a.files[name]),
      to: short(b.files[name]),
    });
  }
  for (const name of keys(a.environment, b.environment)) {
    if (a.environment[name] !== b.environment[name])
      causes.push({
        kind: 'environment',
        what: name,
        from: a.environment[name] ?? '(none)',
        to: b.environment[name] ?? '(none)',
      });
  }
  causes.push(...impossibleCauses(a, b));
  for (const name of keys(a.inputs, b.inputs))
    causes.push(...inputCauses(name, a.inputs[name], b.inputs[name]));
  return causes;
}

/** Settings that became possible, or don't fit the data any more. */
function impossibleCauses(a: Document, b: Document): Cause[] {
  const of = ({ impossible = [] }: Document) =>
    Object.fromEntries(impossible.map(({ setting, vars, reason }) => [taskName(setting, vars), reason]));
  const [old, now] = [of(a), of(b)];
  return keys(old, now)
    .filter((what) => old[what] !== now[what])
    .map((what): Cause => {
      const told = (reason: string | undefined) =>
        reason === undefined ? 'possible' : `not possible: ${reason}`;
      return { kind: 'setting', what, from: told(old[what]), to: told(now[what]) };
    });
}

const keys = (a: object, b: object): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
const short = (digest: string | undefined): string => (digest === undefined ? '(none)' : digest.slice(0, 12));

function shown(value: Json | undefined): string {
  if (value === undefined) return '(none)';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function codeCauses(old: Side, now: Side): Cause[] {
  const causes = keys(old.code, now.code)
    .filter((file) => old.code[file] !== now.code[file])
    .map(
      (file): Cause => ({ kind: 'code', what: file, from: short(old.code[file]), to: short(now.code[file]) }),
    );
  const { document: a } = old;
  const { document: b } = now;
  return causes.length > 0
    ? causes
    : [{ kind: 'code', what: b.stage, from: short(a.code), to: short(b.code) }];
}

type Change = { path: string[]; from: Json | undefined; to: Json | undefined };

function jsonChanges(from: Json | undefined, to: Json | undefined, path: string[]): Change[] {
  if (text(from) === text(to)) return [];
  if (isMap(from) && isMap(to))
    return keys(from, to).flatMap((key) => jsonChanges(from[key], to[key], [...path, key]));
  return [{ path, from, to }];
}

const text = (value: Json | undefined): string => (value === undefined ? '' : canonicalJson(value));

const isMap = (value: Json | undefined): value is { readonly [key: string]: Json | undefined } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function inputCauses(name: string, old: InputDigest | undefined, now: InputDigest | undefined): Cause[] {
  const a = digests(old);
  const b = digests(now);
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => a.get(key)?.digest !== b.get(key)?.digest)
    .map((key): Cause => {
      const from = a.get(key)?.digest;
      const to = b.get(key)?.digest;
      const { vars } = (b.get(key) ?? a.get(key))!;
      const what = key ? `${name} (${key.replaceAll('\u0000', ', ')})` : name;
      const input = { name, vars, ...(from && { from }), ...(to && { to }) };
      return { kind: 'input', what, from: short(from), to: short(to), input };
    });
}

function digests(input: InputDigest | undefined): Map<string, { vars: Vars; digest: string }> {
  if (input === undefined) return new Map();
  if (typeof input === 'string') return new Map([['', { vars: {}, digest: input }]]);
  return new Map(input.map((each) => [varsKey(each.vars), each]));
}
