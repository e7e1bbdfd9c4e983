import { basename, relative } from 'node:path';
import type { Pin, StoredRun } from '../../cache/store.ts';
import { eventsOf } from '../run/log.ts';
import { duration } from '../ui/format.ts';
import { table } from '../ui/table.ts';
import type { GraphOptions } from './context.ts';
import { print, withStore } from './store-only.ts';

/** A run as the list tells it. */
interface Line {
  readonly run: string;
  readonly at: string;
  readonly state: StoredRun['state'];
  readonly imported: boolean;
  readonly pins: readonly string[];
  readonly configs: readonly string[];
  /** What was asked for: `run score-mis --set task.n=10`. Null for a run that doesn't say. */
  readonly command: string | null;
  /** The stages that were asked for, with what they need. */
  readonly stages: readonly string[];
  readonly ran: number;
  readonly hit: number;
  readonly failed: number;
  /** Null for a run that was cut off. */
  readonly ms: number | null;
}

/** `mis runs`: the runs in the store, newest first. */
export async function runs(
  options: Pick<GraphOptions, 'store'> & { json?: boolean; all?: boolean },
): Promise<number> {
  return withStore(options, async (store) => {
    const pins = await store.pins();
    const rows: string[][] = [];
    let more = 0;
    for await (const run of store.runs.newestFirst()) {
      if (!options.json && !options.all && rows.length === SHOWN) more += 1;
      else {
        const line = await lineOf(run, pins);
        if (options.json) print(JSON.stringify(line));
        else rows.push(cells(line));
      }
    }
    if (options.json) return 0;
    if (rows.length === 0) print('No run is in the store yet.');
    else
      print(
        table(
          ['run', 'when', 'state', 'ran', 'hit', 'failed', 'time', 'command', 'pins'],
          rows,
          [3, 4, 5, 6],
        ),
      );
    if (more > 0) print(`… and ${more} earlier (--all shows them)`);
    return 0;
  });
}

/** Runs listed without --all. */
const SHOWN = 30;

async function lineOf(run: StoredRun, pins: readonly Pin[]): Promise<Line> {
  const told = run.summary as { ran?: number; hit?: number; failed?: number; ms?: number } | undefined;
  const counts = told ?? (await countTasks(run));
  return {
    run: run.id,
    at: run.at,
    state: run.state,
    imported: run.imported,
    pins: pins.filter((pin) => pin.run === run.id).map(({ name }) => name),
    configs: configsOf(run),
    command: (run.info.command as readonly string[] | undefined)?.join(' ') ?? null,
    stages: (run.info.stages as readonly string[] | undefined) ?? [],
    ran: counts.ran ?? 0,
    hit: counts.hit ?? 0,
    failed: counts.failed ?? 0,
    ms: told?.ms ?? null,
  };
}

/** What the tasks of a run without an end came to, by its events. */
async function countTasks(run: StoredRun): Promise<{ ran: number; hit: number; failed: number }> {
  const counts = { ran: 0, hit: 0, failed: 0 };
  for (const event of (await eventsOf(run)) as { event: string; outcome?: keyof typeof counts }[]) {
    if (event.event === 'task' && event.outcome && event.outcome in counts) counts[event.outcome] += 1;
  }
  return counts;
}

/** Config files relative to the folder of the run; the group of a run names both (see run.ts). */
function configsOf({ info }: StoredRun): string[] {
  try {
    const [folder, , ...files] = JSON.parse(info.group ?? '[]') as string[];
    return files.map((file) => {
      const path = relative(folder ?? '', file);
      return path.startsWith('..') ? basename(file) : path;
    });
  } catch {
    return [];
  }
}

function cells(line: Line): string[] {
  return [
    line.run,
    new Date(line.at).toLocaleString('sv-SE'),
    line.imported ? `${line.state}, imported` : line.state,
    String(line.ran),
    String(line.hit),
    String(line.failed),
    line.ms === null ? '' : duration(line.ms),
    line.command ?? line.configs.join(' '),
    line.pins.join(' '),
  ];
}
