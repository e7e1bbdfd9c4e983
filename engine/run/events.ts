import type { Vars } from '../plan/document.ts';

/** Everything that a run tells, in order. The terminal view, plain lines and `--json` are views of this stream. */
export type Event =
  | {
      readonly event: 'start';
      readonly run: string;
      readonly store: string;
      readonly stages: readonly string[];
      readonly jobs: number;
    }
  | ({ readonly event: 'tasks'; readonly count: number } & OfStage)
  | ({ readonly event: 'begin' } & OfTask)
  | ({
      readonly event: 'progress';
      readonly done: number;
      readonly total: number;
      readonly unit: string;
    } & OfTask)
  | ({ readonly event: 'warning'; readonly message: string } & OfTask)
  | ({ readonly event: 'waiting'; readonly message: string } & OfTask)
  | ({ readonly event: 'error'; readonly message: string } & OfTask)
  | ({
      /** A task is finished. One that has to run again because its stored result was damaged comes twice: hit, then ran. */
      readonly event: 'task';
      /** Missing where the task failed because its inputs didn't fit. */
      readonly fingerprint?: string;
      readonly outcome: 'hit' | 'ran' | 'failed';
      readonly ms: number;
      readonly bytes: number;
    } & OfTask)
  | {
      readonly event: 'published';
      readonly stage: string;
      readonly to: string;
      readonly written: number;
      readonly kept: number;
    }
  | RunEnd;

export interface RunEnd {
  readonly event: 'run';
  readonly run: string;
  readonly hit: number;
  readonly ran: number;
  readonly failed: number;
  /** Tasks that could not start because one that they need failed, or the run was interrupted. */
  readonly blocked: number;
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
