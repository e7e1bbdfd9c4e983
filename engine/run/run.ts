import { resolve } from 'node:path';
import type { Run, Store } from '../../cache/store.ts';
import type { Json } from '../../common/json.ts';
import { type Checks, type Clock, createChecks, createClock } from '../plan/clock.ts';
import { type PreparedStage, stageKey } from '../plan/prepare.ts';
import { type Expansion, isSettled, settle } from '../plan/settle.ts';
import { isDone, type Outcome, shownVars, taskName } from '../plan/task.ts';
import { type Pipeline, upstream } from '../spec/pipeline.ts';
import type { Emit, Overhead, RunEnd } from './events.ts';
import { createLog } from './log.ts';
import { type Performer, performer } from './performer.ts';
import { createPool, isCorruptBlob, type Pool } from './pool.ts';
import { createReporter, type Reporter } from './reporter.ts';
import { scheduled } from './schedule.ts';
import { BREAK_AFTER_MS, waitingText } from './waiting.ts';

export interface RunOptions {
  readonly pipeline: Pipeline;
  readonly stages: readonly PreparedStage[];
  readonly store: Store;
  readonly jobs: number;
  readonly emit: Emit;
  /** Aborted by Ctrl-C: running tasks stop at their next check, finished ones stay. */
  readonly signal: AbortSignal;
  /** The resolved config, kept with the run. */
  readonly config: Json;
  /** Runs of the same kind, such as those of one config in one folder: garbage collection keeps the last of each. */
  readonly group: string;
  /** The command line that asked for the run, without the program's name, kept with the run. */
  readonly command?: readonly string[];
  /** What planning took before, and the clock of its checks, which goes on. */
  readonly planned?: Pick<Overhead, 'startup' | 'config' | 'prepare'>;
  readonly checks?: Checks;
  /** False leaves the folders alone that outputs are published to. */
  readonly publish?: boolean;
  /** Whether the run does all that its group is for; default: that it has every stage of the pipeline. */
  readonly whole?: boolean;
  /** What a person should know before. */
  readonly notes?: readonly { readonly stage: string; readonly message: string }[];
}

/**
 * How often a run starts over after a stored file turned out to be damaged; once more for each stage, as a remote may fail
 * to give the files of one after the other.
 */
const MAX_REPAIRS = 5;

/**
 * Runs the graph: what is in the store is taken from there, the rest is performed; then outputs are published. A task
 * that fails is told at once and holds up only those that need it.
 *
 * @param pool runs the jobs; closed at the end
 */
export async function runPipeline(
  options: RunOptions,
  pool: Pool = createPool(options.store.dir),
): Promise<RunEnd> {
  const { store, stages, signal, notes = [] } = options;
  const names = [...new Set(stages.map(({ spec }) => spec.name))];
  const started = performance.now();
  const run = await store.runs.create(options.config, {
    group: options.group,
    stages: names,
    ...(options.command && { command: options.command }),
  });
  let unwritten: unknown;
  const log = createLog(run);
  const emit: Emit = (event) => {
    (event as { at?: number }).at = Math.round(performance.now() - started);
    options.emit(event);
    try {
      log.write(event);
    } catch (error) {
      unwritten ??= error;
    }
  };
  const interrupt = () => pool.interrupt();
  signal.addEventListener('abort', interrupt);
  try {
    const needs = Object.fromEntries(stages.map(({ spec }) => [spec.name, [...upstream(spec)]]));
    emit({ event: 'start', run: run.id, store: store.dir, stages: names, needs, jobs: options.jobs });
    for (const { stage, message } of notes) emit({ event: 'warning', stage, vars: {}, message });
    const perform = performer({ store, emit, signal, pool });
    const checks = options.checks ?? createChecks();
    const publishing = createClock(['publish']);
    const settled = await settleAndRepair({ ...options, emit, checks, publishing }, perform, run);
    emit({ event: 'overhead', ...overhead(options.planned, checks, publishing) });
    const end = summary(run.id, settled, signal.aborted, performance.now() - started);
    emit(end);
    const whole = options.whole ?? names.length === options.pipeline.stages.length;
    const complete = whole && end.failed === 0 && end.blocked === 0;
    await run.finish({ complete, summary: end as unknown as Json });
    if (unwritten) throw unwritten;
    return end;
  } finally {
    signal.removeEventListener('abort', interrupt);
    log.close();
    await pool.close();
  }
}

/** The options with what is at hand while it goes on. */
interface Going extends RunOptions {
  readonly checks: Checks;
  readonly publishing: Clock<'publish'>;
}

function overhead(planned: RunOptions['planned'], checks: Checks, publishing: Clock<'publish'>): Overhead {
  const { startup = 0, config = 0, prepare = 0 } = planned ?? {};
  const { files, records, published } = checks.ms();
  return {
    startup: tenths(startup),
    config: tenths(config),
    prepare: tenths(prepare),
    publish: tenths(publishing.ms().publish),
    verify: { files: tenths(files), records: tenths(records), published: tenths(published) },
  };
}

const tenths = (ms: number): number => Math.round(ms * 10) / 10;

type Ran = Extract<Outcome, { state: 'ran' }>;

interface Settled {
  readonly stage: PreparedStage;
  readonly vars: Readonly<Record<string, string>>;
  readonly outcome: Outcome;
}

function summary(run: string, settled: readonly Settled[], interrupted: boolean, ms: number): RunEnd {
  const count = (state: Outcome['state']) => settled.filter(({ outcome }) => outcome.state === state).length;
  return {
    event: 'run',
    run,
    hit: count('hit'),
    ran: count('ran'),
    failed: count('failed'),
    blocked: count('blocked'),
    ...(count('impossible') > 0 && { impossible: count('impossible') }),
    interrupted,
    ms: Math.round(ms),
  };
}

/**
 * Settles the graph and publishes. Starts over when a damaged file was found and set aside, so that what made it runs
 * again.
 */
async function settleAndRepair(options: Going, perform: Performer, run: Run): Promise<Settled[]> {
  const { checks, publishing } = options;
  const schedule = scheduled(options.jobs, options.emit, perform);
  const store: Store = {
    ...options.store,
    read: (fingerprint) => checks.time('records', () => options.store.read(fingerprint)),
    readAll: (fingerprints) => checks.time('records', () => options.store.readAll(fingerprints)),
  };
  const report = createReporter(options.emit);
  /** What ran in this run: settled once more it is a hit, and still counts as what it was. */
  const ran = new Map<string, Ran>();
  const keep = (settled: Settled): Settled => {
    const { stage, vars, outcome } = settled;
    if (!isDone(outcome) || (outcome.state === 'hit' && ran.size === 0)) return settled;
    const id = `${taskName(stage.spec.name, vars)} ${outcome.task.fingerprint}`;
    if (outcome.state === 'ran') ran.set(id, outcome);
    return { stage, vars, outcome: ran.get(id) ?? outcome };
  };
  const record = (settled: readonly Settled[]) => {
    const done: string[] = [];
    for (const { outcome } of settled) if (isDone(outcome)) done.push(outcome.task.fingerprint);
    run.recordFingerprints(done);
  };
  for (let attempt = 0; ; attempt++) {
    const last = attempt === MAX_REPAIRS + options.stages.length || options.signal.aborted;
    const expansions = settle(options.pipeline, options.stages, store, schedule);
    const tell: Reporter['tell'] = (stage, vars, outcome) => {
      const damaged = outcome.state === 'failed' && isCorruptBlob(outcome.error);
      if (!damaged || last) report.tell(stage, vars, outcome);
      else options.emit({ event: 'warning', stage, vars, message: outcome.error.message });
    };
    const watched = options.stages.map(async (stage) =>
      watch(
        stage,
        await expansions.get(stageKey(stage.spec.name, stage.setting))!,
        options.emit,
        keep,
        record,
        tell,
      ),
    );
    const settled = (await Promise.all(watched)).flat();
    const damaged = settled.some(({ outcome }) => outcome.state === 'failed' && isCorruptBlob(outcome.error));
    const published = () => publishing.time('publish', () => publish(settled, options, last));
    if (last || (!damaged && (await published()))) return settled;
    report.again(settled);
  }
}

/** Tells what becomes of a stage's tasks as it happens: what is in the store first, a part of the stage at once. */
async function watch(
  stage: PreparedStage,
  expansion: Expansion,
  emit: Emit,
  keep: (settled: Settled) => Settled,
  record: (settled: readonly Settled[]) => void,
  tell: Reporter['tell'],
): Promise<Settled[]> {
  const { spec, setting } = stage;
  const { name } = spec;
  if ('unknown' in expansion) return [{ stage, vars: shownVars({}, setting), outcome: expansion.unknown }];
  emit({ event: 'tasks', stage: name, count: expansion.nodes.length, ...(setting && { setting }) });
  const all: Settled[] = new Array(expansion.nodes.length);
  const coming: Promise<void>[] = [];
  const take = (settled: readonly Settled[]) => {
    record(settled);
    for (const { vars, outcome } of settled) tell(name, vars, outcome);
  };
  let at = 0;
  for (const looked of expansion.looked) {
    const there: Settled[] = [];
    for (const node of await looked) {
      const place = at++;
      const told = (outcome: Outcome): Settled => {
        all[place] = keep(isSettled(node) ? node : { stage, vars: shownVars(node.vars, setting), outcome });
        return all[place];
      };
      if (node.outcome instanceof Promise) {
        const late = node.outcome.then((outcome) => take([told(outcome)]));
        late.catch(() => undefined); // Told below, with those that came at once.
        coming.push(late);
      } else there.push(told(node.outcome!));
    }
    take(there);
  }
  await Promise.all(coming);
  return all;
}

/** Copies finished outputs to where people look for them. False when a stored file was damaged and set aside. */
async function publish(settled: readonly Settled[], options: Going, last: boolean): Promise<boolean> {
  if (options.signal.aborted || options.publish === false) return true;
  for (const { stage, vars, outcome } of settled) {
    const to = stage.setting === '' ? stage.spec.publish : undefined;
    if (!to || !isDone(outcome)) continue;
    const artifact = outcome.record.outputs[to.output];
    const target = resolve(to.to);
    const isThere = () => options.store.isMaterialised(artifact!, target);
    if (!artifact || (await options.checks.time('published', isThere))) continue;
    try {
      const { written, kept } = await options.store.materialise(artifact, target, {
        signal: options.signal,
        breakAfterMs: BREAK_AFTER_MS,
        onWait: (held) =>
          options.emit({
            event: 'waiting',
            stage: stage.spec.name,
            vars,
            message: waitingText('published', held),
          }),
      });
      options.emit({ event: 'published', stage: stage.spec.name, to: target, written, kept });
    } catch (error) {
      if (options.signal.aborted) return true;
      if (last || !(error instanceof Error && isCorruptBlob(error))) throw error;
      options.emit({ event: 'warning', stage: stage.spec.name, vars, message: error.message });
      return false;
    }
  }
  return true;
}
