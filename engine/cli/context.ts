import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openStore, type Store } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';
import { type PreparedStage, prepare } from '../plan/prepare.ts';
import { loadConfig } from '../spec/config.ts';
import type { MapNode } from '../spec/node.ts';
import { loadPipeline, type Pipeline, subgraph } from '../spec/pipeline.ts';
import { configShape, type Shape } from '../spec/shape.ts';

/** Options that every command over the graph takes. */
export interface GraphOptions {
  readonly pipeline?: string;
  readonly config?: readonly string[];
  readonly set?: readonly string[];
  readonly store?: string;
}

export interface Spec {
  readonly pipeline: Pipeline;
  readonly shape: Shape;
  readonly config: MapNode;
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
  const pipeline = await loadPipeline(pipelinePath(options));
  const shape = configShape(pipeline.stages);
  const files = options.config?.length
    ? options.config
    : [join(dirname(pipeline.path), 'configs', 'default.yaml')];
  for (const file of files)
    if (!existsSync(file))
      throw new UserError(`${file}: there is no such config file. Name one with -c FILE.`);
  const config = loadConfig(files, options.set ?? [], shape);
  return { pipeline, shape, config, configFiles: files.map((file) => resolve(file)) };
}

export function storeFolder(options: GraphOptions): string {
  return resolve(options.store ?? process.env.MIS_STORE ?? '.mis');
}

export interface Context extends Spec {
  readonly store: Store;
  /** The wanted stages with everything that they need, prepared. */
  readonly stages: readonly PreparedStage[];
}

/** Opens everything that a command over the graph works with; closes the store after it. */
export async function withContext<T>(
  options: GraphOptions,
  targets: readonly string[],
  work: (context: Context) => Promise<T>,
): Promise<T> {
  const spec = await loadSpec(options);
  const wanted = subgraph(spec.pipeline, targets);
  const store = await openStore(storeFolder(options));
  try {
    const stages = await prepare(spec.pipeline, wanted, spec.config, store);
    return await work({ ...spec, store, stages });
  } finally {
    await store.close();
  }
}
