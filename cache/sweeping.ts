import { join } from 'node:path';
import { statNow } from './files.ts';
import type { Locks } from './locks.ts';

/**
 * The short time in which `gc` has moved things away and not yet moved back what somebody uses after all. Who misses
 * something waits for its end and looks again: so a hit never turns into a miss because somebody cleans.
 */
export interface Sweeping {
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Costs one look at a file when nobody sweeps. */
  ended(): Promise<void>;
}

/** A sweep on a host that has shown no life for so long is over. */
const ABANDONED_MS = 120_000;

export function createSweeping(locksDir: string, locks: Locks): Sweeping {
  const options = { breakAfterMs: ABANDONED_MS };
  return {
    during: (work) => locks.withLock('sweep', work, options),
    async ended() {
      if (statNow(join(locksDir, 'sweep.lock')))
        await locks.withLock('sweep', async () => undefined, options);
    },
  };
}
