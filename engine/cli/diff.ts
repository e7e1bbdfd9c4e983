import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Artifact, Store, StoredRun } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import type { Json } from '../../common/json.ts';
import { statesOfRun, type TaskState } from '../plan/compare.ts';
import { diffTask } from '../plan/diff-task.ts';
import { findRun } from '../plan/find-run.ts';
import { runDifference } from '../plan/run-difference.ts';
import type { ReadyTask } from '../plan/task.ts';
import { performer } from '../run/performer.ts';
import { createPool, type Pool } from '../run/pool.ts';
import { BREAK_AFTER_MS } from '../run/waiting.ts';
import type { DiffSpec } from '../spec/diff.ts';
import { loadPipeline } from '../spec/pipeline.ts';
import { duration } from '../ui/format.ts';
import { type GraphOptions, pipelinePath } from './context.ts';
import { type AboutRun, changesOf, differenceText } from './diff-text.ts';
import { onInterrupt } from './run.ts';
import { print, withStore } from './store-only.ts';

export interface DiffOptions extends Pick<GraphOptions, 'pipeline' | 'store'> {
  /** Folder that the comparison is copied to. */
  readonly to?: string;
  readonly json?: boolean;
}

/** `mis diff [RUN_A] [RUN_B]`: what two runs were made of, and how what they put out differs. Returns the exit code. */
export async function diff(
  first: string | undefined,
  second: string | undefined,
  options: DiffOptions,
  pool?: Pool,
): Promise<number> {
  const pipeline = await loadPipeline(pipelinePath(options));
  return withStore(options, async (store) => {
    const [before, last] = first && second ? [] : await lastTwo(store, pipeline.diff);
    const runs: Runs = {
      a: await findRun(store, first ?? before ?? 'last~1'),
      b: await findRun(store, second ?? last ?? 'last'),
    };
    const difference = await runDifference(runs.a, runs.b, store);
    const told = { a: aboutRun(runs.a), b: aboutRun(runs.b) };
    if (!options.json) print(differenceText(told, difference));
    const spec = pipeline.diff;
    if (!spec) {
      if (options.json) print(JSON.stringify({ ...told, difference }));
      else print(`\n${pipeline.path} has no "diff", so what the runs put out is not compared.`);
      return 0;
    }
    const compared = { a: await outputOf(runs.a, spec, store), b: await outputOf(runs.b, spec, store) };
    const same = compared.a.digest === compared.b.digest;
    if (same) {
      if (options.json) print(JSON.stringify({ ...told, difference, same }));
      else print(`\nBoth runs have the same ${spec.of.stage}, byte for byte.`);
      return 0;
    }
    const params = { ...told, changes: changesOf(difference) } as unknown as Json;
    const { task, output } = await diffTask(pipeline, spec, params, compared, store);
    const { artifact, outcome, ms } = await made(task, output, store, pool);
    const folder = resolve(options.to ?? spec.to);
    await store.materialise(artifact, folder, { breakAfterMs: BREAK_AFTER_MS });
    const { fingerprint } = task;
    if (options.json) {
      const result = spec.json && (JSON.parse(await readFile(join(folder, spec.json), 'utf8')) as Json);
      print(
        JSON.stringify({
          ...told,
          difference,
          same,
          fingerprint,
          outcome,
          folder,
          ...(result && { result }),
        }),
      );
      return 0;
    }
    if (spec.show) print(`\n${(await readFile(join(folder, spec.show), 'utf8')).trimEnd()}`);
    print(`\ndiff: ${folder} (${outcome === 'hit' ? 'as compared before' : `compared in ${duration(ms)}`})`);
    return 0;
  });
}

/** Ids of the last two runs that came so far as to put out what is compared, the older one first; any, where nothing is. */
async function lastTwo(store: Store, spec: DiffSpec | undefined): Promise<string[]> {
  const found: string[] = [];
  for (const id of await store.runs.list()) {
    if (found.length === 2) break;
    const run = await store.runs.open(id);
    const reached = run && (!spec || (await statesOfRun(run)).some((state) => isOutput(state, spec)));
    if (reached) found.unshift(id);
  }
  return found.length === 2 ? found : [];
}

const isOutput = ({ stage, fingerprint }: TaskState, { of }: DiffSpec): boolean =>
  stage === of.stage && fingerprint !== undefined;

interface Runs {
  readonly a: StoredRun;
  readonly b: StoredRun;
}

const aboutRun = ({ id, at, info }: StoredRun): AboutRun => ({
  run: id,
  at,
  command: ((info.command as readonly string[] | undefined) ?? []).join(' '),
});

/** The output of a run that is compared. UserError: the run didn't come so far, or the store holds it no more. */
async function outputOf(run: StoredRun, spec: DiffSpec, store: Store): Promise<Artifact> {
  const { of } = spec;
  const state = (await statesOfRun(run)).find((each) => isOutput(each, spec));
  if (state?.fingerprint === undefined)
    throw new UserError(
      `Run ${run.id} has no ${of.stage} to compare: it failed, was interrupted, or ran other stages only ("mis runs" tells).`,
    );
  const record = await store.read(state.fingerprint);
  const artifact = record?.outputs[of.output];
  if (artifact) return artifact;
  const again = aboutRun(run).command;
  throw new UserError(
    `The ${of.stage} of run ${run.id} is no longer in the store ${store.dir}: "mis gc" removed it, or it was damaged or didn't finish. ` +
      `${again ? `"mis ${again}" makes it again where nothing else changed since; ` : ''}"mis pin NAME RUN" keeps the results of a run for good.`,
  );
}

/** The comparison: as the store has it, or made now. */
async function made(task: ReadyTask, output: string, store: Store, given?: Pool) {
  const found = await store.read(task.fingerprint);
  if (found) return { artifact: found.outputs[output]!, outcome: 'hit' as const, ms: 0 };
  const pool = given ?? createPool(store.dir);
  const stopping = onInterrupt('Stopping. Press Ctrl-C again to stop at once.');
  stopping.signal.addEventListener('abort', () => pool.interrupt());
  const emit = (event: { event: string; message?: string }) => {
    if (event.event === 'warning' || event.event === 'waiting')
      process.stderr.write(`diff: ${event.message}\n`);
  };
  try {
    const done = await performer({ store, emit, signal: stopping.signal, pool })(task, {});
    if (done.state === 'failed') throw done.error;
    if (done.state === 'stopped') throw new UserError('Interrupted.');
    return { artifact: done.record.outputs[output]!, outcome: done.state, ms: done.record.ran.ms };
  } finally {
    stopping.end();
    await pool.close();
  }
}
