import type { Store } from '../../cache/store.ts';
import { type Bound, bind, type Scope } from '../spec/bind.ts';
import { elementName } from '../spec/config.ts';
import { descend, type MapNode, type Node } from '../spec/node.ts';
import type { Loop, Pipeline, StageSpec } from '../spec/pipeline.ts';
import { errorAt } from '../spec/source.ts';
import { type Code, codeReader } from './code.ts';
import { FINGERPRINT_FORMAT, type Fixed, fingerprinter, type Vars } from './document.ts';
import { listingDigest } from './listing.ts';
import { varsKey } from './task.ts';

/** What all tasks of a stage with the same config elements share, checked and hashed before anything runs. */
export interface Prepared {
  readonly fixed: Fixed;
  readonly fingerprint: ReturnType<typeof fingerprinter>;
  readonly code: Code;
  readonly bound: Bound;
}

/** A stage with its prepared variants, by the key of the variables that come from the config. */
export interface PreparedStage {
  readonly spec: StageSpec;
  /** Elements of the lists in the config, by variable. */
  readonly elements: ReadonlyMap<string, readonly string[]>;
  /** The variant for a task's variables. */
  variant(vars: Vars): Prepared;
}

/**
 * Checks the config against every stage and hashes code, parameters and files. Every error in what the person wrote
 * shows here, before anything runs.
 */
export async function prepare(
  pipeline: Pipeline,
  stages: readonly StageSpec[],
  config: MapNode,
  store: Store,
): Promise<PreparedStage[]> {
  const readCode = codeReader(pipeline.folder);
  return Promise.all(
    stages.map(async (spec) => {
      const loops = spec.loops.filter((loop) => !loop.list);
      const lists = new Map(loops.map((loop) => [loop.variable, listElements(loop, config)]));
      const elements = new Map([...lists].map(([variable, nodes]) => [variable, [...nodes.keys()]]));
      const names = [...lists.keys()];
      const code = await readCode(spec.entry);
      const variants = new Map<string, Prepared>();
      for (const vars of product(elements)) {
        const variables = new Map<string, Node | undefined>(
          spec.loops.map((loop) => [loop.variable, undefined]),
        );
        for (const name of names) variables.set(name, lists.get(name)!.get(vars[name]!));
        variants.set(varsKey(vars), await variant(spec, code, { config, variables }, store));
      }
      const pick = (vars: Vars) => varsKey(Object.fromEntries(names.map((name) => [name, vars[name]!])));
      return { spec, elements, variant: (vars: Vars) => variants.get(pick(vars))! };
    }),
  );
}

async function variant(spec: StageSpec, code: Code, scope: Scope, store: Store): Promise<Prepared> {
  const bound = await bind(spec, scope);
  const files: Record<string, string> = {};
  for (const [name, file] of bound.files) {
    files[name] =
      file.by === 'listing'
        ? await listingDigest(file.paths)
        : await contentDigest(spec, name, file.paths[0]!, store);
  }
  const environment = spec.stage.environment?.(bound.params) ?? {};
  const fixed: Fixed = {
    format: FINGERPRINT_FORMAT,
    stage: spec.uses,
    code: code.digest,
    params: bound.params,
    files,
    environment,
  };
  return { fixed, fingerprint: fingerprinter(fixed), code, bound };
}

async function contentDigest(spec: StageSpec, name: string, path: string, store: Store): Promise<string> {
  const own = (await store.digestFile(path)).digest;
  const more = (await spec.stage.files?.[name]?.also?.(path)) ?? [];
  const others = await Promise.all(more.map(async (other) => (await store.digestFile(other)).digest));
  return [own, ...others].join('+');
}

/** The elements of a config list that a stage runs over, by name. */
function listElements(loop: Loop, config: MapNode): Map<string, Node> {
  const path = loop.over.paths[0]!;
  const found = descend(config, path);
  if (found.rest.length > 0)
    throw errorAt(found.node.place, `missing key "${path.join('.')}"`, 'It takes a list.');
  const { node } = found;
  if (node.kind !== 'list') throw errorAt(node.place, `"${path.join('.')}" takes a list`);
  if (node.items.length === 0)
    throw errorAt(node.place, `"${path.join('.')}" is empty`, 'Name at least one element.');
  return new Map(node.items.map((item) => [elementName(item).name, item]));
}

/** Every combination of one element a variable. */
export function product(elements: ReadonlyMap<string, readonly string[]>): Vars[] {
  let all: Vars[] = [{}];
  for (const [variable, names] of elements)
    all = all.flatMap((vars) => names.map((name) => ({ ...vars, [variable]: name })));
  return all;
}
