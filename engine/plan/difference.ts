import type { Record as StoredRecord } from '../../cache/store.ts';
import type { Json } from '../../common/json.ts';
import type { Document, InputDigest } from './document.ts';
import { varsKey } from './task.ts';

/** One thing that tells two tasks' documents apart, in words. */
export interface Cause {
  readonly kind: 'format' | 'code' | 'parameter' | 'file' | 'environment' | 'input';
  /** What changed: `score.alpha`, `stages/score-mis/score.ts`, `activations (shard=03)`. */
  readonly what: string;
  readonly from: string;
  readonly to: string;
  /** For inputs: the name of the input. */
  readonly input?: string;
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
  if (a.code !== b.code) causes.push(...codeCauses(old.code, now.code));
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
  for (const name of keys(a.inputs, b.inputs))
    causes.push(...inputCauses(name, a.inputs[name], b.inputs[name]));
  return causes;
}

const keys = (a: object, b: object): string[] => [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
const short = (digest: string | undefined): string => (digest === undefined ? '(none)' : digest.slice(0, 12));

function shown(value: Json | undefined): string {
  if (value === undefined) return '(none)';
  const text = JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

function codeCauses(old: Readonly<Record<string, string>>, now: Readonly<Record<string, string>>): Cause[] {
  return keys(old, now)
    .filter((file) => old[file] !== now[file])
    .map((file) => ({ kind: 'code', what: file, from: short(old[file]), to: short(now[file]) }));
}

type Change = { path: string[]; from: Json | undefined; to: Json | undefined };

function jsonChanges(from: Json | undefined, to: Json | undefined, path: string[]): Change[] {
  if (JSON.stringify(from) === JSON.stringify(to)) return [];
  if (isMap(from) && isMap(to))
    return keys(from, to).flatMap((key) => jsonChanges(from[key], to[key], [...path, key]));
  return [{ path, from, to }];
}

const isMap = (value: Json | undefined): value is { readonly [key: string]: Json | undefined } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

function inputCauses(input: string, old: InputDigest | undefined, now: InputDigest | undefined): Cause[] {
  if (JSON.stringify(old) === JSON.stringify(now)) return [];
  const a = digests(old);
  const b = digests(now);
  const causes: Cause[] = [];
  for (const key of new Set([...a.keys(), ...b.keys()])) {
    if (a.get(key) === b.get(key)) continue;
    const what = key ? `${input} (${key.replaceAll('\u0000', ', ')})` : input;
    causes.push({ kind: 'input', what, from: short(a.get(key)), to: short(b.get(key)), input });
  }
  return causes;
}

function digests(input: InputDigest | undefined): Map<string, string> {
  if (input === undefined) return new Map();
  if (typeof input === 'string') return new Map([['', input]]);
  return new Map(input.map(({ vars, digest }) => [varsKey(vars), digest]));
}
