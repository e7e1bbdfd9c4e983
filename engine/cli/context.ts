import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readMemo } from '../../cache/memo.ts';
import { remoteOf } from '../../cache/remote/address.ts';
import { openStore, type Store } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import { type Checks, createChecks } from '../plan/clock.ts';
import { opened as openedFor, type PreparedStage, prepare } from '../plan/prepare.ts';
import { type Varied, vary } from '../plan/vary.ts';
import type { Overhead } from '../run/events.ts';
import { loadConfig } from '../spec/config.ts';
import { type Expectation, expectations } from '../spec/expect.ts';
import type { MapNode } from '../spec/node.ts';
import { loadPipeline, type Pipeline, subgraph } from '../spec/pipeline.ts';
import { configShape, type Shape } from '../spec/shape.ts';
import { recallYaml, takeParsedYaml } from '../spec/yaml-memory.ts';

/** Options that every command over the graph takes. */
export interface GraphOptions {
  readonly pipeline?: string;
  readonly config?: readonly string[];
  readonly set?: readonly string[];
  readonly store?: string;
  /** The store by itself, even where a remote is set. */
  readonly alone?: boolean;
}

export interface Spec {
  readonly pipeline: Pipeline;
  readonly shape: Shape;
  readonly config: MapNode;
  /** What `mis check` compares results with. */
  readonly expect: readonly Expectation[];
  /** Absolute paths of the config's files, in layers. */
  readonly configFiles: readonly string[];
}

/** The package's own folder, which holds the default pipeline. */
export const PACKAGE = fileURLToPath(new URL('../..', import.meta.url));

export function pipelinePath(options: GraphOptions): string {
  if (options.pipeline) return resolve(options.pipeline);
  const here = resolve('pipeline.yaml');
  return existsSync(here) ? here : join(PACKAGE, 'pipeline.yaml');
}

/** Reads pipeline and config, and checks both. */
export async function loadSpec(options: GraphOptions): Promise<Spec> {
  recallYaml(readMemo(join(storeFolder(options), 'memo', 'yaml.json')));
  const pipeline = await loadPipeline(pipelinePath(options));
  const shape = configShape(pipeline.stages);
  const files = options.config?.length
    ? options.config
    : [join(dirname(pipeline.path), 'configs', 'default.yaml')];
  for (const file of files)
    if (!existsSync(file))
      throw new UserError(`${file}: there is no such config file. Name one with -c FILE.`);
  const config = loadConfig(files, options.set ?? [], shape);
  const expect = expectations(config);
  return { pipeline, shape, config, expect, configFiles: files.map((file) => resolve(file)) };
}

export function storeFolder(options: GraphOptions): string {
  return resolve(options.store ?? process.env.MIS_STORE ?? '.mis');
}

export interface Context extends Spec {
  readonly store: Store;
  /** The wanted stages with everything that they need, prepared; also at the settings that one of them varies. */
  readonly stages: readonly PreparedStage[];
  readonly notes: Varied['notes'];
  /** What it took to come so far, ms. */
  readonly planned: Pick<Overhead, 'startup' | 'config' | 'prepare'>;
  readonly checks: Checks;
}

/** The store; where a remote is set, one that asks it for what is missing. Speaks to nobody yet. */
async function openReadThrough(folder: string): Promise<Store> {
  const store = await openStore(folder);
  const address = remoteOf(folder);
  if (!address) return store;
  const { readThrough } = await import('../../cache/remote/read-through.ts');
  const warn = (message: string) => void process.stderr.write(`mis: ${message}\n`);
  return readThrough({ store, address, warn });
}

/** Opens everything that a command over the graph works with; closes the store after it. */
export async function withContext<T>(
  options: GraphOptions,
  targets: readonly string[],
  work: (context: Context) => Promise<T>,
): Promise<T> {
  const startup = performance.now();
  return withSpec(await loadSpec(options), options, targets, work, startup);
}

/** The same for a pipeline and a config that were read before; `startup`: when that began, ms. */
export async function withSpec<T>(
  spec: Spec,
  options: GraphOptions,
  targets: readonly string[],
  work: (context: Context) => Promise<T>,
  startup = performance.now(),
): Promise<T> {
  const wanted = subgraph(spec.pipeline, targets);
  const folder = storeFolder(options);
  const store = await (options.alone ? openStore(folder) : openReadThrough(folder));
  try {
    const opened = performance.now();
    for (const [key, value] of takeParsedYaml()) store.memo('yaml').set(key, value);
    const checks = createChecks();
    const open = openedFor(spec.pipeline, spec.config, store, checks);
    const { stages, notes } = await vary(await prepare(wanted, open), open, spec.shape, targets);
    const planned = { startup, config: opened - startup, prepare: performance.now() - opened };
    return await work({ ...spec, store, stages, notes, planned, checks });
  } finally {
    await store.close();
  }
}
