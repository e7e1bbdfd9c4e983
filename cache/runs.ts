import { appendFileSync, closeSync, openSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Json } from '../common/json.ts';
import { codeOf, explain, explained, isMissing } from './failures.ts';
import { makeStoreFolder, randomName, statNow, writeWhole } from './files.ts';
import { lifeOf, parseOwner } from './owner.ts';
import { names } from './records.ts';
import { type Session, SILENT_MS } from './session.ts';
import type { Run, RunInfo, RunState, Runs, StoredRun } from './types.ts';

/**
 * One folder a run: `start.json` (when, what), `config.json`, `events.jsonl`, `fingerprints` (the records it uses, one a
 * line, some more than once), `owner.json` while it runs, and at the end `run.json`.
 */
const ID = /^\d{8}-\d{6}\.\d{3}-[0-9a-f]{10}$/;

interface Start {
  readonly at: string;
  readonly info: RunInfo;
}

interface End {
  readonly at: string;
  readonly complete: boolean;
  readonly summary?: Json;
}

export interface OwnRuns extends Runs {
  /** Gives up the runs of this process that weren't finished. */
  close(): Promise<void>;
}

export function createRuns(dir: string, session: Session): OwnRuns {
  const unfinished = new Set<OpenRun>();

  async function create(config: Json, info: RunInfo = {}): Promise<Run> {
    const at = new Date();
    const id = await nextId(at, (await list())[0]);
    const place = join(dir, id);
    await session.folder();
    await explained(place, async () => {
      await makeStoreFolder(place);
      await writeFile(join(place, 'owner.json'), JSON.stringify(session.owner));
      await writeFile(join(place, 'start.json'), JSON.stringify({ at: at.toISOString(), info }));
      await writeFile(join(place, 'config.json'), JSON.stringify(config, undefined, 1));
    });
    session.beating.add(join(place, 'owner.json'));
    const run = openRun(id, place, session, () => unfinished.delete(run));
    unfinished.add(run);
    return run;
  }

  async function list(): Promise<string[]> {
    const found = await names(dir);
    return found
      .filter((name) => ID.test(name))
      .sort()
      .reverse();
  }

  return {
    create,
    list,
    open: (id) => openStored(dir, id),
    async *newestFirst() {
      for (const id of await list()) {
        const run = await openStored(dir, id);
        if (run) yield run;
      }
    },
    async close() {
      for (const run of [...unfinished]) await run.giveUp();
    },
  };
}

/** `20261122-094312.123-ab12cd34ef`: sorts by time; a clock that was set back can't bring a run before the last one. */
async function nextId(now: Date, newest: string | undefined): Promise<string> {
  const stampOf = (date: Date): string =>
    date.toISOString().replace(/[-:Z]/g, '').replace('T', '-').slice(0, 19);
  let stamp = stampOf(now);
  if (newest !== undefined && newest.slice(0, 19) >= stamp) {
    const [, y, m, d, hh, mm, ss, ms] = /^(....)(..)(..)-(..)(..)(..)\.(...)/.exec(newest) ?? [];
    stamp = stampOf(new Date(Date.parse(`${y}-${m}-${d}T${hh}:${mm}:${ss}.${ms}Z`) + 1));
  }
  return `${stamp}-${randomName()}`;
}

interface OpenRun extends Run {
  giveUp(): Promise<void>;
}

function openRun(id: string, dir: string, session: Session, ended: () => void): OpenRun {
  const handles = new Map<string, number>();
  const ownerFile = join(dir, 'owner.json');

  const append = (name: string, text: string): void => {
    const path = join(dir, name);
    try {
      const handle = handles.get(name) ?? openSync(path, 'a');
      handles.set(name, handle);
      appendFileSync(handle, text);
    } catch (error) {
      throw explain(error, path);
    }
  };
  const line = (text: string): void => append('events.jsonl', `${text}\n`);
  const giveUp = async (): Promise<void> => {
    ended();
    for (const handle of handles.values()) closeSync(handle);
    handles.clear();
    session.beating.delete(ownerFile);
    await rm(ownerFile, { force: true }).catch(() => undefined);
  };
  return {
    id,
    dir,
    giveUp,
    event: (event) => line(JSON.stringify(event)),
    line,
    recordFingerprints(fingerprints) {
      const lines = [...fingerprints].join('\n');
      if (lines !== '') append('fingerprints', `${lines}\n`);
    },
    async finish({ complete, summary }) {
      const end: End = {
        at: new Date().toISOString(),
        complete,
        ...(summary === undefined ? {} : { summary }),
      };
      await writeWhole(join(dir, 'run.json'), await session.path(), `${JSON.stringify(end, undefined, 1)}\n`);
      await giveUp();
    },
  };
}

/** The newest run that did all that its config asks for. */
export async function newestComplete(runs: Runs): Promise<StoredRun | undefined> {
  for await (const run of runs.newestFirst()) if (run.state === 'complete') return run;
  return undefined;
}

async function openStored(dir: string, id: string): Promise<StoredRun | undefined> {
  if (!ID.test(id)) return undefined;
  const place = join(dir, id);
  const start = await readJson<Start>(join(place, 'start.json'));
  if (start === undefined) return undefined;
  const end = await readJson<End>(join(place, 'run.json'));
  const imported = await readJson<{ at: string }>(join(place, 'imported.json'));
  return {
    id,
    dir: place,
    at: start.at,
    usedAt: [start.at, end?.at ?? '', imported?.at ?? ''].sort().at(-1) as string,
    imported: imported !== undefined,
    info: start.info,
    state: await stateOf(place, end),
    summary: end?.summary,
    config: () => readJson<Json>(join(place, 'config.json')),
    events: async () => (await linesOf(join(place, 'events.jsonl'))).flatMap(parsed),
    fingerprints: async () => [...new Set(await linesOf(join(place, 'fingerprints')))],
  };
}

async function stateOf(place: string, end: End | undefined): Promise<RunState> {
  if (end) return end.complete ? 'complete' : 'incomplete';
  const path = join(place, 'owner.json');
  const owner = parseOwner(await readFile(path, 'utf8').catch(() => ''));
  const silentMs = Date.now() - Number(statNow(path)?.mtimeMs ?? 0);
  const life = owner ? lifeOf(owner, silentMs) : 'dead';
  return life === 'dead' || (life === 'elsewhere' && silentMs > SILENT_MS) ? 'interrupted' : 'running';
}

/** The whole lines of a file; what stands after the last line end was cut by a kill. */
async function linesOf(path: string): Promise<string[]> {
  try {
    return (await readFile(path, 'utf8'))
      .split('\n')
      .slice(0, -1)
      .filter((line) => line !== '');
  } catch (error) {
    if (isMissing(error)) return [];
    throw explain(error, path);
  }
}

function parsed(line: string): Json[] {
  try {
    return [JSON.parse(line) as Json];
  } catch {
    return [];
  }
}

async function readJson<T>(path: string): Promise<T | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as T;
  } catch (error) {
    if (error instanceof SyntaxError || isMissing(error) || codeOf(error) === 'EISDIR') return undefined;
    throw explain(error, path);
  }
}
