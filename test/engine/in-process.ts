import { vi } from 'vitest';
import type { Store } from '../../cache/store.ts';
import { isUserError } from '../../common/errors.ts';
import { type GraphOptions, withContext } from '../../engine/cli/context.ts';
import { stateOf } from '../../engine/cli/dry-run.ts';
import { survey } from '../../engine/plan/survey.ts';
import { taskName } from '../../engine/plan/task.ts';
import type { RunEnd } from '../../engine/run/events.ts';
import { performJob } from '../../engine/run/perform.ts';
import type { Pool } from '../../engine/run/pool.ts';
import { runPipeline } from '../../engine/run/run.ts';
import { project } from './support.ts';

/**
 * What a person is told who makes a mistake in a toy pipeline: files are written over the fixture's, then config and
 * pipeline are read and checked as `mis run` does. Fails when there is nothing to complain about.
 */
export async function mistake(
  files: Readonly<Record<string, string | ((text: string) => string)>>,
  options: GraphOptions = {},
  fixture = 'toy',
): Promise<string> {
  const it = project(fixture);
  for (const [name, change] of Object.entries(files))
    it.write(name, typeof change === 'string' ? change : change(it.read(name)));
  const before = process.cwd();
  process.chdir(it.dir);
  try {
    await withContext({ store: it.path('store'), ...options }, [], async () => undefined);
  } catch (error) {
    if (isUserError(error)) return error.message.replaceAll(it.dir, '…');
    throw error;
  } finally {
    process.chdir(before);
  }
  throw new Error('no complaint');
}

/** Replaces a text that must be there: for `mistake`. */
export const put = (from: string, to: string) => (text: string) => {
  if (!text.includes(from)) throw new Error(`no ${from} in ${text}`);
  return text.replace(from, to);
};

/** Runs jobs in this thread. */
export function poolHere(store: Store): Pool {
  let stopped = false;
  return {
    run: (job, on) =>
      performJob(job, store, {
        progress: (done, total, unit) => on({ kind: 'progress', done, total, unit }),
        warning: (message) => on({ kind: 'warning', message }),
        stopped: () => stopped,
      }),
    interrupt: () => {
      stopped = true;
    },
    close: async () => undefined,
  };
}

/** What a dry run says and what a run then does, by task (`stage name=value`), and the fingerprints of the run. */
export async function dryAndWet(
  options: GraphOptions,
): Promise<{ dry: Outcomes; wet: Outcomes; prints: Outcomes; end: RunEnd }> {
  const dry: Outcomes = {};
  const wet: Outcomes = {};
  const prints: Outcomes = {};
  await withContext(options, [], async ({ pipeline, stages, store }) => {
    for (const { stage, tasks, unknown } of await survey(pipeline, stages, store)) {
      if (unknown) dry[stage.spec.name] = 'unknown';
      for (const { vars, outcome } of tasks) dry[taskName(stage.spec.name, vars)] = stateOf(outcome);
    }
  });
  const end = await withContext(options, [], async ({ pipeline, stages, store }) =>
    runPipeline(
      {
        pipeline,
        stages,
        store,
        jobs: 3,
        signal: new AbortController().signal,
        config: {},
        group: 'test',
        emit: (event) => {
          if (event.event !== 'task') return;
          const name = taskName(event.stage, event.vars);
          if (wet[name]) throw new Error(`${name} is told twice`);
          wet[name] = event.outcome;
          prints[name] = event.fingerprint!;
        },
      },
      poolHere(store),
    ),
  );
  return { dry, wet, prints, end };
}

type Outcomes = Record<string, string>;

/** What a command prints. */
export async function printed(command: () => Promise<number>): Promise<string> {
  let text = '';
  const write = vi.spyOn(process.stdout, 'write').mockImplementation((chunk) => {
    text += String(chunk);
    return true;
  });
  try {
    await command();
  } finally {
    write.mockRestore();
  }
  return text;
}
