/** Adds up how long something was going on, by kind; of several at once the time counts once. */
export interface Clock<Kind extends string> {
  time<T>(kind: Kind, work: () => Promise<T>): Promise<T>;
  /** Milliseconds so far. */
  ms(): Record<Kind, number>;
}

export function createClock<Kind extends string>(kinds: readonly Kind[]): Clock<Kind> {
  const open = new Map<Kind, { going: number; since: number; ms: number }>(
    kinds.map((kind) => [kind, { going: 0, since: 0, ms: 0 }]),
  );
  return {
    async time(kind, work) {
      const part = open.get(kind)!;
      if (part.going++ === 0) part.since = performance.now();
      try {
        return await work();
      } finally {
        if (--part.going === 0) part.ms += performance.now() - part.since;
      }
    },
    ms: () => Object.fromEntries([...open].map(([kind, { ms }]) => [kind, ms])) as Record<Kind, number>,
  };
}

/** The checks that nothing changed, which a run makes even if it has nothing to do. */
export type Checks = Clock<'files' | 'records' | 'published'>;

export const createChecks = (): Checks => createClock(['files', 'records', 'published']);
