import { setTimeout as sleep } from 'node:timers/promises';
import type { Stream } from '../../stats/random.ts';
import type { Ended, Running } from './runs.ts';

/** What an undisturbed run of a graph on an empty store takes. */
export interface Pace {
  /** Milliseconds from its start to its first event: loading code, reading and checking the graph, opening the store. */
  readonly startup: number;
  /** Milliseconds from its first event to its end. */
  readonly work: number;
  readonly events: number;
}

export const paceOf = ({ ms, sinceFirst, events }: Ended): Pace => ({
  startup: ms - sinceFirst,
  work: sinceFirst,
  events: events.length,
});

/** A number in [0, 1). */
export const share = (random: Stream): number => random.below(1_000_000) / 1_000_000;

/**
 * Waits for a random moment of a run, or for its end. One in ten lies before the first event, a third is spread evenly
 * over the time after it, the others lie shortly after an event that was drawn: most of a run's time goes into starting
 * threads, and its steps are close together.
 *
 * @param finished tasks that are in the store already: the run has so many events less to tell
 */
export async function moment(run: Running, pace: Pace, finished: number, random: Stream): Promise<void> {
  const [kind, where, pause] = [share(random), share(random), share(random)];
  const ended = run.ended.then(() => undefined);
  const wait = (ms: number) => Promise.race([sleep(ms), ended]);
  if (kind < 0.1) return wait(where * pace.startup);
  if (kind < 0.43) {
    await run.printed(1);
    return wait(where * pace.work);
  }
  await run.printed(1 + Math.floor(where * Math.max(1, pace.events - finished)));
  return wait((2 * pause * pace.work) / pace.events);
}
