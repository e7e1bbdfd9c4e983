import type { Artifact } from '../../cache/store.ts';
import type { Json } from '../../common/json.ts';
import type { Vars } from '../plan/document.ts';

/** A task as it is sent to a worker: all that it takes to run it in any process that sees the store. */
export interface Job {
  /** Absolute path of the stage's index.ts. */
  readonly entry: string;
  readonly params: Json;
  readonly files: Readonly<Record<string, readonly string[]>>;
  readonly inputs: Readonly<Record<string, readonly { readonly vars: Vars; readonly artifact: Artifact }[]>>;
}

/** What a finished job put out, already in the store. */
export interface Output {
  readonly outputs: Record<string, Artifact>;
  readonly lists: Record<string, Record<string, Record<string, Artifact>>>;
  readonly warnings: readonly string[];
}

export type FromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'progress'; readonly done: number; readonly total: number; readonly unit: string }
  | { readonly kind: 'warning'; readonly message: string }
  | { readonly kind: 'done'; readonly output: Output }
  | { readonly kind: 'failed'; readonly name: string; readonly message: string; readonly stack: string };

/** Thrown in a task that was told to stop. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
  constructor() {
    super('Interrupted.');
  }
}
