import { lifeOf } from '../../cache/owner.ts';
import type { Held } from '../../cache/store.ts';

/**
 * The lock of a process that can't be seen from here (on another host, in another container) is broken when it has shown
 * no life for so long. Owners do so every 30 s.
 */
export const BREAK_AFTER_MS = 15 * 60_000;

/** What a person is told who waits for another run: who holds what, and what to do if that one is gone. */
export function waitingText(what: string, { heldBy, holder, path }: Held): string {
  const told = `is being ${what} by ${holder}`;
  if (!heldBy || lifeOf(heldBy, 0) !== 'elsewhere') return told;
  const minutes = BREAK_AFTER_MS / 60_000;
  return (
    `${told}. Whether that process still lives can't be seen from here: if it is gone for good, delete ${path}. ` +
    `Otherwise this run waits, and goes on by itself ${minutes} minutes after its last sign of life.`
  );
}
