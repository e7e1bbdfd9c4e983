import { stringify } from 'yaml';
import { toJson } from '../spec/node.ts';
import { type GraphOptions, loadSpec } from './context.ts';

/** `mis config`: the config as it stands after all layers, files named in it read in. */
export async function config(options: GraphOptions & { json?: boolean }): Promise<number> {
  const resolved = toJson((await loadSpec(options)).config);
  process.stdout.write(options.json ? `${JSON.stringify(resolved, null, 2)}\n` : stringify(resolved));
  return 0;
}
