import { dirname, relative, resolve } from 'node:path';
import type { Store } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import { type Bound, bind, type Scope } from '../spec/bind.ts';
import { elementName } from '../spec/config.ts';
import { missingKey } from '../spec/missing.ts';
import { descend, describe, type MapNode, type Node } from '../spec/node.ts';
import type { Loop, Pipeline, StageSpec } from '../spec/pipeline.ts';
import { errorAt } from '../spec/source.ts';
import type { Checks } from './clock.ts';
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
  /** Throws when the code or a file isn't any more what was hashed: a result made meanwhile may not be stored. */
  verify(): Promise<void>;
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
 * shows here, before anything runs; of several the first in the order of the stages.
 *
 * @param checks told how long files from outside were looked at
 */
export async function prepare(
  pipeline: Pipeline,
  stages: readonly StageSpec[],
  config: MapNode,
  store: Store,
  checks: Checks,
): Promise<PreparedStage[]> {
  const open: Opened = {
    config,
    store,
    checks,
    folder: pipeline.folder,
    readCode: codeReader(pipeline.folder, store),
  };
  const settled = await Promise.allSettled(stages.map((spec) => prepareStage(spec, open)));
  return settled.map((each) => {
    if (each.status === 'rejected') throw each.reason;
    return each.value;
  });
}

interface Opened {
  readonly config: MapNode;
  readonly store: Store;
  readonly checks: Checks;
  readonly folder: string;
  readonly readCode: ReturnType<typeof codeReader>;
}

async function prepareStage(spec: StageSpec, open: Opened): Promise<PreparedStage> {
  const loops = spec.loops.filter((loop) => !loop.list);
  const lists = new Map(loops.map((loop) => [loop.variable, listElements(spec, loop, open.config)]));
  const elements = new Map([...lists].map(([variable, nodes]) => [variable, [...nodes.keys()]]));
  const names = [...lists.keys()];
  const code = await open.readCode(spec.entry);
  const variants = new Map<string, Prepared>();
  for (const vars of product(elements)) {
    const variables = new Map<string, Node | undefined>(spec.loops.map((loop) => [loop.variable, undefined]));
    for (const name of names) variables.set(name, lists.get(name)!.get(vars[name]!));
    variants.set(varsKey(vars), await variant(spec, code, { config: open.config, variables }, open));
  }
  const pick = (vars: Vars) => varsKey(Object.fromEntries(names.map((name) => [name, vars[name]!])));
  return { spec, elements, variant: (vars: Vars) => variants.get(pick(vars))! };
}

async function variant(spec: StageSpec, code: Code, scope: Scope, open: Opened): Promise<Prepared> {
  const bound = await bind(spec, scope);
  const hashFiles = () => fileDigests(spec, code, bound, open.store);
  const files = await open.checks.time('files', hashFiles);
  const fixed: Fixed = {
    format: FINGERPRINT_FORMAT,
    stage: spec.uses,
    code: code.digest,
    params: bound.params,
    files,
    environment: spec.stage.environment?.(bound.params) ?? {},
  };
  const verify = async () => {
    const now = await codeReader(open.folder, open.store)(spec.entry);
    const edited = Object.keys(code.files).find((file) => now.files[file] !== code.files[file]);
    const filesNow = now.digest === code.digest ? await hashFiles() : files;
    const changed = Object.keys(files).find((name) => filesNow[name] !== files[name]);
    const what =
      now.digest !== code.digest ? (edited ?? spec.uses) : changed && bound.files.get(changed)!.paths[0];
    if (what)
      throw new UserError(
        `${what} changed while the run was on, so the result of ${spec.name} may be of either version and isn't kept. Run again.`,
      );
  };
  return { fixed, fingerprint: fingerprinter(fixed), code, bound, verify };
}

async function fileDigests(
  spec: StageSpec,
  code: Code,
  bound: Bound,
  store: Store,
): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const [name, file] of bound.files) {
    files[name] =
      file.by === 'listing'
        ? await listingDigest(file.paths)
        : await contentDigest(spec, code, name, file.paths[0]!, store);
  }
  return files;
}

/** Digest of a file and of those that it refers to. Which these are is remembered by the file's own digest. */
async function contentDigest(
  spec: StageSpec,
  code: Code,
  name: string,
  path: string,
  store: Store,
): Promise<string> {
  const own = (await store.digestFile(path)).digest;
  const also = spec.stage.files?.[name]?.also;
  if (!also) return own;
  const memo = store.memo<string[]>('beside');
  const key = `${code.digest} ${name} ${own}`;
  let names = memo.get(key);
  if (!names) {
    names = (await also(path)).map((other) => relative(dirname(path), other));
    memo.set(key, names);
  }
  const others = await Promise.all(names.map((other) => store.digestFile(resolve(dirname(path), other))));
  return [own, ...others.map(({ digest }) => digest)].join('+');
}

/** The elements of a config list that a stage runs over, by name. */
function listElements(spec: StageSpec, loop: Loop, config: MapNode): Map<string, Node> {
  const path = loop.over.paths[0]!;
  const key = path.join('.');
  const { node, rest } = descend(config, path);
  if (rest.length > 0 || (node.kind === 'scalar' && node.value === null))
    throw missingKey(path, config, `It takes a list, which stage ${spec.name} runs over`, loop.over.place);
  if (node.kind !== 'list') throw errorAt(node.place, `"${key}" takes a list, found ${describe(node)}`);
  if (node.items.length === 0) throw errorAt(node.place, `"${key}" is empty`, 'Name at least one element.');
  return new Map(node.items.map((item) => [elementName(item).name, item]));
}

/** Every combination of one element a variable. */
export function product(elements: ReadonlyMap<string, readonly string[]>): Vars[] {
  let all: Vars[] = [{}];
  for (const [variable, names] of elements)
    all = all.flatMap((vars) => names.map((name) => ({ ...vars, [variable]: name })));
  return all;
}
