import type { OnProgress, Patience } from './download.ts';
import type { Environment } from './folders.ts';
import { parseSource, type Source, sourceText } from './source.ts';

/** A file that was elsewhere and is here now. */
export interface Fetched {
  /** Absolute path. */
  readonly path: string;
  /** Files that came with it and lie beside it (ONNX external data). */
  readonly beside: readonly string[];
  /** The source in a form that stands for these bytes for good: with the commit, with the digest. */
  readonly pinned: Source;
}

export interface FetchOptions {
  readonly env?: Environment;
  /** Something that the person should know. */
  warn?(message: string): void;
  /** Called when bytes begin to come, before \`onProgress\`. */
  onStart?(what: string): void;
  readonly onProgress?: OnProgress;
  readonly patience?: Patience;
  /** True to take a file from the web whose digest isn't given. */
  readonly unverified?: boolean;
  /** True to take a file from the web whose digest isn't given, to remember its digest, and to ask each time if it changed. */
  readonly remember?: boolean;
  /** Called with the digest of a file that was downloaded and whose digest wasn't given. */
  onDigest?(what: string, sha256: string): void;
  /** Runs what downloads when its turn has come. */
  turn?<T>(work: () => Promise<T>): Promise<T>;
}

/** Fetches under way and done in this process, so that tasks that name the same file share one. */
const known = new Map<string, Promise<Fetched>>();

/**
 * Brings the file that a source names onto this machine, unless it is there. What was fetched is kept in caches outside of
 * the store (see folders.ts). Gives undefined for a text that is a path here. Throws a UserError that says what to do when
 * it can't be had.
 */
export async function fetchSource(text: string, options: FetchOptions = {}): Promise<Fetched | undefined> {
  const source = parseSource(text);
  if (!source) return undefined;
  const running = known.get(text) ?? fetchOne(source, options);
  known.set(text, running);
  try {
    return await running;
  } catch (error) {
    known.delete(text);
    throw error;
  }
}

/** How many files are looked up at once. */
const LOOKS = 8;

/**
 * Brings several files, as `fetchSource`; in their order. They are looked up some at once and downloaded one after the other;
 * nothing more is begun after the first failure. All files that are named at the same branch of a repository are of one
 * commit, and a warning is given once.
 */
export async function fetchSources(
  texts: readonly string[],
  options: FetchOptions = {},
): Promise<readonly Fetched[]> {
  const found: Fetched[] = new Array(texts.length);
  const one = alone();
  const told = new Set<string>();
  let failure: { readonly error: unknown } | undefined;
  const shared: FetchOptions = {
    ...options,
    warn(message) {
      if (!told.has(message)) options.warn?.(message);
      told.add(message);
    },
    turn: (work) =>
      one(() => {
        if (failure) throw failure.error;
        return work();
      }),
  };
  const fetchPinned = pinning(shared);
  let next = 0;
  const fetchSome = async () => {
    while (next < texts.length && !failure) {
      const at = next++;
      try {
        found[at] = await fetchPinned(texts[at]!);
      } catch (error) {
        failure ??= { error };
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(LOOKS, texts.length) }, fetchSome));
  return found;
}

/** A function that runs works one after the other. */
function alone(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const mine = last.then(work);
    last = mine.catch(() => {});
    return mine;
  };
}

/** A function that fetches files, those of a branch or tag at the commit that the first of them was of. */
function pinning(options: FetchOptions): (text: string) => Promise<Fetched> {
  const commits = new Map<string, Promise<string | undefined>>();
  return async (text) => {
    const source = parseSource(text);
    if (!source) throw new Error(`no source: ${text}`);
    if (source.kind !== 'hf') return (await fetchSource(text, options))!;
    const branch = sourceText({ ...source, path: '' });
    const commit = commits.get(branch);
    if (commit) {
      const revision = (await commit) ?? source.revision;
      return (await fetchSource(sourceText({ ...source, revision }), options))!;
    }
    const first = fetchSource(text, options) as Promise<Fetched>;
    const revisionOf = ({ pinned }: Fetched) => (pinned.kind === 'hf' ? pinned.revision : undefined);
    commits.set(
      branch,
      first.then(revisionOf, () => undefined),
    );
    return await first;
  };
}

/** Forgets what was fetched in this process; for tests. */
export const forgetSources = (): void => known.clear();

async function fetchOne(source: Source, options: FetchOptions): Promise<Fetched> {
  if (source.kind === 'hf') return (await import('./hub.ts')).fetchFromHub(source, options);
  if (source.kind === 'npm') return (await import('./npm.ts')).fetchFromNpm(source, options);
  if (source.sha256 === undefined && options.remember)
    return (await import('./remembered.ts')).fetchRemembered(source, options);
  return (await import('./web.ts')).fetchFromWeb(source, options);
}
