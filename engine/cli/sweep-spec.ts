import { UserError } from '../../common/errors.ts';
import { withValues } from '../spec/config.ts';
import { suggestion } from '../spec/nearest.ts';
import type { Entry, Node } from '../spec/node.ts';
import type { StageSpec } from '../spec/pipeline.ts';
import type { Reference } from '../spec/reference.ts';
import { type Place, sourceOf } from '../spec/source.ts';
import { parseYamlValue } from '../spec/yaml-file.ts';
import type { Spec } from './context.ts';

/** What the command line says of a sweep. */
export interface SweepArguments {
  /** `PATH=VALUES`; none: those of the config. */
  readonly settings: readonly string[];
  readonly grid: boolean;
  /** `VARIABLE=NAMES` */
  readonly only: readonly string[];
  /** Folder to publish to. */
  readonly to: string;
  /** The varying stage, where there are several. */
  readonly stage?: string;
}

/** Pipeline and config of a sweep: what the command line says stands where the varying stage looks for it. */
export function sweepSpec(spec: Spec, given: SweepArguments): { spec: Spec; stage: StageSpec } {
  const stage = varyingStage(spec, given.stage);
  const { settings, only, grid } = stage.vary!;
  const named = argumentsOf('mis sweep', given.settings, 'task.n=1..20');
  const names = argumentsOf('mis sweep --only', given.only, 'model=resnet,vgg');
  const values: { path: readonly string[]; value: Node }[] = [];
  const put = (reference: Reference, value: Node) => values.push({ path: reference.paths[0]!, value });
  if (named.size > 0) {
    const place = [...named.values()][0]!.key;
    put(settings, { kind: 'map', place, entries: named, whole: true });
  }
  for (const [variable, { value }] of names) {
    const reference = only.get(variable);
    if (!reference)
      throw new UserError(
        `--only ${variable}: stage ${stage.name} can't be told which of these to take. ${suggestion(variable, only.keys(), 'It can for')}`,
      );
    put(reference, isAll(value) ? { kind: 'scalar', place: value.place, value: null } : value);
  }
  const asked = given.grid || (named.size > 0 ? false : undefined);
  if (asked !== undefined && typeof grid === 'object') {
    const place = whole('mis sweep --grid', '');
    put(grid, { kind: 'scalar', place, value: asked });
  }
  const changed: StageSpec = {
    ...stage,
    vary: { ...stage.vary!, ...(asked !== undefined && typeof grid !== 'object' && { grid: asked }) },
    publish: { ...stage.publish, output: stage.publish?.output ?? folderOf(stage), to: given.to },
  };
  const pipeline = {
    ...spec.pipeline,
    stages: spec.pipeline.stages.map((each) => (each === stage ? changed : each)),
  };
  return { spec: { ...spec, pipeline, config: withValues(spec.config, values, spec.shape) }, stage: changed };
}

function varyingStage({ pipeline }: Spec, name: string | undefined): StageSpec {
  const varying = pipeline.stages.filter((stage) => stage.vary);
  const names = varying.map((stage) => stage.name);
  if (varying.length === 0)
    throw new UserError(
      `No stage of ${pipeline.path} varies settings, so there is nothing to sweep. Give one an entry "vary: {settings: \${sweep.settings}}".`,
    );
  if (name === undefined && varying.length === 1) return varying[0]!;
  if (name === undefined)
    throw new UserError(`Several stages vary settings: ${names.join(', ')}. Name one with --stage.`);
  const found = varying.find((stage) => stage.name === name);
  if (found) return found;
  throw new UserError(`No stage "${name}" varies settings. ${suggestion(name, names, 'Those that do')}`);
}

function folderOf({ name, stage }: StageSpec): string {
  const folder = Object.keys(stage.outputs).find((output) => stage.outputs[output]!.kind === 'folder');
  if (folder === undefined)
    throw new UserError(`Stage ${name} puts out no folder, so that there is nothing to publish.`);
  return folder;
}

/** The name `*`, which stands for all. */
const isAll = (node: Node): boolean =>
  node.kind === 'list' &&
  node.items.length === 1 &&
  node.items[0]!.kind === 'scalar' &&
  node.items[0]!.value === '*';

function whole(name: string, text: string, end = text.length): Place {
  const source = sourceOf(name, text, process.cwd());
  return { source, start: 0, end };
}

/** `KEY=VALUE,VALUE` by key; a key that is given twice has the values of both. */
function argumentsOf(name: string, texts: readonly string[], example: string): Map<string, Entry> {
  const found = new Map<string, Entry>();
  for (const text of texts) {
    const cut = text.indexOf('=');
    const key = text.slice(0, cut).trim();
    if (cut < 1 || text.length === cut + 1)
      throw new UserError(`${name} ${text}: write it as KEY=VALUES, for example ${example}`);
    const place = whole(name, text, cut);
    const items = valuesOf(text.slice(cut + 1), `${name} ${key}`, place);
    const before = found.get(key)?.value;
    const all = before?.kind === 'list' ? [...before.items, ...items] : items;
    found.set(key, { key: place, value: { kind: 'list', place, items: all } });
  }
  return found;
}

/** A list as YAML, or values with commas between them, each as YAML. */
function valuesOf(text: string, name: string, place: Place): readonly Node[] {
  if (text.trimStart().startsWith('[')) {
    const node = parseYamlValue(name, text, process.cwd());
    return node.kind === 'list' ? node.items : [node];
  }
  const parts = text.match(/(?:"(?:[^"\\]|\\.)*"|'[^']*'|[^,])+/g) ?? [];
  return parts
    .filter((part) => part.trim() !== '')
    .map((part) =>
      part.trim() === '*' ? { kind: 'scalar', place, value: '*' } : parseYamlValue(name, part, process.cwd()),
    );
}
