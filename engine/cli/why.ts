import { UserError } from '../../common/errors.ts';
import { taskHistories } from '../plan/history.ts';
import { type Explanation, explain, type Reason } from '../plan/reasons.ts';
import { type StageSurvey, survey } from '../plan/survey.ts';
import { taskName } from '../plan/task.ts';
import { suggestion } from '../spec/nearest.ts';
import { plural, varsText } from '../ui/format.ts';
import { type GraphOptions, withContext } from './context.ts';

/** `mis why STAGE`: what changed, old → new, for the next run and for the last one that ran a task of the stage. */
export async function why(stage: string, options: GraphOptions & { json?: boolean }): Promise<number> {
  return withContext(options, [], async ({ pipeline, stages, store }) => {
    const surveyed = await survey(pipeline, stages, store);
    const wanted = surveyed.find((each) => each.stage.spec.name === stage);
    if (!wanted)
      throw new UserError(
        `There is no stage "${stage}". ${suggestion(
          stage,
          surveyed.map((each) => each.stage.spec.name),
          'Stages',
        )}`,
      );
    const histories = await taskHistories(store);
    const cache = new Map<string, Promise<Explanation[]>>();
    const explained = (each: StageSurvey) => {
      const { name } = each.stage.spec;
      const known = cache.get(name) ?? explain(each, histories, store);
      cache.set(name, known);
      return known;
    };
    const trace = tracer(surveyed, explained);
    const explanations = await explained(wanted);
    if (options.json) {
      for (const each of explanations) process.stdout.write(`${JSON.stringify({ stage, ...each })}\n`);
      return 0;
    }
    if (wanted.unknown)
      print(`${stage}: its tasks aren't known yet; they depend on ${wanted.unknown.join(', ')}.`);
    await printNext(stage, explanations, trace);
    await printLast(stage, explanations, trace);
    return 0;
  });
}

const print = (line: string) => process.stdout.write(`${line}\n`);

type Trace = (reason: Reason) => Promise<string[]>;

async function printNext(stage: string, explanations: readonly Explanation[], trace: Trace) {
  const fresh = explanations.filter(({ state }) => state === 'fresh');
  if (fresh.length > 0)
    print(
      `${stage}: ${plural(fresh.length, 'task')} up to date: nothing that counts changed since the stored result was made.`,
    );
  const depends = explanations.filter(({ state }) => state === 'depends');
  if (depends.length > 0) {
    const on = [...new Set(depends.flatMap((each) => each.on))];
    print(
      `${stage}: ${plural(depends.length, 'task')} will run unless what comes before puts out the same: waiting for ${on.slice(0, 4).join(', ')}${on.length > 4 ? ` and ${on.length - 4} more` : ''}.`,
    );
  }
  await printGroups(
    'will run',
    explanations.flatMap((each) => (each.next ? [each.next] : [])),
    trace,
  );
}

async function printLast(stage: string, explanations: readonly Explanation[], trace: Trace) {
  const reasons = explanations.flatMap((each) => (each.last ? [each.last] : []));
  if (reasons.length === 0) print(`${stage}: no run of it is on record in this store.`);
  for (const run of [...new Set(reasons.map((reason) => reason.run!))].sort().reverse()) {
    await printGroups(
      `ran in ${run}`,
      reasons.filter((reason) => reason.run === run),
      trace,
    );
  }
}

/** Prints reasons with equal causes once, with the tasks that they hold for. */
async function printGroups(verb: string, reasons: readonly Reason[], trace: Trace) {
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
    const which =
      tasks.length === 0
        ? ''
        : tasks.length <= 4
          ? ` (${tasks.join('; ')})`
          : ` (${tasks.slice(0, 4).join('; ')} and ${tasks.length - 4} more)`;
    print(`${same[0]!.stage}: ${plural(same.length, 'task')} ${verb}${which}, because`);
    for (const line of lines) print(`  ${line}`);
  }
}

/** Follows changed inputs to the tasks that made them, down to what a person changed. */
function tracer(
  surveyed: readonly StageSurvey[],
  explained: (each: StageSurvey) => Promise<Explanation[]>,
): Trace {
  const byName = new Map(surveyed.map((each) => [each.stage.spec.name, each]));
  const trace = async (reason: Reason, seen: ReadonlySet<string>): Promise<string[]> => {
    if (!reason.causes) return ['no earlier result of this task is in the store'];
    if (reason.causes.length === 0) return ['its stored result was missing or damaged'];
    const lines: string[] = [];
    const inputs = new Map<string, number>();
    for (const cause of reason.causes) {
      if (cause.kind === 'input') inputs.set(cause.input!, (inputs.get(cause.input!) ?? 0) + 1);
      else lines.push(`${cause.kind} ${cause.what}: ${cause.from} → ${cause.to}`);
    }
    const { spec } = byName.get(reason.stage)!.stage;
    for (const [input, count] of inputs) {
      const changed = reason.causes.filter((cause) => cause.input === input);
      const first = changed[0]!;
      const rest = count > 1 ? ` and ${count - 1} more` : '';
      const need = spec.needs.find((each) => each.input === input);
      lines.push(
        `input ${first.what}${rest} from ${need?.stage ?? 'an earlier stage'}: ${first.from} → ${first.to}`,
      );
      if (!need || seen.has(need.stage)) continue;
      lines.push(
        ...(await upstream(need.stage, reason, new Set([...seen, need.stage]))).map((line) => `  ${line}`),
      );
    }
    return lines;
  };
  const upstream = async (stage: string, reason: Reason, seen: ReadonlySet<string>): Promise<string[]> => {
    const explanations = await explained(byName.get(stage)!);
    const joined = explanations.filter(({ vars }) =>
      Object.entries(vars).every(([name, value]) => (reason.vars[name] ?? value) === value),
    );
    const reasons = joined.flatMap((each) =>
      each.next ? [each.next] : each.last && (!reason.run || each.last.run === reason.run) ? [each.last] : [],
    );
    const lines = new Map<string, string[]>();
    for (const each of reasons) {
      const text = (await trace(each, seen)).join('\n');
      lines.set(text, [...(lines.get(text) ?? []), taskName(stage, each.vars)]);
    }
    return [...lines].flatMap(([text, tasks]) => [
      `${tasks[0]}${tasks.length > 1 ? ` and ${tasks.length - 1} more` : ''}:`,
      ...text.split('\n').map((line) => `  ${line}`),
    ]);
  };
  return (reason) => trace(reason, new Set([reason.stage]));
}
