import type { RunState } from './types.ts';

/**
 * Which results may go. A result stays if a pinned or running run names it, or one of `runs`, or one of the last
 * `keepRuns` complete runs of each group (and every newer run). Of the others, `olderThanMs` takes only those that no run
 * has used for so long, and `maxBytes` only as many, least recently used first, as it takes to get the store under it.
 */
export interface Policy {
  /** Default 1; 0 where `runs` or `maxBytes` is given. */
  readonly keepRuns?: number;
  readonly olderThanMs?: number;
  /** Records and blobs together. */
  readonly maxBytes?: number;
  /** Ids of runs. */
  readonly runs?: readonly string[];
}

/** What counts of a run. */
export interface PastRun {
  readonly id: string;
  readonly group: string;
  readonly state: RunState;
  /** ms since 1970: when it ended (or began, if it didn't), or was imported. */
  readonly usedAt: number;
  fingerprints(): Promise<readonly string[]>;
}

export interface Marks {
  /** Fingerprints that stay whatever their age. */
  readonly roots: ReadonlySet<string>;
  /** When a run last used a fingerprint, ms since 1970. */
  readonly lastUsed: ReadonlyMap<string, number>;
}

export const keptRuns = ({ keepRuns, runs, maxBytes }: Policy): number =>
  keepRuns ?? (runs || maxBytes !== undefined ? 0 : 1);

/** @param runs newest first */
export async function markRuns(
  runs: AsyncIterable<PastRun> | Iterable<PastRun>,
  pinned: ReadonlySet<string>,
  policy: Policy,
): Promise<Marks> {
  const keep = keptRuns(policy);
  const complete = new Map<string, number>();
  const roots = new Set<string>();
  const lastUsed = new Map<string, number>();
  for await (const run of runs) {
    const before = complete.get(run.group) ?? 0;
    if (run.state === 'complete') complete.set(run.group, before + 1);
    const stays =
      before < keep || run.state === 'running' || pinned.has(run.id) || policy.runs?.includes(run.id);
    for (const fingerprint of await run.fingerprints()) {
      if (stays) roots.add(fingerprint);
      lastUsed.set(fingerprint, Math.max(run.usedAt, lastUsed.get(fingerprint) ?? 0));
    }
  }
  return { roots, lastUsed };
}

/** A record in the store, with what removing it could free. */
export interface Result {
  readonly fingerprint: string;
  /** Empty where the record can't be read. */
  readonly stage: string;
  /** Size of the record's file. */
  readonly bytes: number;
  readonly blobs: readonly string[];
  readonly usedAt: number;
  /** How long its task took. */
  readonly ms: number;
}

/**
 * The results that go.
 *
 * @param stays fingerprints that stay
 * @param inUse digests of blobs that living processes rely on
 * @param sizes of all blobs, by digest
 */
export function chooseRemoved(
  results: readonly Result[],
  stays: (fingerprint: string) => boolean,
  inUse: (digest: string) => boolean,
  sizes: ReadonlyMap<string, number>,
  { olderThanMs, maxBytes }: Policy,
  now: number,
): Result[] {
  const loose = results.filter(({ fingerprint }) => !stays(fingerprint));
  const old = olderThanMs === undefined ? loose : loose.filter(({ usedAt }) => usedAt < now - olderThanMs);
  if (maxBytes === undefined) return old;
  const references = new Map<string, number>();
  for (const digest of results.flatMap(distinct)) references.set(digest, (references.get(digest) ?? 0) + 1);
  const sizeOf = (digest: string): number => sizes.get(digest) ?? 0;
  let bytes = results.reduce((sum, result) => sum + result.bytes, 0);
  for (const digest of sizes.keys()) if (references.has(digest) || inUse(digest)) bytes += sizeOf(digest);
  const removed: Result[] = [];
  for (const result of [...old].sort(leastUsedFirst)) {
    if (bytes <= maxBytes) break;
    removed.push(result);
    bytes -= result.bytes;
    for (const digest of distinct(result)) {
      const left = (references.get(digest) ?? 0) - 1;
      references.set(digest, left);
      if (left === 0 && !inUse(digest)) bytes -= sizeOf(digest);
    }
  }
  return removed;
}

const distinct = ({ blobs }: Result): string[] => [...new Set(blobs)];

/** Of those last used at the same time, the ones that are quickest to make anew go first. */
function leastUsedFirst(a: Result, b: Result): number {
  return a.usedAt - b.usedAt || a.ms - b.ms || (a.fingerprint < b.fingerprint ? -1 : 1);
}
