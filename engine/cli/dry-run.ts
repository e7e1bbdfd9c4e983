import { type Cost, stageCosts } from '../plan/history.ts';
import { type StageSurvey, survey } from '../plan/survey.ts';
import { isDone, type Outcome } from '../plan/task.ts';
import { byteCount, duration, painter, plural, varsText } from '../ui/format.ts';
import { type GraphOptions, withContext } from './context.ts';

type State = 'hit' | 'will-run' | 'depends';

export const stateOf = (outcome: Outcome): State =>
  isDone(outcome) ? 'hit' : outcome.state === 'will-run' ? 'will-run' : 'depends';

/** `mis run --dry-run`: what a run would do with every task, by the same planner, and what that is likely to cost. */
export async function dryRun(
  targets: readonly string[],
  options: GraphOptions & { json?: boolean },
): Promise<number> {
  return withContext(options, targets, async ({ pipeline, stages, store }) => {
    const surveyed = await survey(pipeline, stages, store);
    const names = stages.map(({ spec }) => spec.name);
    const costs = await stageCosts(store, names);
    if (options.json) printJson(surveyed, costs);
    else printText(surveyed, costs);
    return 0;
  });
}

function printJson(surveyed: readonly StageSurvey[], costs: ReadonlyMap<string, Cost>) {
  const counts = { hit: 0, 'will-run': 0, depends: 0 };
  for (const { stage, tasks, unknown } of surveyed) {
    for (const { vars, outcome } of tasks) {
      const state = stateOf(outcome);
      counts[state]++;
      const cost = state === 'hit' ? undefined : costs.get(stage.spec.name);
      const line = {
        event: 'task',
        stage: stage.spec.name,
        vars,
        ...('task' in outcome && outcome.task && { fingerprint: outcome.task.fingerprint }),
        outcome: state,
        ...('on' in outcome && { on: outcome.on }),
        ...(cost && { estimate: { ms: Math.round(cost.ms), bytes: Math.round(cost.bytes) } }),
      };
      process.stdout.write(`${JSON.stringify(line)}\n`);
    }
    if (unknown)
      process.stdout.write(
        `${JSON.stringify({ event: 'stage', stage: stage.spec.name, outcome: 'depends', on: unknown })}\n`,
      );
  }
  process.stdout.write(`${JSON.stringify({ event: 'plan', ...counts })}\n`);
}

function printText(surveyed: readonly StageSurvey[], costs: ReadonlyMap<string, Cost>) {
  const colour = painter(process.stdout);
  let total = 0;
  let unpriced = 0;
  const counts = { hit: 0, 'will-run': 0, depends: 0 };
  const print = (text: string) => process.stdout.write(`${text}\n`);
  for (const { stage, tasks, unknown } of surveyed) {
    const { name } = stage.spec;
    const cost = costs.get(name);
    print(colour.bold(name));
    if (unknown)
      print(
        `  ${colour.yellow('depends')}   on what ${unknown.join(', ')} puts out: the number of tasks isn't known yet`,
      );
    const hits = tasks.filter(({ outcome }) => isDone(outcome)).length;
    counts.hit += hits;
    if (hits > 0) print(`  ${colour.green('hit')}       ${plural(hits, 'task')} up to date`);
    for (const { vars, outcome } of tasks) {
      const state = stateOf(outcome);
      if (state === 'hit') continue;
      counts[state]++;
      if (cost) total += cost.ms;
      else unpriced++;
      const price = cost ? `about ${duration(cost.ms)}, ${byteCount(Math.round(cost.bytes))}` : '';
      const on = 'on' in outcome ? `on ${some(outcome.on)}` : '';
      const label = state === 'will-run' ? colour.blue('will run') : colour.yellow('depends ');
      print(`  ${label}  ${[varsText(vars), on, price].filter(Boolean).join('  ')}`);
    }
  }
  const note = unpriced > 0 ? ` (${plural(unpriced, 'task')} of stages that never ran not counted)` : '';
  const cost =
    total === 0 && unpriced > 0
      ? 'What that takes will be known once these stages have run.'
      : `At most ${duration(total)} of work, one task at a time${note}.`;
  print(
    `\n${counts.hit} up to date, ${counts['will-run']} will run, ${counts.depends} depend on earlier ones. ${cost}`,
  );
}

function some(names: readonly string[]): string {
  return names.length <= 3
    ? names.join(', ')
    : `${names.slice(0, 3).join(', ')} and ${names.length - 3} more`;
}
