import { openStore, type Store } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import {
  compareStates,
  historiesOf,
  statesNow,
  statesOfRun,
  type TaskChange,
  type TaskState,
} from '../plan/compare.ts';
import { findRun } from '../plan/find-run.ts';
import type { Reason } from '../plan/reasons.ts';
import { survey } from '../plan/survey.ts';
import { type Trace, tracer } from '../plan/trace.ts';
import { suggestion } from '../spec/nearest.ts';
import { loadPipeline, type StageSpec } from '../spec/pipeline.ts';
import { plural, varsText } from '../ui/format.ts';
import { type GraphOptions, pipelinePath, storeFolder, withContext } from './context.ts';
import { printGroups, some } from './why.ts';

/**
 * `mis why STAGE --vs RUN [RUN2]`: how a stage's tasks differ between a past run and now, or between two past runs; what
 * changed, old → new, followed through inputs to what a person changed.
 */
export async function whyVersus(
  stage: string,
  runs: readonly string[],
  options: GraphOptions & { json?: boolean },
): Promise<number> {
  if (runs.length > 2)
    throw new UserError(
      `--vs takes one run or two, not ${runs.length}. Put the stage before it: mis why STAGE --vs RUN.`,
    );
  const [first, second] = runs as [string, string | undefined];
  if (second === undefined) {
    return withContext(options, [], async ({ pipeline, stages, store }) => {
      const old = await findRun(store, first);
      const surveyed = await survey(pipeline, stages, store);
      const now = { name: 'now', states: statesNow(surveyed) };
      const unknown = surveyed.find((each) => each.stage.spec.name === stage)?.unknown;
      if (unknown && !options.json)
        print(`${stage}: its tasks aren't known yet; they depend on what ${some(unknown)} puts out.`);
      return tell(
        { stage, specs: pipeline.stages, store, json: options.json ?? false },
        await ofRun(old),
        now,
      );
    });
  }
  const { stages: specs } = await loadPipeline(pipelinePath(options));
  const store = await openStore(storeFolder(options));
  try {
    const [old, now] = [await findRun(store, first), await findRun(store, second)];
    return await tell(
      { stage, specs, store, json: options.json ?? false },
      await ofRun(old),
      await ofRun(now),
    );
  } finally {
    await store.close();
  }
}

interface Side {
  readonly name: string;
  readonly states: readonly TaskState[];
}

const ofRun = async (run: Awaited<ReturnType<typeof findRun>>): Promise<Side> => ({
  name: run.id,
  states: await statesOfRun(run),
});

interface Asked {
  readonly stage: string;
  readonly specs: readonly StageSpec[];
  readonly store: Store;
  readonly json: boolean;
}

const print = (line: string) => process.stdout.write(`${line}\n`);

async function tell({ stage, specs, store, json }: Asked, old: Side, now: Side): Promise<number> {
  const names = [
    ...new Set([
      ...specs.map(({ name }) => name),
      ...[...old.states, ...now.states].map((each) => each.stage),
    ]),
  ];
  if (!names.includes(stage))
    throw new UserError(`There is no stage "${stage}". ${suggestion(stage, names, 'Stages')}`);
  const changes = await compareStates(stage, old.states, now.states, store);
  const trace = tracer(specs, historiesOf(old.states, now.states), store);
  if (json) {
    for (const change of changes) print(JSON.stringify({ ...change, ...(await rootsOf(change, trace)) }));
    return 0;
  }
  print(`${stage}: from ${old.name} to ${now.name}`);
  if (changes.length === 0) print(`${stage}: neither has a task of it.`);
  printList(stage, 'the same', changes, 'same');
  const differing = changes.flatMap((change) => reasonOf(change) ?? []);
  await printGroups(differing.length === 1 ? 'differs' : 'differ', differing, trace);
  const lines = (await Promise.all(differing.map(trace))).flat();
  if (lines.some(isIndented)) print(`${stage}: at the root: ${some(rootsIn(lines), '; ')}`);
  printList(stage, 'added', changes, 'added');
  printList(stage, 'removed', changes, 'removed');
  printList(
    stage,
    "can't be compared: it failed, or waits for what an earlier task will put out",
    changes,
    'unknown',
  );
  return 0;
}

/** The lines that `why` prints below the task: what changed, traced upstream; and of them those at the root. */
async function rootsOf(change: TaskChange, trace: Trace): Promise<{ trace?: string[]; roots?: string[] }> {
  const reason = reasonOf(change);
  if (!reason) return {};
  const lines = await trace(reason);
  return { trace: lines, roots: rootsIn(lines) };
}

const isIndented = (line: string): boolean => line.startsWith(' ');

/** Lines that nothing stands below: neither an input nor the task that it came from. */
const rootsIn = (lines: readonly string[]): string[] => [
  ...new Set(
    lines.filter((line, i) => indent(lines[i + 1] ?? '') <= indent(line)).map((line) => line.trim()),
  ),
];

const indent = (line: string): number => line.length - line.trimStart().length;

function reasonOf({ stage, vars, state, to, causes }: TaskChange): Reason | undefined {
  if (state !== 'changed' && state !== 'lost') return undefined;
  return { stage, vars, fingerprint: to!, why: state === 'changed' ? 'changed' : 'forgotten', causes };
}

function printList(stage: string, what: string, changes: readonly TaskChange[], state: TaskChange['state']) {
  const found = changes.filter((change) => change.state === state);
  if (found.length === 0) return;
  const tasks = found.map(({ vars }) => varsText(vars)).filter(Boolean);
  print(
    `${stage}: ${plural(found.length, 'task')} ${what}${tasks.length > 0 ? ` (${some(tasks, '; ')})` : ''}`,
  );
}
