import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { UserError } from '../../common/errors.ts';
import type { Stage } from '../stage.ts';
import { check, unwrap } from './check.ts';
import { DIFF, type DiffSpec, diffOf } from './diff.ts';
import { checkJoins } from './joins.ts';
import { loadStage } from './load-stage.ts';
import { checkLoop, LOOP, type Loop, loopIn, REFERENCE } from './loop.ts';
import { suggestion } from './nearest.ts';
import type { MapNode, Node } from './node.ts';
import { type Reference, referenceIn } from './reference.ts';
import { errorAt, type Place } from './source.ts';
import { checkVary, VARY, type Vary, varyIn } from './vary.ts';
import { readYaml } from './yaml-file.ts';

const STAGE = z.strictObject({
  uses: z.string().describe('Folder of the stage, relative to this file'),
  foreach: z.record(z.string(), LOOP).optional().describe('One task for each element of these lists'),
  with: z
    .record(z.string(), z.unknown())
    .optional()
    .describe('Parameters; ${…} refers to the config or a foreach variable'),
  needs: z
    .record(z.string(), z.union([REFERENCE, z.array(REFERENCE).min(1)]))
    .optional()
    .describe('Inputs: ${stage.output} or ${stage.list.output}, or a list of these, which are put together'),
  vary: VARY.optional().describe('Inputs come once for each of several settings of the config'),
  publish: z
    .strictObject({ output: z.string(), to: z.string(), show: z.string().optional() })
    .optional()
    .describe('Folder that a run copies an output to, and the file in it that it prints at the end'),
});

/** Schema of `pipeline.yaml`, also exported as JSON Schema. */
export const PIPELINE = z.strictObject({
  stages: z.record(z.string().regex(/^[a-z][a-z0-9-]*$/), STAGE),
  diff: DIFF.optional(),
});

/** One source of an input; an input may have several. */
export interface Need {
  readonly input: string;
  readonly place: Place;
  readonly stage: string;
  readonly list?: string;
  readonly output: string;
}

export interface StageSpec {
  readonly name: string;
  readonly place: Place;
  /** Folder of the stage, relative to pipeline.yaml, as the fingerprint names it. */
  readonly uses: string;
  /** Absolute path of its index.ts. */
  readonly entry: string;
  readonly stage: Stage;
  readonly loops: readonly Loop[];
  readonly with: MapNode;
  readonly needs: readonly Need[];
  readonly vary?: Vary;
  readonly publish?: { output: string; to: string; show?: string };
}

export interface Pipeline {
  readonly path: string;
  readonly folder: string;
  /** In an order in which every stage comes after those that it needs. */
  readonly stages: readonly StageSpec[];
  /** What `mis diff` compares two runs with. */
  readonly diff?: DiffSpec;
}

/** Reads pipeline.yaml, loads the contracts of its stages, and checks names, references and cycles. */
export async function loadPipeline(path: string): Promise<Pipeline> {
  const root = readYaml(path);
  const checked = check(PIPELINE, root, '');
  const folder = dirname(path);
  const stagesNode = entry(root, 'stages')!;
  if (stagesNode.kind !== 'map') throw errorAt(root.place, 'no stages');
  const specs = await Promise.all(
    [...stagesNode.entries].map(async ([name, { key, value }]): Promise<StageSpec> => {
      const raw = checked.stages[name]!;
      const usesNode = entry(value, 'uses')!;
      const entryPath = resolve(folder, raw.uses, 'index.ts');
      const stage = await loadStage(entryPath, raw.uses, usesNode.place);
      const vary = raw.vary && varyIn(entry(value, 'vary')!);
      return {
        name,
        place: key,
        uses: raw.uses.replace(/^\.\//, ''),
        entry: entryPath,
        stage,
        loops: items(value, 'foreach').map(([variable, node]) => loopIn(variable, node)),
        with: (entry(value, 'with') as MapNode | undefined) ?? {
          kind: 'map',
          place: key,
          entries: new Map(),
        },
        needs: items(value, 'needs').flatMap(([input, node]) => needsOf(input, node)),
        ...(vary && { vary }),
        ...(raw.publish && {
          publish: {
            output: raw.publish.output,
            to: raw.publish.to,
            ...(raw.publish.show && { show: raw.publish.show }),
          },
        }),
      };
    }),
  );
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const linked = specs.map((spec) => link(spec, byName, value(stagesNode, spec.name)));
  checkJoins(linked);
  const diff = diffOf(entry(root, 'diff'), checked.diff, folder, linked);
  const pipeline = { path, folder, stages: sorted(linked), ...(diff && { diff }) };
  for (const { name, vary } of linked)
    if (vary)
      checkVary(
        vary,
        subgraph(pipeline, [name]).filter((spec) => spec.name !== name),
      );
  return pipeline;
}

function entry(node: Node, key: string): Node | undefined {
  return node.kind === 'map' ? node.entries.get(key)?.value : undefined;
}

const value = (node: MapNode, key: string): Node => node.entries.get(key)!.value;

function items(node: Node, key: string): [string, Node][] {
  const map = entry(node, key);
  return map?.kind === 'map' ? [...map.entries].map(([name, item]) => [name, item.value]) : [];
}

const needsOf = (input: string, node: Node): Need[] =>
  (node.kind === 'list' ? node.items : [node]).map((item) => needOf(input, referenceIn(item)!));

function needOf(input: string, ref: Reference): Need {
  const path = ref.paths[0]!;
  if (ref.paths.length > 1 || path.length < 2 || path.length > 3) {
    throw errorAt(
      ref.place,
      'an input comes from one output of a stage',
      'Write ${stage.output} or ${stage.list.output}.',
    );
  }
  const [stage, a, b] = path as [string, string, string | undefined];
  return b === undefined
    ? { input, place: ref.place, stage, output: a }
    : { input, place: ref.place, stage, list: a, output: b };
}

/** Checks what a stage says against its own contract and the other stages', and marks loops over lists of stages. */
function link(spec: StageSpec, byName: Map<string, StageSpec>, node: Node): StageSpec {
  const { stage } = spec;
  for (const need of spec.needs) {
    const source = byName.get(need.stage);
    if (!source)
      throw errorAt(need.place, `there is no stage "${need.stage}"`, suggestion(need.stage, byName.keys()));
    const outputs = need.list === undefined ? source.stage.outputs : (source.stage.lists?.[need.list] ?? {});
    if (!outputs[need.output]) {
      const shown = [need.list, need.output].filter(Boolean).join('.');
      const lists = Object.entries(source.stage.lists ?? {}).flatMap(([list, each]) =>
        Object.keys(each).map((o) => `${list}.${o}`),
      );
      throw errorAt(
        need.place,
        `stage ${need.stage} puts out no "${shown}"`,
        suggestion(shown, [...Object.keys(source.stage.outputs), ...lists]),
      );
    }
    if (!stage.inputs?.[need.input]) {
      throw errorAt(
        need.place,
        `stage ${spec.name} takes no input "${need.input}"`,
        suggestion(need.input, Object.keys(stage.inputs ?? {})),
      );
    }
  }
  for (const [input, contract] of Object.entries(stage.inputs ?? {})) {
    if (!contract.optional && !spec.needs.some((need) => need.input === input)) {
      throw errorAt(spec.place, `stage ${spec.name} needs an input "${input}"`, 'Add it under needs.');
    }
  }
  const declared = [...Object.keys(unwrap(stage.params)?.shape ?? {}), ...Object.keys(stage.files ?? {})];
  for (const [key, item] of spec.with.entries) {
    if (!declared.includes(key))
      throw errorAt(item.key, `stage ${spec.name} declares no parameter "${key}"`, suggestion(key, declared));
  }
  if (spec.publish && stage.outputs[spec.publish.output]?.kind !== 'folder') {
    const place = entry(entry(node, 'publish')!, 'output')!.place;
    const folders = Object.keys(stage.outputs).filter((name) => stage.outputs[name]!.kind === 'folder');
    throw errorAt(
      place,
      `stage ${spec.name} puts out no folder "${spec.publish.output}" to publish`,
      suggestion(spec.publish.output, folders, 'Its folders'),
    );
  }
  return { ...spec, loops: spec.loops.map((loop) => linkLoop(spec, loop, byName)) };
}

/** Marks a loop that runs over a list that an earlier stage puts out. */
function linkLoop(spec: StageSpec, loop: Loop, byName: Map<string, StageSpec>): Loop {
  const lists = loop.over.map((over) => listOfStage(spec, over, byName));
  const list = lists.find((found) => found !== undefined);
  const linked = list ? { ...loop, list } : loop;
  checkLoop(linked);
  return linked;
}

/** The stage's list that a reference means; undefined where it means one of the config. */
function listOfStage(
  spec: StageSpec,
  { place, paths }: Reference,
  byName: Map<string, StageSpec>,
): Loop['list'] {
  const [first, second, ...more] = paths[0]!;
  if (spec.loops.some(({ variable }) => variable === first))
    throw errorAt(
      place,
      `"${first}" is a foreach variable`,
      'foreach runs over a list of the config or of a stage.',
    );
  const source = byName.get(first!);
  if (!source) return undefined;
  const lists = Object.keys(source.stage.lists ?? {});
  if (second === undefined || more.length > 0 || !lists.includes(second)) {
    const named = [second, ...more].filter(Boolean).join('.');
    throw errorAt(
      place,
      named ? `stage ${first} puts out no list "${named}"` : `${first} is a stage, not a list`,
      lists.length === 0 ? `${first} puts out no lists.` : suggestion(named, lists, 'Its lists'),
    );
  }
  return { stage: first!, name: second };
}

/** Names of the stages that a stage waits for. */
export function upstream(spec: StageSpec): Set<string> {
  return new Set([
    ...spec.needs.map((need) => need.stage),
    ...spec.loops.flatMap((loop) => (loop.list ? [loop.list.stage] : [])),
  ]);
}

/** Topological order, stable with respect to the file; a cycle is an error that names its stages. */
function sorted(specs: readonly StageSpec[]): StageSpec[] {
  const byName = new Map(specs.map((spec) => [spec.name, spec]));
  const order: StageSpec[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (spec: StageSpec, trail: string[]) => {
    if (state.get(spec.name) === 'done') return;
    if (state.get(spec.name) === 'open') {
      const cycle = [...trail.slice(trail.indexOf(spec.name)), spec.name].join(' → ');
      throw errorAt(
        spec.place,
        `the stages need each other in a circle: ${cycle}`,
        'Remove one of these needs.',
      );
    }
    state.set(spec.name, 'open');
    for (const name of upstream(spec)) visit(byName.get(name)!, [...trail, spec.name]);
    state.set(spec.name, 'done');
    order.push(spec);
  };
  for (const spec of specs) visit(spec, []);
  return order;
}

/** The stages to run for the given targets (all, if none is given) with everything that they need. */
export function subgraph(pipeline: Pipeline, targets: readonly string[]): StageSpec[] {
  if (targets.length === 0) return [...pipeline.stages];
  const byName = new Map(pipeline.stages.map((spec) => [spec.name, spec]));
  const wanted = new Set<string>();
  const add = (name: string) => {
    const spec = byName.get(name);
    if (!spec)
      throw new UserError(`There is no stage "${name}". ${suggestion(name, byName.keys(), 'Stages')}`);
    if (wanted.has(name)) return;
    wanted.add(name);
    for (const before of upstream(spec)) add(before);
  };
  for (const name of targets) add(name);
  return pipeline.stages.filter((spec) => wanted.has(spec.name));
}
