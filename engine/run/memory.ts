import { UserError } from '../../common/errors.ts';

/** What a person is told of a task that needed more memory than there is. */
export function outOfMemory(why: string): UserError {
  return new UserError(
    `The task ran out of memory (${why}). Nothing of it was kept; other tasks went on. Run fewer tasks at once (-j 1), take ` +
      'smaller batches or more shards, or allow more: NODE_OPTIONS=--max-old-space-size=8192 (MB).',
  );
}

/** True for what Node throws when the system gives no memory for a buffer. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof RangeError && /Array buffer allocation failed/.test(error.message);
}
