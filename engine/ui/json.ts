import type { Event } from '../run/events.ts';

/** One JSON object a line. Progress is left out unless asked for; the last line is the run's. */
export function jsonView(write: (line: string) => void): (event: Event) => void {
  return (event) => {
    if (event.event !== 'progress') write(JSON.stringify(event));
  };
}
