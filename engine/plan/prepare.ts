import { dirname, relative, resolve } from 'node:path';
import type { Store } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import { type Bound, bind, type Scope } from '../spec/bind.ts';
import { descend, type MapNode, type Node } from '../spec/node.ts';
import type { Pipeline, StageSpec } from '../spec/pipeline.ts';
import type { Reference } from '../spec/reference.ts';
import type { Checks } from './clock.ts';
import { type Code, codeReader } from './code.ts';
import { counted, FINGERPRINT_FORMAT, type Fixed, fingerprinter, type Vars } from './document.ts';
import { listElements } from './elements.ts';
import { listingDigest } from './listing.ts';
import { valuesKey } from './task.ts';

/** What all tasks of a stage with the same config elements share, checked and hashed before anything runs. */
export interface Prepared {
  readonly fixed: Fixed;
  readonly fingerprint: ReturnType<typeof fingerprinter>;
  readonly code: Code;
  readonly bound: Bound;
  /** Throws when the code or a file isn't any more what was hashed: a result made meanwhile may not be stored. */
  verify(): Promise<void>;
}

/** A stage with its prepared variants, at the config's own point or at a setting that some stage varies. */
export interface PreparedStage {
  readonly spec: StageSpec;
  /** Empty at the config's own point, else the setting's text. */
  readonly setting: string;
  /** Elements of the lists in the config, by variable. */
  readonly elements: ReadonlyMap<string, ReadonlyMap<string, Node>>;
  /** What it runs over, as far as the config tells: combinations of elements. */
  readonly combinations: readonly Vars[];
  /** The variant for a task's variables. */
  variant(vars: Vars): Prepared;
  /** Where it finds the tasks of a stage that it needs. */
  from(stage: string): readonly Part[];
}

/** Some tasks of a stage, as another one sees them. */
export interface Part {
  readonly key: string;
  /** What they are received as, where the other one varies. The stage itself may know less of the setting. */
  readonly setting: string;
  has(vars: Vars): boolean;
}

/** Names a stage at a setting: `score-mis@score.alpha=0.08`; at the config's own point it has its own name. */
export const stageKey = (stage: string, setting: string): string => (setting ? `${stage}@${setting}` : stage);

/** What preparing needs beside the stage; one for all of a command. */
export interface Opened {
  readonly config: MapNode;
  readonly store: Store;
  readonly checks: Checks;
  readonly folder: string;
  readonly readCode: ReturnType<typeof codeReader>;
}

/** @param checks told how long files from outside were looked at */
export function opened(pipeline: Pipeline, config: MapNode, store: Store, checks: Checks): Opened {
  return { config, store, checks, folder: pipeline.folder, readCode: codeReader(pipeline.folder, store) };
}

/**
 * Checks the config against every stage and hashes code, parameters and files. Every error in what the person wrote
 * shows here, before anything runs; of several the first in the order of the stages.
 */
export async function prepare(stages: readonly StageSpec[], open: Opened): Promise<PreparedStage[]> {
  const settled = await Promise.allSettled(stages.map((spec) => prepareStage(spec, open)));
  return settled.map((each) => {
    if (each.status === 'rejected') throw each.reason;
    return each.value;
  });
}

/** One stage, at the config's own point of `open`. */
export async function prepareStage(spec: StageSpec, open: Opened): Promise<PreparedStage> {
  const loops = spec.loops.filter((loop) => !loop.list);
  const elements = new Map(loops.map((loop) => [loop.variable, listElements(spec, loop, open.config)]));
  const combinations = spec.vary && !isGiven(spec.vary.settings, open.config) ? [] : product(elements);
  const names = [...elements.keys()];
  const code = await open.readCode(spec.entry);
  const variants = new Map<string, Prepared>();
  for (const vars of combinations) {
    const variables = new Map<string, Node | undefined>(spec.loops.map((loop) => [loop.variable, undefined]));
    for (const name of names) variables.set(name, elements.get(name)!.get(vars[name]!));
    variants.set(valuesKey(vars, names), await variant(spec, code, { config: open.config, variables }, open));
  }
  return {
    spec,
    setting: '',
    elements,
    combinations,
    variant: (vars: Vars) => variants.get(valuesKey(vars, names))!,
    from: (stage) => [{ key: stage, setting: '', has: () => true }],
  };
}

/** Whether the config says anything under a key: a varying stage without settings has no task. */
function isGiven({ paths }: Reference, config: MapNode): boolean {
  const { node, rest } = descend(config, paths[0]!);
  return rest.length === 0 && !(node.kind === 'scalar' && node.value === null);
}

async function variant(spec: StageSpec, code: Code, scope: Scope, open: Opened): Promise<Prepared> {
  const bound = await bind(spec, scope);
  const hashFiles = () => fileDigests(spec, code, bound, open.store);
  const files = await open.checks.time('files', hashFiles);
  const fixed: Fixed = {
    format: FINGERPRINT_FORMAT,
    stage: spec.uses,
    code: code.digest,
    params: counted(bound.params, spec.stage.uncounted),
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
        ? await listingDigest([...file.paths, ...(await listedBeside(spec, name, file.paths))])
        : await contentDigest(spec, code, name, file.paths[0]!, store);
  }
  return files;
}

/** Files that those of a listing refer to, such as the images of a list. */
async function listedBeside(spec: StageSpec, name: string, paths: readonly string[]): Promise<string[]> {
  const also = spec.stage.files?.[name]?.also;
  return also ? (await Promise.all(paths.map(also))).flat() : [];
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

/** Every combination of one element a variable. */
function product(elements: ReadonlyMap<string, ReadonlyMap<string, Node>>): Vars[] {
  let all: Vars[] = [{}];
  for (const [variable, names] of elements)
    all = all.flatMap((vars) => [...names.keys()].map((name) => ({ ...vars, [variable]: name })));
  return all;
}
