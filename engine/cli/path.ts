import { resolve } from 'node:path';
import type { Artifact, Store } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import type { Vars } from '../plan/document.ts';
import { listVariables } from '../plan/inputs.ts';
import { survey } from '../plan/survey.ts';
import { type Done, isDone, taskName } from '../plan/task.ts';
import { suggestion } from '../spec/nearest.ts';
import type { StageSpec } from '../spec/pipeline.ts';
import { SETTING } from '../spec/vary.ts';
import { type GraphOptions, withContext } from './context.ts';

interface Found {
  readonly vars: Vars;
  readonly output: string;
  readonly path: string;
}

/** `mis path STAGE [OUTPUT] --where name=value`: prints where the stored outputs of finished tasks lie. */
export async function path(
  stage: string,
  output: string | undefined,
  options: GraphOptions & { where?: readonly string[]; json?: boolean },
): Promise<number> {
  const where = conditions(options.where ?? []);
  const all = SETTING in where;
  return withContext(options, all ? [] : [stage], async ({ pipeline, stages, store }) => {
    const surveyed = (await survey(pipeline, stages, store)).find((each) => each.stage.spec.name === stage);
    if (!surveyed)
      throw new UserError(
        `There is no stage "${stage}". ${suggestion(
          stage,
          pipeline.stages.map(({ name }) => name),
          'Stages',
        )}`,
      );
    const { spec } = surveyed.stage;
    if (surveyed.unknown) throw notYet(stage, surveyed.unknown.join(', '));
    const variable = listVariables(pipeline);
    if (output !== undefined) checkOutput(spec, output);
    const found: Found[] = [];
    for (const { vars, outcome } of surveyed.tasks) {
      if (Object.entries(vars).some(([name, value]) => where[name] !== undefined && where[name] !== value))
        continue;
      if (all && vars[SETTING] === undefined && where[SETTING] !== '') continue;
      if (outcome.state === 'impossible')
        throw new UserError(`${taskName(stage, vars)} is not possible: ${outcome.reason}`);
      if (!isDone(outcome)) throw notYet(stage, taskName(stage, vars));
      found.push(...(await outputsOf(spec, vars, outcome, output, store, variable)));
    }
    const kept = found.filter(({ vars }) =>
      Object.entries(where).every(
        ([name, value]) => (vars[name] ?? (name === SETTING ? '' : undefined)) === value,
      ),
    );
    if (kept.length === 0) {
      const known = [
        ...new Set(
          [...found, ...surveyed.tasks].flatMap(({ vars }) =>
            Object.entries(vars).map(([name, value]) => `${name}=${value}`),
          ),
        ),
      ];
      throw new UserError(
        `No output of ${stage} fits ${[output ?? '', ...(options.where ?? [])].filter(Boolean).join(' ')}. There is: ${known.join(', ') || outputNames(spec).join(', ')}.`,
      );
    }
    for (const each of kept) process.stdout.write(`${options.json ? JSON.stringify(each) : each.path}\n`);
    return 0;
  });
}

function conditions(where: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    where.map((text) => {
      const cut = text.indexOf('=');
      if (cut < 1)
        throw new UserError(`--where ${text}: write NAME=VALUE, for example --where model=resnet.`);
      return [text.slice(0, cut), text.slice(cut + 1)];
    }),
  );
}

const notYet = (stage: string, what: string) =>
  new UserError(
    `${what} is not up to date, so there is nothing to show of ${stage}. Run "mis run ${stage}" first.`,
  );

function outputNames(spec: StageSpec): string[] {
  const lists = Object.entries(spec.stage.lists ?? {}).flatMap(([list, outputs]) =>
    Object.keys(outputs).map((name) => `${list}.${name}`),
  );
  return [...Object.keys(spec.stage.outputs), ...lists];
}

function checkOutput(spec: StageSpec, output: string) {
  const [name] = output.split('/') as [string];
  if (!outputNames(spec).includes(name))
    throw new UserError(
      `Stage ${spec.name} puts out no "${name}". ${suggestion(name, outputNames(spec), 'Outputs')}`,
    );
}

async function outputsOf(
  spec: StageSpec,
  vars: Vars,
  { record }: Done,
  output: string | undefined,
  store: Store,
  variable: (stage: string, list: string) => string,
): Promise<Found[]> {
  const [name, ...inside] = (output ?? '').split('/');
  const found: Found[] = [];
  for (const [each, artifact] of Object.entries(record.outputs)) {
    if (output === undefined || each === name)
      found.push(...(await filesOf(spec, vars, each, artifact, inside.join('/'), store)));
  }
  for (const [list, elements] of Object.entries(record.lists)) {
    for (const [element, outputs] of Object.entries(elements)) {
      for (const [each, artifact] of Object.entries(outputs)) {
        if (output !== undefined && name !== `${list}.${each}`) continue;
        const of = { ...vars, [variable(spec.name, list)]: element };
        found.push(...(await filesOf(spec, of, `${list}.${each}`, artifact, inside.join('/'), store)));
      }
    }
  }
  return found;
}

/** A file's place in the store; of a folder the published copy if it is current, and single files inside by their path. */
async function filesOf(
  spec: StageSpec,
  vars: Vars,
  output: string,
  artifact: Artifact,
  inside: string,
  store: Store,
): Promise<Found[]> {
  if (artifact.kind === 'file') {
    if (inside)
      throw new UserError(`${spec.name} puts out ${output} as one file: there is no ${inside} in it.`);
    await store.bring([artifact]);
    return [{ vars, output, path: store.blobPath(artifact.digest) }];
  }
  const manifest = await store.manifest(artifact);
  if (inside) {
    const file = manifest[inside];
    if (!file)
      throw new UserError(
        `There is no ${inside} in ${output}. ${suggestion(inside, Object.keys(manifest), 'Files')}`,
      );
    return [{ vars, output: `${output}/${inside}`, path: store.blobPath(file.digest) }];
  }
  const published = spec.publish?.output === output ? resolve(spec.publish.to) : undefined;
  if (published && (await store.isMaterialised(artifact, published)))
    return [{ vars, output, path: published }];
  return Object.entries(manifest).map(([file, { digest }]) => ({
    vars,
    output: `${output}/${file}`,
    path: store.blobPath(digest),
  }));
}
