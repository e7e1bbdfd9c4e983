import type { Run, StoredRun } from '../../cache/store.ts';
import { SETTING } from '../spec/vary.ts';
import type { Emit, Event, Hit } from './events.ts';

/**
 * Hits that were told one after the other, of one stage: what the log has of them, as a run may find a million. Of each the
 * values of the variables that `names` lists, its fingerprint and its bytes.
 */
interface Hits {
  readonly event: 'hits';
  readonly stage: string;
  readonly names: readonly string[];
  readonly at: number;
  readonly tasks: readonly (readonly (string | number)[])[];
}

/** Characters of hits that may wait to be written, and how long. */
const MOST_WAITING = 1 << 16;
const LATEST_MS = 100;

export interface Log {
  /** Returns when the event is with the operating system, and all before it; a hit may take a little longer. */
  readonly write: Emit;
  /** Writes what waits; where that fails, nothing more can be done. */
  close(): void;
}

/** Keeps events with a run. Progress isn't kept. */
export function createLog(run: Run): Log {
  let stage = '';
  let names: readonly string[] = [];
  let at = 0;
  let rows = '';
  let timer: NodeJS.Timeout | undefined;
  let failed: unknown;

  const flush = (): void => {
    clearTimeout(timer);
    timer = undefined;
    const [text, before] = [rows, failed];
    rows = '';
    failed = undefined;
    if (before !== undefined) throw before;
    if (text !== '')
      run.line(
        `{"event":"hits","stage":${JSON.stringify(stage)},"names":${JSON.stringify(names)},"at":${at},"tasks":[${text}]}`,
      );
  };
  const flushLate = (): void => {
    try {
      flush();
    } catch (error) {
      failed = error;
    }
  };
  const add = (hit: Hit): void => {
    if (rows !== '' && (hit.stage !== stage || isVaried(hit) !== names.includes(SETTING))) flush();
    if (rows === '') {
      stage = hit.stage;
      names = Object.keys(hit.vars);
      at = hit.at ?? 0;
    }
    let row = rows === '' ? '[' : ',[';
    for (const name of names) row += `${quoted(hit.vars[name]!)},`;
    rows += `${row}"${hit.fingerprint}",${hit.bytes}]`;
    if (failed !== undefined || rows.length > MOST_WAITING) flush();
    else timer ??= setTimeout(flushLate, LATEST_MS).unref();
  };
  return {
    close: flushLate,
    write(event) {
      if (event.event === 'task' && event.outcome === 'hit') return add(event as Hit);
      if (event.event === 'progress') return;
      flush();
      run.line(JSON.stringify(event));
    },
  };
}

/** The tasks of a stage have the same variables but for this one. */
const isVaried = ({ vars }: Hit): boolean => vars[SETTING] !== undefined;

const texts = new Map<string, string>();

/** JSON of a text that comes again and again, as the name of an element does. */
function quoted(text: string): string {
  let known = texts.get(text);
  if (known === undefined) {
    known = JSON.stringify(text);
    texts.set(text, known);
  }
  return known;
}

/** The events of a past run in order. */
export async function eventsOf(run: StoredRun): Promise<Event[]> {
  const found = (await run.events()) as unknown as (Event | Hits)[];
  return found.flatMap((event) => (event.event === 'hits' ? hitsIn(event) : [event]));
}

function hitsIn({ stage, names, at, tasks }: Hits): Hit[] {
  return tasks.map((values) => {
    const vars = Object.fromEntries(names.map((name, i) => [name, values[i] as string]));
    const [fingerprint, bytes] = values.slice(names.length) as [string, number];
    return { event: 'task', stage, vars, fingerprint, outcome: 'hit', ms: 0, bytes, at };
  });
}
