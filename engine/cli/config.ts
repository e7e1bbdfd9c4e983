import { stringify } from 'yaml';
import { resolvedConfig } from '../spec/resolved.ts';
import { type GraphOptions, loadSpec } from './context.ts';

/** `mis config`: the config as it stands after all layers, YAML files named in it read in, paths made absolute. */
export async function config(options: GraphOptions & { json?: boolean }): Promise<number> {
  const spec = await loadSpec(options);
  const resolved = resolvedConfig(spec.config, spec.shape);
  process.stdout.write(options.json ? `${JSON.stringify(resolved, null, 2)}\n` : stringify(resolved));
  return 0;
}
