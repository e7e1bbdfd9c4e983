import { hostname } from 'node:os';
import { resolve } from 'node:path';
import pLimit from 'p-limit';
import type { Run, Store, Record as StoredRecord } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';
import type { Json } from '../../common/json.ts';
import type { PreparedStage } from '../plan/prepare.ts';
import { type Expansion, settle } from '../plan/settle.ts';
import { isDone, type Outcome, type ReadyTask, taskName } from '../plan/task.ts';
import type { Pipeline } from '../spec/pipeline.ts';
import type { Emit, Event, RunEnd } from './events.ts';
import { Interrupted } from './job.ts';
import { createPool, isCorruptBlob, type Pool } from './pool.ts';

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
}

/** How often a run starts over after a stored file turned out to be damaged. */
const MAX_REPAIRS = 5;

/** Runs the graph: what is in the store is taken from there, the rest is performed; then outputs are published. */
export async function runPipeline(options: RunOptions): Promise<RunEnd> {
  const { store, stages, signal } = options;
  const started = performance.now();
  const run = await store.runs.create(options.config, {
    group: process.cwd(),
    stages: stages.map(({ spec }) => spec.name),
  });
  const emit: Emit = (event) => {
    options.emit(event);
    if (event.event !== 'progress') run.event(event as unknown as Json);
  };
  const pool = createPool(store.dir);
  const interrupt = () => pool.interrupt();
  signal.addEventListener('abort', interrupt);
  emit({
    event: 'start',
    run: run.id,
    store: store.dir,
    stages: stages.map(({ spec }) => spec.name),
    jobs: options.jobs,
  });
  const outcomes = await settleAndRepair({ ...options, emit }, pool, run);
  signal.removeEventListener('abort', interrupt);
  if (!signal.aborted) await publish(outcomes, options, emit);
  const count = (state: Outcome['state']) => outcomes.filter((each) => each.outcome.state === state).length;
  const interrupted = outcomes.filter(
    ({ outcome }) => outcome.state === 'failed' && outcome.error.name === 'Interrupted',
  ).length;
  const end: RunEnd = {
    event: 'run',
    run: run.id,
    hit: count('hit'),
    ran: count('ran'),
    failed: count('failed') - interrupted,
    blocked: count('blocked') + interrupted,
    interrupted: signal.aborted,
    ms: Math.round(performance.now() - started),
  };
  emit(end);
  await run.finish({ complete: end.failed === 0 && end.blocked === 0, summary: end as unknown as Json });
  await pool.close();
  return end;
}

interface Settled {
  readonly stage: PreparedStage;
  readonly outcome: Outcome;
}

/** Settles the graph; starts over when a damaged file was found and set aside, so that what made it runs again. */
async function settleAndRepair(options: RunOptions, pool: Pool, run: Run): Promise<Settled[]> {
  const ran = new Map<string, Outcome>();
  for (let attempt = 0; ; attempt++) {
    const reported = new Set<string>();
    const limit = pLimit(options.jobs);
    const expansions = settle(options.pipeline, options.stages, options.store, (task) =>
      limit(() => perform(task, options, pool)),
    );
    const watched = options.stages.map(async (stage) =>
      watch(stage, await expansions.get(stage.spec.name)!, options, run, reported, ran),
    );
    const settled = (await Promise.all(watched)).flat();
    const damaged = settled.some(({ outcome }) => outcome.state === 'failed' && isCorruptBlob(outcome.error));
    if (!damaged || attempt === MAX_REPAIRS || options.signal.aborted) return settled;
  }
}

/** Reports what becomes of a stage's tasks as it happens. */
async function watch(
  stage: PreparedStage,
  expansion: Expansion,
  options: RunOptions,
  run: Run,
  reported: Set<string>,
  ran: Map<string, Outcome>,
): Promise<Settled[]> {
  const { name } = stage.spec;
  if ('unknown' in expansion) return [{ stage, outcome: expansion.unknown }];
  options.emit({ event: 'tasks', stage: name, count: expansion.nodes.length });
  return Promise.all(
    expansion.nodes.map(async (node) => {
      let outcome = await node.outcome;
      if ('task' in outcome) {
        const { fingerprint } = outcome.task;
        run.recordFingerprints([fingerprint]);
        if (outcome.state === 'ran') ran.set(fingerprint, outcome);
        if (outcome.state === 'hit') outcome = ran.get(fingerprint) ?? outcome;
        if (!reported.has(fingerprint + taskName(name, node.vars))) report(outcome, options.emit);
        reported.add(fingerprint + taskName(name, node.vars));
      }
      return { stage, outcome };
    }),
  );
}

function report(outcome: Outcome, emit: Emit) {
  if (outcome.state !== 'hit' && outcome.state !== 'ran' && outcome.state !== 'failed') return;
  const { spec, vars, fingerprint } = outcome.task;
  const of = { stage: spec.name, vars };
  if (outcome.state === 'failed') {
    if (outcome.error.name === 'Interrupted') return;
    if (isCorruptBlob(outcome.error)) {
      emit({ event: 'warning', ...of, message: outcome.error.message });
      return;
    }
    emit({
      event: 'error',
      ...of,
      message: isUserError(outcome.error)
        ? outcome.error.message
        : (outcome.error.stack ?? outcome.error.message),
    });
    emit({ event: 'task', ...of, fingerprint, outcome: 'failed', ms: 0, bytes: 0 });
    return;
  }
  emit({
    event: 'task',
    ...of,
    fingerprint,
    outcome: outcome.state,
    ms: outcome.state === 'ran' ? outcome.record.ran.ms : 0,
    bytes: recordBytes(outcome.record),
  });
}

/** Bytes of all that a record holds. */
export function recordBytes(record: StoredRecord): number {
  const lists = Object.values(record.lists).flatMap((list) =>
    Object.values(list).flatMap((outputs) => Object.values(outputs)),
  );
  return [...Object.values(record.outputs), ...lists].reduce((sum, artifact) => sum + artifact.bytes, 0);
}

async function perform(
  task: ReadyTask,
  options: RunOptions,
  pool: Pool,
): Promise<{ record: StoredRecord; state: 'ran' | 'hit' }> {
  const { store, emit, signal } = options;
  const of = { stage: task.spec.name, vars: task.vars };
  if (signal.aborted) throw new Interrupted();
  const work = async (): Promise<{ record: StoredRecord; state: 'ran' | 'hit' }> => {
    const made = await store.read(task.fingerprint);
    if (made) return { record: made, state: 'hit' };
    if (signal.aborted) throw new Interrupted();
    emit({ event: 'begin', ...of });
    const at = new Date();
    const started = performance.now();
    const job = {
      entry: task.spec.entry,
      params: task.document.params,
      files: task.files,
      inputs: task.inputs,
    };
    const { warnings, ...output } = await pool.run(job, (message) => {
      const { kind, ...rest } = message;
      emit({ event: kind, ...of, ...rest } as Event);
    });
    const record = {
      fingerprint: task.fingerprint,
      stage: task.spec.name,
      vars: task.vars,
      document: task.document as unknown as Json,
      details: { code: task.code.files, files: task.files, origins: task.origins },
      ...output,
      ran: { at: at.toISOString(), ms: Math.round(performance.now() - started), host: hostname(), warnings },
    };
    await store.commit(record);
    return { record: (await store.read(task.fingerprint))!, state: 'ran' };
  };
  const onWait = (held: { holder: string }) =>
    emit({ event: 'waiting', ...of, message: `is being made by ${held.holder}` });
  try {
    return await store.withLock(task.fingerprint, work, { onWait, signal });
  } catch (error) {
    throw signal.aborted ? new Interrupted() : error;
  }
}

async function publish(settled: readonly Settled[], options: RunOptions, emit: Emit) {
  for (const { stage, outcome } of settled) {
    const to = stage.spec.publish;
    if (!to || !isDone(outcome)) continue;
    const artifact = outcome.record.outputs[to.output];
    const target = resolve(to.to);
    if (!artifact || (await options.store.isMaterialised(artifact, target))) continue;
    const { written, kept } = await options.store.materialise(artifact, target);
    emit({ event: 'published', stage: stage.spec.name, to: target, written, kept });
  }
}
