import type { Artifact, PutOut, Record as StoredRecord } from '../../cache/store.ts';
import type { StageSpec } from '../spec/pipeline.ts';
import type { Place } from '../spec/source.ts';
import { SETTING } from '../spec/vary.ts';
import type { Impossible } from '../stage.ts';
import type { Code } from './code.ts';
import type { Document, Vars } from './document.ts';

/** A task whose inputs are known: it can be looked up in the store, and run. */
export interface ReadyTask {
  readonly spec: StageSpec;
  /** As people see them: with the variable `setting` beside the config's own point. */
  readonly vars: Vars;
  /** Empty at the config's own point. */
  readonly setting: string;
  readonly fingerprint: string;
  readonly document: Document;
  readonly code: Code;
  /** Also those that don't count. */
  readonly params: Document['params'];
  /** Absolute paths of files, by parameter. */
  readonly files: Readonly<Record<string, readonly string[]>>;
  /** Where each parameter is written. */
  readonly places: Readonly<Record<string, Place>>;
  /** Where each parameter comes from in the config. */
  readonly origins: Readonly<Record<string, string>>;
  /** Artefacts by input, also those that don't count, sorted by their variables. */
  readonly inputs: Readonly<Record<string, readonly Source[]>>;
  /** Of a varying stage: what it lacks, as settings don't fit the data. */
  readonly impossible: readonly Impossible[];
  /** Throws when the stage's code or a file isn't any more what the fingerprint says. */
  verify(): Promise<void>;
}

export interface Source {
  readonly vars: Vars;
  readonly artifact: Artifact;
}

/**
 * What became of a task. `will-run`: not in the store, its inputs known (dry run only). `depends`: waits for what an
 * earlier task will put out (dry run only). `blocked`: an earlier task failed, or the run was interrupted. A failed task
 * has no `task` when its inputs didn't fit. `impossible`: a setting beside the config's own point doesn't fit the data;
 * `on` are the earlier tasks that this showed in, none for the task itself.
 */
export type Outcome =
  | { readonly state: 'hit'; readonly task: ReadyTask; readonly record: PutOut }
  | { readonly state: 'ran'; readonly task: ReadyTask; readonly record: StoredRecord }
  | { readonly state: 'will-run'; readonly task: ReadyTask }
  | {
      readonly state: 'failed';
      readonly task: ReadyTask | undefined;
      readonly error: Error;
      readonly ms: number;
    }
  | {
      readonly state: 'impossible';
      readonly task: ReadyTask | undefined;
      readonly reason: string;
      readonly on: readonly string[];
    }
  | { readonly state: 'depends' | 'blocked'; readonly on: readonly string[] };

export type Done = Extract<Outcome, { state: 'hit' | 'ran' }>;

export const isDone = (outcome: Outcome): outcome is Done =>
  outcome.state === 'hit' || outcome.state === 'ran';

/** Name of a task in messages: `select-explanations model=resnet`. */
export function taskName(stage: string, vars: Vars): string {
  return [stage, ...Object.entries(vars).map(([name, value]) => `${name}=${value}`)].join(' ');
}

/** Text that is equal for equal variables, whatever their order. */
export function varsKey(vars: Vars): string {
  const names = Object.keys(vars);
  if (names.length > 1) names.sort();
  let key = '';
  for (const name of names) key += key === '' ? `${name}=${vars[name]}` : `\u0000${name}=${vars[name]}`;
  return key;
}

/** Text that is equal for equal values of some variables. */
export function valuesKey(vars: Vars, names: readonly string[]): string {
  if (names.length === 1) return vars[names[0]!]!;
  return names.map((name) => vars[name]).join('\u0000');
}

/** The named ones of some variables. */
export const pick = (vars: Vars, names: readonly string[]): Vars =>
  Object.fromEntries(names.map((name) => [name, vars[name]!]));

/** A task's variables as people see them, told apart from those at other settings. */
export const shownVars = (vars: Vars, setting: string): Vars =>
  setting === '' ? vars : { ...vars, [SETTING]: setting };

/** The variables without the setting, as another config's own task has them. */
export function plainVars({ [SETTING]: _, ...vars }: Vars): Vars {
  return vars;
}
