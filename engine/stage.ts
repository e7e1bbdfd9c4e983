import type { z } from 'zod';

/**
 * The contract of a stage. A stage is a folder whose `index.ts` exports one of these as default: it tells in one screen
 * what goes in, which parameters count and what comes out. Everything that `run` can see is named here, so everything
 * that can change a result is in the fingerprint.
 */
export interface Stage<Params = unknown> {
  /** One line for `mis --help` and the report: what the stage does. */
  readonly summary: string;
  /** Parameters, as a zod object: they count. Reading one that isn't declared is an error. */
  readonly params: z.ZodType<Params>;
  /**
   * Names of parameters that can't change a result, such as how many images are computed at once: given to `run`, but left
   * out of the fingerprint, so that another value runs nothing again.
   */
  readonly uncounted?: readonly string[];
  /** Files from outside the store, by the name of the `with` key that gives their path. */
  readonly files?: Readonly<Record<string, FileInput>>;
  /** Outputs of other stages, by the name of the `needs` key. */
  readonly inputs?: Readonly<Record<string, Input>>;
  /** What the stage puts out. */
  readonly outputs: Readonly<Record<string, Output>>;
  /** Lists that the stage puts out and later stages can run over (`foreach`): list name → outputs of each element. */
  readonly lists?: Readonly<Record<string, Readonly<Record<string, Output>>>>;
  /** Versions of what the result depends on beside the code: runtime, provider, decoder. */
  environment?(params: Params): Readonly<Record<string, string>>;
  /**
   * What a task needs of this machine for itself while it runs. Asked once for each set of parameters, before the first task
   * with them starts, never for what is in the store; rejects with a UserError where the machine hasn't got it (a ParameterError says
   * which parameter asks for it).
   */
  resources?(params: Params): Promise<Needs>;
  /** Does the work. Runs in a worker thread; may block it. */
  run(task: Task<Params>): Promise<void>;
}

/** What a task needs for itself while it runs. */
export interface Needs {
  /** For each resource the units that will do: it gets one of them (`{ gpu: ['cuda:0', 'cuda:1'] }`). */
  readonly units: Readonly<Record<string, readonly string[]>>;
  /** How many tasks at a time it counts as, such as the threads that it keeps busy; 1 unless said. */
  readonly jobs?: number;
  /** What the person should know of it, told once a run and stage. */
  readonly note?: string;
}

export interface FileInput {
  /**
   * `content`: one file, fingerprinted by the digest of its bytes. `listing`: a folder, file, or list/glob/brace range
   * of them, fingerprinted by path, size and modification time of every file below it (and of those that `also` names);
   * the stage must put out what it read in content-addressed form, so that a touched but equal file stops there.
   */
  readonly by: 'content' | 'listing';
  /** What the file is, for messages: "ONNX model". */
  readonly what: string;
  readonly optional?: boolean;
  /** Further files that the given one refers to (ONNX external data, images of a list); absolute paths. */
  also?(path: string): Promise<string[]>;
}

export interface Input {
  /** `one`: exactly one; `each`: gathered over the variables that this stage doesn't share with the one it needs. */
  readonly take: 'one' | 'each';
  /**
   * False leaves the input out of the fingerprint: only for what can't change a result, such as the places where
   * digest-verified bytes lie.
   */
  readonly counts?: boolean;
  /** A stage may leave an `optional` output out; then the input is absent. */
  readonly optional?: boolean;
}

export interface Output {
  /** `file`, or a `folder` of files (stored as a manifest; can be published to a path). */
  readonly kind: 'file' | 'folder';
  /** What it is, for `mis path` and the docs. */
  readonly what: string;
  readonly optional?: boolean;
}

/** An output of another stage, verified against its digest before `run` starts. */
export interface Received {
  /** The file; of a folder one that holds its files, to be read only. */
  readonly path: string;
  readonly digest: string;
  readonly bytes: number;
  /** foreach variables of the task that made it, by name: `{ model: 'resnet', shard: '03' }`. */
  readonly vars: Readonly<Record<string, string>>;
}

/** What a varying stage doesn't receive, since the setting doesn't fit the data. */
export interface Impossible {
  /** As in the variable `setting` of what it does receive. */
  readonly setting: string;
  /** foreach variables of the task that isn't there. */
  readonly vars: Readonly<Record<string, string>>;
  /** What a stage said of it, as one paragraph. */
  readonly reason: string;
}

/** What a running stage sees of the world. */
export interface Task<Params = unknown> {
  readonly params: Params;
  /** Fingerprint of this task, for files that say where they come from: SHA-256 in lower-case hexadecimal digits. */
  readonly fingerprint: string;
  /** The single artefact of an input taken as `one`. Undefined only for an absent optional input. */
  input(name: string): Received;
  inputIfAny(name: string): Received | undefined;
  /** The artefacts of an input taken as `each`, sorted by their variables (never by order of the config). */
  inputs(name: string): readonly Received[];
  /**
   * Of a stage that varies (`vary`): what it lacks, sorted by setting and variables. What it receives has the variable
   * `setting`, which is empty for the config's own point. A task that a setting doesn't change is there once, at the
   * config's own point.
   */
  readonly impossible: readonly Impossible[];
  /** Absolute path(s) of a declared file input. */
  file(name: string): string;
  fileIfAny(name: string): string | undefined;
  files(name: string): readonly string[];
  /** A path to write an output to (for a folder: an existing empty folder). It is hashed and stored after `run`. */
  output(name: string): string;
  /** The same for an output of a list's element; elements appear by being written. Names: `[A-Za-z0-9._-]+`. */
  listOutput(list: string, element: string, output: string): string;
  /** The unit of a resource that the task has for itself; undefined for one that the stage didn't ask for. */
  resource(name: string): string | undefined;
  /**
   * Path of a file that the stage keeps for itself from run to run, such as what it found out about files from outside
   * that it can tell to be unchanged. It isn't there at first, nor after the stage's code or environment changed. No
   * fingerprint knows of it: the outputs must be the same without it. Write it beside and rename it into place.
   */
  kept(name: string): string;
  /** How far the work has come; `unit` is what is counted ("images"). Cheap: call it as often as you like. */
  progress(done: number, total: number, unit: string): void;
  /** Something that the person should know; shown in the run and kept in the record. */
  warn(message: string): void;
  /** Throws when the run was interrupted. Call it between batches. */
  check(): void;
}

/** Identity function that gives `run` the type of its parameters. */
export function defineStage<Params>(stage: Stage<Params>): Stage<Params> {
  return stage;
}
