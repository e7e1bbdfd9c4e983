import type { Artifact } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import type { Json } from '../../common/json.ts';
import type { Vars } from '../plan/document.ts';
import type { Impossible } from '../stage.ts';

/** A task as it is sent to a worker: all that it takes to run it in any process that sees the store. */
export interface Job {
  /** Absolute path of the stage's index.ts. */
  readonly entry: string;
  readonly fingerprint: string;
  /** Digest of the stage's code and environment: what a stage keeps for itself holds for one version. */
  readonly version: string;
  readonly params: Json;
  /** The unit of each resource that the task has for itself. */
  readonly resources: Readonly<Record<string, string>>;
  readonly files: Readonly<Record<string, readonly string[]>>;
  readonly inputs: Readonly<Record<string, readonly { readonly vars: Vars; readonly artifact: Artifact }[]>>;
  readonly impossible: readonly Impossible[];
}

/** What a finished job put out, already in the store. */
export interface Output {
  readonly outputs: Record<string, Artifact>;
  readonly lists: Record<string, Record<string, Record<string, Artifact>>>;
  readonly warnings: readonly string[];
  readonly measured: Omit<Measured, 'recheckMs'>;
}

/** What a job took, by the thread that did it. Kept in the record (`ran.measured`); never part of a fingerprint. */
export interface Measured {
  /** Loading the stage's code (once a thread), making folders, and the like. */
  readonly loadMs: number;
  /** Hashing the inputs from the store against their digests; of each blob once a thread. */
  readonly verifyMs: number;
  /** The stage's own work. */
  readonly runMs: number;
  /** Hashing the outputs, writing them through to the disk, and moving them into the store. */
  readonly storeMs: number;
  /** Looking again at the stage's code and files from outside, so that nothing is kept that was made of two versions. */
  readonly recheckMs: number;
  /**
   * Processor time of the task's thread, user and system. Not that of threads which libraries start (inference, image
   * decoding), so that it may be far below `runMs`. Linux only.
   */
  readonly cpuMs?: number;
  /** Bytes of the inputs from the store. Files from outside (images, models) are not counted. */
  readonly readBytes: number;
  /** How much work it was, as the stage last told by `progress`: `5000`, `images`, and how many a second of `runMs`. */
  readonly done?: number;
  readonly unit?: string;
  readonly perSecond?: number;
  /** Highest JavaScript heap of the task's thread seen, array buffers included, bytes. */
  readonly peakHeap: number;
  /** Highest resident memory of the whole process (every thread and library) seen while the task was on, bytes. */
  readonly peakRss: number;
}

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly done: number; readonly total: number; readonly unit: string }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'done'; readonly output: Output }
  | {
      readonly kind: 'failed';
      readonly name: string;
      readonly message: string;
      readonly stack: string;
      /** The stage itself said that it can't be done, not the engine, the store or the system. */
      readonly refused: boolean;
    };

/** What a stage said of why it can't do a task. */
export class Refused extends UserError {}

/** Thrown in a task that was told to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  constructor() {
    super('Interrupted.');
  }
}
