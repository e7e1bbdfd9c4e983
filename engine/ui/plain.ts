import { taskName } from '../plan/task.ts';
import type { Event } from '../run/events.ts';
import { failureTexts, impossibleTexts, warningTexts } from './failures.ts';
import { byteCount, duration, plural, rateText } from './format.ts';

/** Where lines go: results and progress, and what a person must not miss. */
export interface Output {
  out(line: string): void;
  err(line: string): void;
}

type Progress = Map<string, { since: number; told: number }>;

/** A line for each thing that happened, for logs and CI. Hits are counted, not listed. */
export function plainView({ out, err }: Output): (event: Event) => void {
  const progress: Progress = new Map();
  const failure = failureTexts();
  const warning = warningTexts();
  const unfit = impossibleTexts();
  return (event) => {
    const text = event.event === 'error' ? failure(event) : undefined;
    if (text !== undefined) err(text);
    const line =
      event.event === 'warning'
        ? warning(event)
        : (event.event === 'task' && event.outcome === 'impossible' && unfit(event)) ||
          plainLine(event, progress);
    if (line !== undefined) out(line);
  };
}

const PROGRESS_EVERY_MS = 10_000;

function plainLine(event: Event, progress: Progress): string | undefined {
  if (event.event === 'waiting') return `${taskName(event.stage, event.vars)}: ${event.message}`;
  if (event.event === 'note') return `${event.stage}: ${event.message}`;
  if (event.event === 'published')
    return `${event.stage}: ${plural(event.written, 'file')} written to ${event.to}`;
  if (event.event === 'run') return endLine(event);
  if (event.event === 'task' && event.outcome === 'ran') {
    return `${taskName(event.stage, event.vars)}: done in ${duration(event.ms)}, ${byteCount(event.bytes)}`;
  }
  return event.event === 'progress' ? progressLine(event, progress) : undefined;
}

function progressLine(event: Extract<Event, { event: 'progress' }>, progress: Progress): string | undefined {
  const name = taskName(event.stage, event.vars);
  const now = performance.now();
  const last = progress.get(name);
  if (!last) progress.set(name, { since: now, told: now });
  if (!last || now - last.told < PROGRESS_EVERY_MS) return undefined;
  last.told = now;
  return `${name}: ${rateText(event.done, event.total, event.unit, now - last.since)}`;
}

/** What a run came to, in one line. */
export function endLine(end: Extract<Event, { event: 'run' }>): string {
  const { hit, ran, failed, blocked, impossible = 0, interrupted, ms } = end;
  const took = duration(ms);
  if (interrupted)
    return `Interrupted after ${took}: ${plural(ran, 'task')} finished and kept. Run again to go on from there.`;
  const unfit = impossible > 0 ? `, ${impossible} not possible` : '';
  if (failed > 0)
    return `Failed after ${took}: ${plural(failed, 'task')} failed, ${blocked} could not start, ${ran} ran, ${hit} up to date${unfit}.`;
  if (ran === 0) return `Nothing to do: ${plural(hit, 'task')} up to date${unfit} (${took}).`;
  return `Done in ${took}: ${plural(ran, 'task')} ran, ${hit} up to date${unfit}.`;
}
