import { taskName } from '../plan/task.ts';
import type { Event } from '../run/events.ts';
import { byteCount, duration, plural } from './format.ts';

/** A line for each thing that happened, for logs and CI. Hits are counted, not listed. */
export function plainView(write: (line: string) => void): (event: Event) => void {
  const progress = new Map<string, number>();
  return (event) => {
    const line = plainLine(event, progress);
    if (line !== undefined) write(line);
  };
}

const PROGRESS_EVERY_MS = 10_000;

function plainLine(event: Event, progress: Map<string, number>): string | undefined {
  if (event.event === 'warning' || event.event === 'waiting')
    return `${taskName(event.stage, event.vars)}: ${event.message}`;
  if (event.event === 'error') return `${taskName(event.stage, event.vars)} failed.\n${event.message}`;
  if (event.event === 'published')
    return `${event.stage}: ${plural(event.written, 'file')} written to ${event.to}`;
  if (event.event === 'run') return endLine(event);
  if (event.event === 'task' && event.outcome === 'ran') {
    return `${taskName(event.stage, event.vars)}: done in ${duration(event.ms)}, ${byteCount(event.bytes)}`;
  }
  if (event.event !== 'progress') return undefined;
  const name = taskName(event.stage, event.vars);
  const now = performance.now();
  const last = progress.get(name);
  if (last === undefined) progress.set(name, now);
  if (last === undefined || now - last < PROGRESS_EVERY_MS) return undefined;
  progress.set(name, now);
  return `${name}: ${event.done} of ${event.total} ${event.unit}`;
}

/** What a run came to, in one line. */
export function endLine(end: Extract<Event, { event: 'run' }>): string {
  const { hit, ran, failed, blocked, interrupted, ms } = end;
  const took = duration(ms);
  if (interrupted)
    return `Interrupted after ${took}: ${plural(ran, 'task')} finished and kept. Run again to go on from there.`;
  if (failed > 0)
    return `Failed after ${took}: ${plural(failed, 'task')} failed, ${blocked} could not start, ${ran} ran, ${hit} up to date.`;
  if (ran === 0) return `Nothing to do: ${plural(hit, 'task')} up to date (${took}).`;
  return `Done in ${took}: ${plural(ran, 'task')} ran, ${hit} up to date.`;
}
