import { UserError } from '../../common/errors.ts';
import { taskHistories } from '../plan/history.ts';
import { type Explanation, explain, type Reason } from '../plan/reasons.ts';
import { survey } from '../plan/survey.ts';
import { type Trace, tracer } from '../plan/trace.ts';
import { suggestion } from '../spec/nearest.ts';
import { plural, varsText } from '../ui/format.ts';
import { type GraphOptions, withContext } from './context.ts';

/** Past runs of the stage that are told in full. */
const RUNS_SHOWN = 3;

/** `mis why STAGE`: what changed, old → new, for the next run and for the last one that ran a task of the stage. */
export async function why(stage: string, options: GraphOptions & { json?: boolean }): Promise<number> {
  return withContext(options, [], async ({ pipeline, stages, store }) => {
    const surveyed = await survey(pipeline, stages, store);
    const names = surveyed.map((each) => each.stage.spec.name);
    const wanted = surveyed.find((each) => each.stage.spec.name === stage);
    if (!wanted) throw new UserError(`There is no stage "${stage}". ${suggestion(stage, names, 'Stages')}`);
    const histories = await taskHistories(store);
    const explanations = await explain(wanted, histories, store);
    if (options.json) {
      for (const each of explanations) print(JSON.stringify({ stage, ...each }));
      return 0;
    }
    if (wanted.unknown)
      print(`${stage}: its tasks aren't known yet; they depend on what ${some(wanted.unknown)} puts out.`);
    const trace = tracer(pipeline.stages, histories, store);
    await printNext(stage, explanations, trace);
    await printLast(stage, explanations, trace);
    return 0;
  });
}

const print = (line: string) => process.stdout.write(`${line}\n`);

export const some = (names: readonly string[], separator = ', '): string =>
  names.slice(0, 4).join(separator) + (names.length > 4 ? ` and ${names.length - 4} more` : '');

async function printNext(stage: string, explanations: readonly Explanation[], trace: Trace) {
  const fresh = explanations.filter(({ state }) => state === 'fresh');
  if (fresh.length > 0) {
    const of =
      fresh.length === explanations.length
        ? ''
        : ` (${some(
            fresh.map(({ vars }) => varsText(vars)),
            '; ',
          )})`;
    print(
      `${stage}: ${plural(fresh.length, 'task')} up to date${of}: nothing that counts changed since the stored result was made.`,
    );
  }
  const depends = explanations.filter(({ state }) => state === 'depends');
  if (depends.length > 0) {
    const on = [...new Set(depends.flatMap((each) => each.on))];
    print(
      `${stage}: ${plural(depends.length, 'task')} will run unless what comes before puts out the same: waiting for ${some(on)}.`,
    );
  }
  for (const { vars, reason, on } of explanations.filter(({ state }) => state === 'impossible'))
    if (on.length === 0) print(`${stage}: ${varsText(vars)} is not possible: ${reason}`);
  await printGroups(
    'will run',
    explanations.flatMap((each) => (each.next ? [each.next] : [])),
    trace,
  );
}

async function printLast(stage: string, explanations: readonly Explanation[], trace: Trace) {
  const reasons = explanations.flatMap((each) => (each.last ? [each.last] : []));
  if (reasons.length === 0) print(`${stage}: no run of it is on record in this store.`);
  const runs = [...new Set(reasons.map((reason) => reason.run!))].sort().reverse();
  for (const run of runs.slice(0, RUNS_SHOWN)) {
    await printGroups(
      `ran in ${run}`,
      reasons.filter((reason) => reason.run === run),
      trace,
    );
  }
  const rest = reasons.filter((reason) => runs.indexOf(reason.run!) >= RUNS_SHOWN);
  if (rest.length > 0) print(`${stage}: ${plural(rest.length, 'task')} last ran in earlier runs.`);
}

/** Prints reasons with equal causes once, with the tasks that they hold for. */
export async function printGroups(verb: string, reasons: readonly Reason[], trace: Trace) {
  const groups = new Map<string, { reasons: Reason[]; lines: string[] }>();
  for (const reason of reasons) {
    const lines = await trace(reason);
    const key = lines.join('\n');
    const group = groups.get(key);
    if (group) group.reasons.push(reason);
    else groups.set(key, { reasons: [reason], lines });
  }
  for (const { reasons: same, lines } of groups.values()) {
    const tasks = same.map(({ vars }) => varsText(vars)).filter(Boolean);
    const which = tasks.length === 0 ? '' : ` (${some(tasks, '; ')})`;
    print(`${same[0]!.stage}: ${plural(same.length, 'task')} ${verb}${which}, because`);
    for (const line of lines) print(`  ${line}`);
  }
}
