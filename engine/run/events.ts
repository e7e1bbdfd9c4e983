import type { Vars } from '../plan/document.ts';
import type { Measured } from './job.ts';

/**
 * Everything that a run tells, in order. The terminal view, plain lines and `--json` are views of this stream, and the
 * run's folder keeps it (`events.jsonl`, see log.ts).
 */
export type Event = Happening & {
  /** Milliseconds since the run began; set by the run. */
  readonly at?: number;
};

type Happening =
  | {
      readonly event: 'start';
      readonly run: string;
      readonly store: string;
      readonly stages: readonly string[];
      /** For each stage the stages that it waits for. */
      readonly needs: Readonly<Record<string, readonly string[]>>;
      readonly jobs: number;
    }
  | ({
      /** The stage's tasks are known: at the config's own point, or at a setting that some stage varies. */
      readonly event: 'tasks';
      readonly count: number;
      readonly setting?: string;
    } & OfStage)
  | ({
      readonly event: 'begin';
      /** Of each resource the unit that the task has for itself; left out where there are none. */
      readonly resources?: Readonly<Record<string, string>>;
    } & OfTask)
  | ({
      readonly event: 'progress';
      readonly done: number;
      readonly total: number;
      readonly unit: string;
    } & OfTask)
  | ({
      /** What a stage says of the machine's resources that its tasks use; told once. */
      readonly event: 'note';
      readonly message: string;
    } & OfStage)
  | ({ readonly event: 'warning'; readonly message: string } & OfTask)
  | ({ readonly event: 'waiting'; readonly message: string } & OfTask)
  | ({ readonly event: 'error'; readonly message: string } & OfTask)
  | ({
      /**
       * A task is finished. One that has to run again because its stored result was damaged comes twice: hit, then ran.
       * Tasks at a setting that some stage varies have it as the variable `setting`.
       */
      readonly event: 'task';
      /** Missing where the task failed because its inputs didn't fit, and where an earlier task showed it impossible. */
      readonly fingerprint?: string;
      /** `impossible`: the setting doesn't fit the data. */
      readonly outcome: 'hit' | 'ran' | 'failed' | 'impossible';
      /** Why it is impossible. */
      readonly reason?: string;
      /** Earlier tasks in which that showed; left out where it showed in this one. */
      readonly on?: readonly string[];
      /** Wall time of what ran, from its start to its record; 0 for a hit. */
      readonly ms: number;
      /** Bytes that it put out. */
      readonly bytes: number;
      /** Of a task that ran: where its time went, how much work it was, how much memory it took. */
      readonly measured?: Measured;
    } & OfTask)
  | {
      readonly event: 'published';
      readonly stage: string;
      readonly to: string;
      readonly written: number;
      readonly kept: number;
    }
  | ({ readonly event: 'overhead' } & Overhead)
  | RunEnd;

/** What the main thread did beside the tasks, ms of wall time; told just before the end. */
export interface Overhead {
  /** From the process's start until the command began: the runtime, and loading the program. */
  readonly startup: number;
  /** Reading and checking pipeline and config, loading the stages, opening the store. */
  readonly config: number;
  /** Binding parameters, hashing code, and looking at files from outside (`verify.files`). */
  readonly prepare: number;
  /** Bringing the published folders up to date, with the look at what is there (`verify.published`). */
  readonly publish: number;
  /** The part of it all that only makes sure that nothing changed. */
  readonly verify: Verification;
}

/**
 * Time during which at least one check of a kind was on: an upper bound where other work went on between its steps.
 * `files`: size and times of files from outside against what is remembered of them, and hashing those that changed.
 * `records`: reading records with their checksums, and that the blobs which they name are there in the right size.
 * `published`: size and times of published files.
 */
export interface Verification {
  readonly files: number;
  readonly records: number;
  readonly published: number;
}

export interface RunEnd {
  readonly event: 'run';
  readonly run: string;
  readonly hit: number;
  readonly ran: number;
  readonly failed: number;
  /** Tasks that could not start because one that they need failed, or the run was interrupted. */
  readonly blocked: number;
  /** Tasks at settings that don't fit the data, which is no failure; left out where there are none. */
  readonly impossible?: number;
  readonly interrupted: boolean;
  readonly ms: number;
}

interface OfStage {
  readonly stage: string;
}

interface OfTask extends OfStage {
  readonly vars: Vars;
}

export type Emit = (event: Event) => void;

/** A task that was found in the store. */
export type Hit = Extract<Event, { event: 'task' }> & {
  readonly outcome: 'hit';
  readonly fingerprint: string;
};
