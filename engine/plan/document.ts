import { hash } from 'node:crypto';
import { canonicalJson, type Json } from '../../common/json.ts';
import type { Impossible } from '../stage.ts';

/** Raised when the meaning of a document changes, so that older records count as another task's. */
export const FINGERPRINT_FORMAT = 1;

/** Foreach variables of a task, by name. */
export type Vars = Readonly<Record<string, string>>;

/** Everything that a task's result depends on. Its canonical JSON is what the fingerprint is a hash of. */
export interface Document {
  readonly format: number;
  /** Folder of the stage. */
  readonly stage: string;
  /** Digest of the stage's code closure. */
  readonly code: string;
  /** Parameters that count, by name. */
  readonly params: Json;
  /** Digests of files from outside the store, by parameter. */
  readonly files: Readonly<Record<string, string>>;
  /** Versions of what the stage declares beside its code. */
  readonly environment: Readonly<Record<string, string>>;
  /** Content digests of inputs; of gathered ones a list with the variables that tell them apart. */
  readonly inputs: Readonly<Record<string, InputDigest>>;
  /** What a varying stage lacks; left out where that is nothing. */
  readonly impossible?: readonly Impossible[];
}

export type InputDigest = string | readonly { readonly vars: Vars; readonly digest: string }[];

/** The part of a document that all tasks of a stage with the same parameters share. */
export type Fixed = Omit<Document, 'inputs' | 'impossible'>;

/** The parameters that can change a result. */
export function counted(params: Json, uncounted: readonly string[] = []): Json {
  if (uncounted.length === 0) return params;
  return Object.fromEntries(Object.entries(params as object).filter(([name]) => !uncounted.includes(name)));
}

/**
 * A function from inputs to the fingerprint, SHA-256 of the document's canonical JSON. The fixed part is written once:
 * a graph has many tasks that differ in their inputs alone. For the same reason inputs come as their canonical JSON: many
 * tasks share some.
 */
export function fingerprinter(fixed: Fixed): (inputs: string, impossible?: Document['impossible']) => string {
  const { format, stage, code, params, files, environment } = fixed;
  const head = canonicalJson({ code, environment, files, format }).slice(0, -1);
  const tail = canonicalJson({ params, stage }).slice(1);
  return (inputs, impossible) => {
    const lacking = impossible ? `,"impossible":${canonicalJson(impossible as unknown as Json)}` : '';
    return hash('sha256', `${head}${lacking},"inputs":${inputs},${tail}`, 'hex');
  };
}
