import type { Vars } from '../plan/document.ts';
import { taskName } from '../plan/task.ts';
import { type CriticalPath, criticalPath } from './critical-path.ts';
import type { Event, Overhead } from './events.ts';

/** Where a run's time went, from its event log alone. Times are ms, sizes bytes. */
export interface Profile {
  readonly jobs: number;
  /** From the process's start to the run's end, as far as the log tells: planning and the run. */
  readonly totalMs: number;
  /** The run itself: looking tasks up, running them, publishing. */
  readonly runMs: number;
  readonly counts: { readonly ran: number; readonly hit: number; readonly failed: number };
  readonly stages: readonly StageProfile[];
  /** What the tasks that ran took together, and the parts of it. */
  readonly busy: Parts;
  /** `busy.ms / (runMs × jobs)`: 1 when every job had a task all the time. */
  readonly efficiency: number;
  /** Time of the run during which no task was running: looking up, scheduling, publishing. */
  readonly withoutTaskMs: number;
  readonly critical: CriticalPath;
  /** Missing where the run was killed, or was made before this was measured. */
  readonly overhead?: Overhead;
  /** Share of `totalMs` that went into checks that nothing changed (`overhead.verify`). */
  readonly verificationShare?: number;
}

/** Of a task's time: loading code, hashing inputs, the stage's work, storing outputs, looking again; `cpuMs` beside it. */
export interface Parts {
  readonly ms: number;
  readonly loadMs: number;
  readonly verifyMs: number;
  readonly workMs: number;
  readonly storeMs: number;
  readonly recheckMs: number;
  readonly cpuMs: number;
}

export interface StageProfile extends Parts {
  readonly stage: string;
  readonly ran: number;
  readonly hit: number;
  readonly failed: number;
  /** Of the time of all stages' tasks. */
  readonly share: number;
  readonly meanMs: number;
  readonly slowest?: { readonly vars: Vars; readonly ms: number };
  /** Work done, in the stage's own unit, and how much of it one task does in a second of its work. */
  readonly done?: number;
  readonly unit?: string;
  readonly perSecond?: number;
  readonly readBytes: number;
  readonly bytes: number;
  /** Highest of its tasks: heap of the task's thread, resident memory of the whole process. */
  readonly peakHeap: number;
  readonly peakRss: number;
}

export type TaskEvent = Extract<Event, { event: 'task' }>;

export function profileOf(events: readonly Event[]): Profile {
  const start = events.find((event) => event.event === 'start');
  const end = events.find((event) => event.event === 'run');
  const overhead = events.find((event) => event.event === 'overhead');
  const tasks = lastOfEach(events);
  const ran = tasks.filter(({ outcome }) => outcome === 'ran');
  const jobs = start?.jobs ?? 1;
  const runMs = end?.ms ?? Math.max(0, ...events.map(({ at }) => at ?? 0));
  const totalMs = runMs + (overhead ? overhead.startup + overhead.config + overhead.prepare : 0);
  const busy = partsOf(ran);
  const names = start?.stages ?? [...new Set(tasks.map(({ stage }) => stage))];
  const count = (outcome: string) => tasks.filter((task) => task.outcome === outcome).length;
  const { files = 0, records = 0, published = 0 } = overhead?.verify ?? {};
  return {
    jobs,
    totalMs,
    runMs,
    counts: { ran: count('ran'), hit: count('hit'), failed: count('failed') },
    stages: names.map((stage) => stageProfile(stage, tasks, busy.ms)),
    busy,
    efficiency: busy.ms / Math.max(1, runMs * jobs),
    withoutTaskMs: Math.max(0, runMs - covered(events)),
    critical: criticalPath(names, start?.needs ?? {}, tasks),
    ...(overhead && {
      overhead: {
        startup: overhead.startup,
        config: overhead.config,
        prepare: overhead.prepare,
        publish: overhead.publish,
        verify: overhead.verify,
      },
      verificationShare: (files + records + published) / Math.max(totalMs, 1),
    }),
  };
}

/** A task that was repaired is told twice: what it came to in the end counts. */
function lastOfEach(events: readonly Event[]): TaskEvent[] {
  const tasks = new Map<string, TaskEvent>();
  for (const event of events) if (event.event === 'task') tasks.set(taskName(event.stage, event.vars), event);
  return [...tasks.values()];
}

const sum = (values: readonly (number | undefined)[]): number =>
  values.reduce<number>((total, value) => total + (value ?? 0), 0);

function partsOf(ran: readonly TaskEvent[]): Parts {
  const of = (key: 'loadMs' | 'verifyMs' | 'runMs' | 'storeMs' | 'recheckMs' | 'cpuMs') =>
    sum(ran.map(({ measured }) => measured?.[key]));
  return {
    ms: sum(ran.map(({ ms }) => ms)),
    loadMs: of('loadMs'),
    verifyMs: of('verifyMs'),
    workMs: of('runMs'),
    storeMs: of('storeMs'),
    recheckMs: of('recheckMs'),
    cpuMs: of('cpuMs'),
  };
}

function stageProfile(stage: string, all: readonly TaskEvent[], busyMs: number): StageProfile {
  const tasks = all.filter((task) => task.stage === stage);
  const ran = tasks.filter(({ outcome }) => outcome === 'ran');
  const parts = partsOf(ran);
  const slowest = ran.reduce<TaskEvent | undefined>(
    (most, task) => (most && most.ms >= task.ms ? most : task),
    undefined,
  );
  const unit = ran.find(({ measured }) => measured?.unit !== undefined)?.measured?.unit;
  const counted = ran.filter(({ measured }) => unit !== undefined && measured?.unit === unit);
  const done = sum(counted.map(({ measured }) => measured!.done));
  const seconds = sum(counted.map(({ measured }) => measured!.runMs)) / 1000;
  const highest = (key: 'peakHeap' | 'peakRss') =>
    Math.max(0, ...ran.map(({ measured }) => measured?.[key] ?? 0));
  return {
    stage,
    ran: ran.length,
    hit: tasks.filter(({ outcome }) => outcome === 'hit').length,
    failed: tasks.filter(({ outcome }) => outcome === 'failed').length,
    ...parts,
    share: parts.ms / Math.max(1, busyMs),
    meanMs: parts.ms / Math.max(1, ran.length),
    ...(slowest && { slowest: { vars: slowest.vars, ms: slowest.ms } }),
    ...(unit !== undefined && { done, unit, perSecond: done / Math.max(0.001, seconds) }),
    readBytes: sum(ran.map(({ measured }) => measured?.readBytes)),
    bytes: sum(ran.map(({ bytes }) => bytes)),
    peakHeap: highest('peakHeap'),
    peakRss: highest('peakRss'),
  };
}

/** Milliseconds during which at least one task was running. */
function covered(events: readonly Event[]): number {
  const begun = new Map<string, number>();
  const spans: [number, number][] = [];
  for (const event of events) {
    if (event.event === 'begin') begun.set(taskName(event.stage, event.vars), event.at ?? 0);
    if (event.event !== 'task') continue;
    const from = begun.get(taskName(event.stage, event.vars));
    if (from !== undefined) spans.push([from, event.at ?? from]);
  }
  let until = 0;
  let total = 0;
  for (const [from, to] of spans.sort((a, b) => a[0] - b[0])) {
    total += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return total;
}
