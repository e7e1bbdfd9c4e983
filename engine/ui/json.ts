import type { Event } from '../run/events.ts';
import { failureTexts } from './failures.ts';
import type { Output } from './plain.ts';

/** One JSON object a line, progress left out; the last line is the run's. Failures stand on standard error too. */
export function jsonView({ out, err }: Output): (event: Event) => void {
  const failure = failureTexts();
  return (event) => {
    if (event.event !== 'progress') out(JSON.stringify(event));
    const text = event.event === 'error' ? failure(event) : undefined;
    if (text !== undefined) err(text);
  };
}
