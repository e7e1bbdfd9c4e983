import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../common/errors.ts';
import { jsonSchemas } from '../spec/json-schema.ts';
import { suggestion } from '../spec/nearest.ts';
import { loadPipeline } from '../spec/pipeline.ts';
import { configShape } from '../spec/shape.ts';
import { type GraphOptions, pipelinePath } from './context.ts';

/** `mis schema [NAME]`: prints the JSON Schemas of the YAML files; with --write one file each. */
export async function schema(
  name: string | undefined,
  options: GraphOptions & { write?: string },
): Promise<number> {
  const pipeline = await loadPipeline(pipelinePath(options));
  const schemas = jsonSchemas(configShape(pipeline.stages));
  if (name !== undefined && !schemas[name])
    throw new UserError(`There is no schema "${name}". ${suggestion(name, Object.keys(schemas), 'Schemas')}`);
  const chosen = name === undefined ? schemas : { [name]: schemas[name]! };
  if (options.write !== undefined) {
    mkdirSync(options.write, { recursive: true });
    for (const [each, text] of Object.entries(chosen))
      writeFileSync(join(options.write, `${each}.schema.json`), `${JSON.stringify(text, null, 2)}\n`);
    return 0;
  }
  process.stdout.write(`${JSON.stringify(name === undefined ? schemas : schemas[name], null, 2)}\n`);
  return 0;
}
