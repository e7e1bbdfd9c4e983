import { openStore } from '../../cache/store.ts';
import { findRun } from '../plan/find-run.ts';
import { taskName } from '../plan/task.ts';
import { eventsOf } from '../run/log.ts';
import { type Profile, profileOf, type StageProfile } from '../run/profile.ts';
import { byteCount, duration, plural, varsText } from '../ui/format.ts';
import { table } from '../ui/table.ts';
import { type GraphOptions, storeFolder } from './context.ts';

/** `mis profile [RUN]`: where a run's time went. */
export async function profile(
  name: string | undefined,
  options: GraphOptions & { json?: boolean },
): Promise<number> {
  const store = await openStore(storeFolder(options));
  try {
    const run = await findRun(store, name);
    const found = profileOf(await eventsOf(run));
    const text = options.json
      ? JSON.stringify({ run: run.id, at: run.at, state: run.state, ...found })
      : profileText(run.id, run.state, found);
    process.stdout.write(`${text}\n`);
    return 0;
  } finally {
    await store.close();
  }
}

export function profileText(run: string, state: string, found: Profile): string {
  const { counts, totalMs, jobs } = found;
  const failed = counts.failed > 0 ? `, ${counts.failed} failed` : '';
  const head = `Run ${run} (${state}): ${duration(totalMs)} in all, ${plural(jobs, 'job')}; ${plural(counts.ran, 'task')} ran, ${counts.hit} up to date${failed}.`;
  const parts = [
    head,
    ...(counts.ran > 0 ? [stagesText(found.stages), tasksText(found)] : []),
    overheadText(found),
  ];
  return parts.filter(Boolean).join('\n\n');
}

function stagesText(stages: readonly StageProfile[]): string {
  const header = [
    'stage',
    'ran',
    'time',
    'share',
    'mean',
    'rate of a task',
    'read',
    'written',
    'heap',
    'memory',
    'slowest',
  ];
  const rows = stages
    .filter(({ ran }) => ran > 0)
    .map((each) => [
      each.stage,
      String(each.ran),
      duration(each.ms),
      percent(each.share),
      duration(each.meanMs),
      each.perSecond === undefined ? '' : `${Number(each.perSecond.toPrecision(3))} ${each.unit}/s`,
      byteCount(each.readBytes),
      byteCount(each.bytes),
      byteCount(each.peakHeap),
      byteCount(each.peakRss),
      each.slowest ? `${duration(each.slowest.ms)} ${varsText(each.slowest.vars)}`.trim() : '',
    ]);
  const note =
    'heap: most JavaScript memory of a task’s thread; memory: most resident memory of the whole process meanwhile.';
  return `${table(header, rows, [1, 2, 3, 4, 5, 6, 7, 8, 9])}\n${note}`;
}

function tasksText({ busy, efficiency, runMs, jobs, critical, stages }: Profile): string {
  const share = (ms: number) => percent(ms / Math.max(1, busy.ms));
  const cpu = busy.cpuMs > 0 ? ` (their own threads’ processor time: ${duration(busy.cpuMs)})` : '';
  const measured = busy.loadMs + busy.verifyMs + busy.workMs + busy.storeMs + busy.recheckMs;
  const lines = [
    `Tasks took ${duration(busy.ms)} together${cpu}: ${share(busy.workMs)} work of the stages, ${share(busy.verifyMs)} hashing inputs, ${share(busy.storeMs)} hashing and storing outputs, ${share(busy.loadMs)} loading code, ${share(busy.recheckMs)} checking code and files again, ${share(Math.max(0, busy.ms - measured))} waiting for a thread and the record.`,
    `Parallel efficiency ${percent(efficiency)}: ${duration(busy.ms)} of tasks in ${duration(runMs)} × ${plural(jobs, 'job')}.`,
    `Critical path ${duration(critical.ms)} (with any number of jobs, no less):`,
    ...critical.tasks.map(({ stage, vars, ms }) => `  ${duration(ms).padStart(9)}  ${taskName(stage, vars)}`),
  ];
  const failed = stages.filter((each) => each.failed > 0).map(({ stage }) => stage);
  return [
    ...lines,
    ...(failed.length > 0 ? [`Not counted: tasks that failed (${failed.join(', ')}).`] : []),
  ].join('\n');
}

function overheadText({ overhead, totalMs, withoutTaskMs, verificationShare = 0 }: Profile): string {
  if (!overhead)
    return 'The log says nothing of the time outside tasks: the run was cut off, or is an old one.';
  const { verify } = overhead;
  const row = (ms: number, what: string) =>
    `  ${duration(ms).padStart(9)}  ${percent(ms / Math.max(1, totalMs)).padStart(6)}  ${what}`;
  return [
    `Outside of tasks, of ${duration(totalMs)}:`,
    row(overhead.startup, 'starting and loading the program'),
    row(overhead.config, 'reading pipeline and config, loading stages, opening the store'),
    row(overhead.prepare, 'hashing code and parameters, checking files'),
    row(
      Math.max(0, withoutTaskMs - overhead.publish),
      'looking tasks up and starting them, while none was running',
    ),
    row(overhead.publish, 'publishing'),
    `Verification of what is there took ${percent(verificationShare)} of the time: ${duration(verify.files)} on files from outside, ${duration(verify.records)} on records and their blobs, ${duration(verify.published)} on published files.`,
  ].join('\n');
}

const percent = (share: number): string => `${(share * 100).toFixed(share < 0.0995 ? 1 : 0)} %`;
