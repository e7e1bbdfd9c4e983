import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { CorruptBlob, type Store } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import { survey } from '../plan/survey.ts';
import type { Done } from '../plan/task.ts';
import { isDone, taskName } from '../plan/task.ts';
import { type Comparison, compareOutputs, type Finished } from '../run/determinism.ts';
import { type Checked, checkExpected, type Published } from '../run/expected.ts';
import type { TaskEvent } from '../run/profile.ts';
import { runPipeline } from '../run/run.ts';
import type { Expectation } from '../spec/expect.ts';
import type { StageSpec } from '../spec/pipeline.ts';
import { SETTING } from '../spec/vary.ts';
import { plural } from '../ui/format.ts';
import { plainView } from '../ui/plain.ts';
import { type Context, type GraphOptions, withContext } from './context.ts';
import { onInterrupt } from './run.ts';

export interface CheckCommand extends GraphOptions {
  readonly jobs: number;
  readonly determinism?: boolean;
  readonly expect?: boolean;
  readonly temp?: string;
  readonly json?: boolean;
}

interface Findings {
  readonly determinism?: Comparison;
  readonly expected?: readonly Checked[];
}

/**
 * `mis check [STAGE…]`: whether the graph puts out the same bytes twice, and the values that the config expects. Exit
 * code 0 when it does, 1 when not, 130 when interrupted. Neither the store nor published folders are touched.
 */
export async function check(targets: readonly string[], options: CheckCommand): Promise<number> {
  if (options.determinism && options.expect)
    throw new UserError(
      '--determinism and --expect each leave the other check out: give one of them, or none.',
    );
  if (options.expect) {
    if (targets.length > 0) throw new UserError('--expect looks at the whole graph: name no stages.');
    return tell({ expected: await expectedInStore(options) }, options);
  }
  const stopping = onInterrupt('Stopping. Press Ctrl-C again to stop at once.');
  const parent = resolve(options.temp ?? tmpdir());
  mkdirSync(parent, { recursive: true });
  const temp = mkdtempSync(join(parent, 'mis-check-'));
  const remove = () => rmSync(temp, { recursive: true, force: true });
  process.once('exit', remove);
  try {
    const findings = await runTwice(targets, options, temp, stopping.signal);
    return findings ? tell(findings, options) : 130;
  } finally {
    stopping.end();
    remove();
    process.off('exit', remove);
  }
}

const note = (line: string) => void process.stderr.write(`${line}\n`);

/** Undefined when interrupted. */
async function runTwice(
  targets: readonly string[],
  options: CheckCommand,
  temp: string,
  signal: AbortSignal,
): Promise<Findings | undefined> {
  const other = options.jobs > 1 ? 1 : 2;
  return withContext({ ...options, alone: true, store: join(temp, 'first') }, targets, async (first) => {
    const a = await runOnce(first, options.jobs, signal, 'first');
    if (!a) return undefined;
    return withContext({ ...options, alone: true, store: join(temp, 'second') }, targets, async (second) => {
      const b = await runOnce(second, other, signal, 'second');
      if (!b) return undefined;
      const determinism = await compareOutputs(a, b);
      const whole = targets.length === 0 && !options.determinism;
      return { determinism, ...(whole && { expected: await expectedIn(first, a) }) };
    });
  });
}

async function runOnce(
  context: Context,
  jobs: number,
  signal: AbortSignal,
  which: string,
): Promise<Finished | undefined> {
  note(`The ${which} of two runs, ${plural(jobs, 'job')}:`);
  const view = plainView({ out: note, err: note });
  const tasks = new Map<string, Finished['tasks'][number]>();
  const end = await runPipeline({
    ...context,
    jobs,
    signal,
    config: {},
    group: 'check',
    publish: false,
    emit: (event) => {
      view(event);
      if (event.event === 'task' && isFinished(event))
        tasks.set(taskName(event.stage, event.vars), {
          stage: event.stage,
          vars: event.vars,
          fingerprint: event.fingerprint!,
        });
    },
  });
  if (end.interrupted) return undefined;
  if (end.failed > 0 || end.blocked > 0)
    throw new UserError(
      `The ${which} run failed, so there is nothing to compare. Mend what stands above, then check again.`,
    );
  const order = context.stages.map(({ spec }) => spec.name);
  const sorted = [...tasks].sort(
    ([a, one], [b, other]) => order.indexOf(one.stage) - order.indexOf(other.stage) || (a < b ? -1 : 1),
  );
  return { store: context.store, tasks: sorted.map(([, task]) => task) };
}

const isFinished = ({ outcome, fingerprint }: TaskEvent): boolean =>
  (outcome === 'hit' || outcome === 'ran') && fingerprint !== undefined;

async function expectedIn({ stages, expect }: Context, { store, tasks }: Finished): Promise<Checked[]> {
  const published: Published[] = [];
  for (const { spec, setting } of stages) {
    for (const { stage, vars, fingerprint } of spec.publish && setting === '' ? tasks : []) {
      if (stage !== spec.name || vars[SETTING] !== undefined) continue;
      const record = await store.read(fingerprint);
      published.push(...(await publishedBy(spec, record, store)));
    }
  }
  return checkExpected(expect, published);
}

async function expectedInStore(options: CheckCommand): Promise<Checked[]> {
  return withContext(options, [], async ({ pipeline, stages, store, expect }) => {
    const published: Published[] = [];
    for (const { stage, tasks: all, unknown } of await survey(pipeline, stages, store)) {
      if (!stage.spec.publish) continue;
      const tasks = all.filter(({ vars }) => vars[SETTING] === undefined);
      const late = unknown
        ? stage.spec.name
        : tasks.find(({ outcome }) => !isDone(outcome)) && stage.spec.name;
      if (late)
        throw new UserError(
          `${late} is not up to date, so there are no results to compare. Run "mis run" first, or "mis check" without --expect.`,
        );
      for (const { outcome } of tasks)
        published.push(...(await publishedBy(stage.spec, (outcome as Done).record, store)));
    }
    return checkExpected(expect, published);
  });
}

/** Where the files of a published folder lie in the store, each seen to be right. */
async function publishedBy(
  spec: StageSpec,
  record: Done['record'] | undefined,
  store: Store,
): Promise<Published[]> {
  const artifact = record?.outputs[spec.publish!.output];
  if (!artifact) return [];
  const files: Record<string, string> = {};
  try {
    for (const [name, file] of Object.entries(await store.manifest(artifact)))
      files[name] = await store.verified({ kind: 'file', ...file });
  } catch (error) {
    if (!(error instanceof CorruptBlob)) throw error;
    throw new UserError(`${error.message} Run "mis run" first.`);
  }
  return [{ stage: spec.name, files }];
}

function tell({ determinism, expected }: Findings, { json }: CheckCommand): number {
  const same = !determinism || (determinism.differing.length === 0 && determinism.unmatched.length === 0);
  const met = !expected || expected.every(({ ok }) => ok);
  const code = same && met ? 0 : 1;
  if (json) {
    print(
      JSON.stringify({ ok: code === 0, ...(determinism && { determinism }), ...(expected && { expected }) }),
    );
    return code;
  }
  if (determinism) tellDeterminism(determinism);
  if (expected) tellExpected(expected);
  return code;
}

const print = (line: string) => process.stdout.write(`${line}\n`);

function tellDeterminism({ tasks, outputs, differing, after, unmatched }: Comparison) {
  if (differing.length === 0 && unmatched.length === 0) {
    print(
      `Determinism: ${plural(tasks, 'task')}, ${plural(outputs, 'output')}: the same bytes in both runs.`,
    );
    return;
  }
  print(
    `Determinism: not given. Made of the same inputs, these outputs differ from the first run to the second:`,
  );
  for (const { stage, vars, output, where } of differing)
    print(`  ${taskName(stage, vars)}: ${output}: ${where}`);
  for (const name of unmatched) print(`  ${name}: only in one of the runs`);
  if (after.length > 0)
    print(`  ${plural(after.length, 'task')} after these had other inputs, so they tell nothing.`);
}

function tellExpected(expected: readonly Checked[]) {
  if (expected.length === 0) {
    print('Expected values: the config states none (key "expect").');
    return;
  }
  const missed = expected.filter(({ ok }) => !ok);
  print(
    `Expected values: ${expected.length - missed.length} of ${expected.length} met${missed.length > 0 ? '. Not met:' : '.'}`,
  );
  for (const each of missed) print(`  ${missText(each)}`);
}

function missText({ expectation, found, off, problem }: Checked): string {
  const what = placeText(expectation);
  if (problem) return `${expectation.place}: ${what}: ${problem}`;
  const within = expectation.tolerance > 0 ? ` ± ${expectation.tolerance}` : '';
  const difference = off === undefined ? '' : ` (${off > 0 ? '+' : ''}${Number(off.toPrecision(3))})`;
  return `${expectation.place}: ${what}: expected ${JSON.stringify(expectation.value)}${within}, found ${JSON.stringify(found)}${difference}`;
}

function placeText({ file, at, row, column }: Expectation): string {
  const parts = [at, ...Object.entries(row ?? {}).map(([key, value]) => `${key}=${value}`), column].filter(
    Boolean,
  );
  return [file, ...parts].join(' ');
}
