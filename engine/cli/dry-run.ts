import { type Cost, stageCosts } from '../plan/history.ts';
import { type StageSurvey, survey } from '../plan/survey.ts';
import { isDone, type Outcome } from '../plan/task.ts';
import { SETTING } from '../spec/vary.ts';
import { byteCount, duration, painter, plural, varsText } from '../ui/format.ts';
import { type Context, type GraphOptions, withContext } from './context.ts';

type State = 'hit' | 'will-run' | 'depends' | 'impossible';

export const stateOf = (outcome: Outcome): State =>
  isDone(outcome)
    ? 'hit'
    : outcome.state === 'will-run' || outcome.state === 'impossible'
      ? outcome.state
      : 'depends';

/** `mis run --dry-run`: what a run would do with every task, by the same planner, and what that is likely to cost. */
export async function dryRun(
  targets: readonly string[],
  options: GraphOptions & { json?: boolean },
): Promise<number> {
  return withContext(options, targets, async (context) => {
    await printPlan(context, options.json === true);
    return 0;
  });
}

/** Prints what a run would do. Returns the number of tasks by state. */
export async function printPlan(
  { pipeline, stages, store, notes }: Pick<Context, 'pipeline' | 'stages' | 'store' | 'notes'>,
  json: boolean,
): Promise<void> {
  const surveyed = await survey(pipeline, stages, store);
  const costs = await stageCosts(store, toBePriced(surveyed));
  for (const { stage, message } of notes) {
    const line = json
      ? JSON.stringify({ event: 'warning', stage, vars: {}, message })
      : `${stage}: ${message}`;
    process.stdout.write(`${line}\n`);
  }
  if (json) printJson(surveyed, costs);
  else printText(surveyed, costs);
}

/** Stages with something to do. Of the others no price is asked, which would take reading past runs. */
const toBePriced = (surveyed: readonly StageSurvey[]): string[] =>
  surveyed
    .filter(({ tasks }) => tasks.some(({ outcome }) => ['will-run', 'depends'].includes(stateOf(outcome))))
    .map(({ stage }) => stage.spec.name);

function printJson(surveyed: readonly StageSurvey[], costs: ReadonlyMap<string, Cost>) {
  const counts = { hit: 0, 'will-run': 0, depends: 0, impossible: 0 };
  for (const { stage, tasks, unknown } of surveyed) {
    for (const { vars, outcome } of tasks) {
      const state = stateOf(outcome);
      counts[state]++;
      const cost = state === 'hit' || state === 'impossible' ? undefined : costs.get(stage.spec.name);
      const line = {
        event: 'task',
        stage: stage.spec.name,
        vars,
        ...('task' in outcome && outcome.task && { fingerprint: outcome.task.fingerprint }),
        outcome: state,
        ...('reason' in outcome && { reason: outcome.reason }),
        ...('on' in outcome && outcome.on.length > 0 && { on: outcome.on }),
        ...(cost && { estimate: { ms: Math.round(cost.ms), bytes: Math.round(cost.bytes) } }),
      };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
    if (unknown)
      process.stdout.write(
        `${JSON.stringify({ event: 'stage', stage: stage.spec.name, outcome: 'depends', on: unknown })}\n`,
      );
  }
  const { impossible, ...others } = counts;
  const plan = { event: 'plan', ...others, ...(impossible > 0 && { impossible }) };
  process.stdout.write(`${JSON.stringify(plan)}\n`);
}

function printText(surveyed: readonly StageSurvey[], costs: ReadonlyMap<string, Cost>) {
  const colour = painter(process.stdout);
  let total = 0;
  let unpriced = 0;
  const counts = { hit: 0, 'will-run': 0, depends: 0, impossible: 0 };
  const print = (text: string) => process.stdout.write(`${text}\n`);
  const labels = {
    hit: colour.green('hit     '),
    'will-run': colour.blue('will run'),
    depends: colour.yellow('depends '),
    impossible: colour.yellow('not possible'),
  };
  for (const { stage, tasks, unknown } of surveyed) {
    const { name } = stage.spec;
    const cost = costs.get(name);
    print(colour.bold(name));
    if (unknown)
      print(
        `  ${labels.depends}  on what ${unknown.join(', ')} puts out: the number of tasks isn't known yet`,
      );
    const lines: string[] = [];
    const beside = new Map<State, Task[]>();
    for (const task of tasks) {
      const { vars, outcome } = task;
      const state = stateOf(outcome);
      counts[state]++;
      if (state === 'will-run' || state === 'depends') {
        if (cost) total += cost.ms;
        else unpriced++;
      }
      if (outcome.state === 'impossible') {
        if (outcome.on.length === 0)
          lines.push(`  ${labels.impossible}  ${varsText(vars)}  ${oneLine(outcome.reason)}`);
      } else if (state !== 'hit' && vars[SETTING] !== undefined) {
        beside.set(state, [...(beside.get(state) ?? []), task]);
      } else if (state !== 'hit') {
        const on = 'on' in outcome ? `on ${some(outcome.on)}` : '';
        lines.push(`  ${[labels[state], varsText(vars), on, priceText(cost, 1)].filter(Boolean).join('  ')}`);
      }
    }
    const hits = tasks.filter(({ outcome }) => isDone(outcome)).length;
    if (hits > 0) print(`  ${labels.hit}  ${plural(hits, 'task')} up to date`);
    for (const line of lines) print(line);
    for (const [state, group] of beside)
      print(`  ${labels[state]}  ${settingsText(group)}  ${priceText(cost, group.length)}`.trimEnd());
  }
  const note = unpriced > 0 ? ` (${plural(unpriced, 'task')} of stages that never ran not counted)` : '';
  const unfit = counts.impossible > 0 ? `, ${counts.impossible} not possible` : '';
  const cost =
    total === 0 && unpriced > 0
      ? 'What that takes will be known once these stages have run.'
      : `At most ${duration(total)} of work, one task at a time${note}.`;
  print(
    `\n${counts.hit} up to date, ${counts['will-run']} will run, ${counts.depends} depend on earlier ones${unfit}. ${cost}`,
  );
}

type Task = StageSurvey['tasks'][number];

const priceText = (cost: Cost | undefined, tasks: number): string =>
  cost ? `about ${duration(cost.ms * tasks)}, ${byteCount(Math.round(cost.bytes * tasks))}` : '';

/** Tasks at settings, told together: `38 tasks at 19 settings (task.n=1, task.n=2, … and 16 more)`. */
function settingsText(tasks: readonly Task[]): string {
  const settings = [...new Set(tasks.map(({ vars }) => vars[SETTING]!))];
  return `${plural(tasks.length, 'task')} at ${plural(settings.length, 'setting')} (${some(settings)})`;
}

const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim();

function some(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
