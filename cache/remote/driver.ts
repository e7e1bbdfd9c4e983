import type { Readable } from 'node:stream';

/**
 * What a place that keeps results for several machines has to do. Keys are relative paths with forward slashes, laid out
 * as in the store: `blobs/ab/<digest>`, `records/ab/<fingerprint>.json`, `runs/<id>.json`. Failures are RemoteFailures.
 */
export interface Driver {
  /** Bytes under a key; undefined when there is nothing. */
  size(key: string, signal: AbortSignal): Promise<number | undefined>;
  /** What is under a key, as it comes; undefined when there is nothing. */
  get(key: string, signal: AbortSignal): Promise<Readable | undefined>;
  /**
   * Puts a file under a key, whole or not at all; `alive` is called as it goes on. Missing where the place can only be
   * read.
   */
  readonly put?: (key: string, file: Sent, alive: () => void) => Promise<void>;
  /** Names (not keys) right below a folder. Missing where the place can't be listed. */
  readonly list?: (folder: string) => Promise<string[]>;
  /** Ends what is still open. */
  close(): Promise<void>;
}

export interface Sent {
  readonly path: string;
  readonly bytes: number;
}

/** The remote can't be reached, doesn't let us in, or broke off. `passing`: worth another try. */
export class RemoteFailure extends Error {
  override readonly name = 'RemoteFailure';
  readonly passing: boolean;
  constructor(why: string, passing: boolean) {
    super(why);
    this.passing = passing;
  }
}

/** What an answer's status means for us, in words. */
export function refusal(status: number): RemoteFailure {
  if (status === 401 || status === 403)
    return new RemoteFailure(
      `it doesn't let us in (status ${status}): check the credentials and what they allow`,
      false,
    );
  return new RemoteFailure(
    `it answers with status ${status}`,
    status >= 500 || [408, 425, 429].includes(status),
  );
}

/** A failed connection in one phrase, with its cause where the runtime hides it. */
export function broken(error: unknown): RemoteFailure {
  if (error instanceof RemoteFailure) return error;
  const failed = error as Error & { code?: string; cause?: Error & { code?: string } };
  const code = failed.cause?.code ?? failed.code;
  const said = failed.cause?.message || failed.message;
  return new RemoteFailure(code && !said.includes(code) ? `${code}: ${said}` : said, true);
}
