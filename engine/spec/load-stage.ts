import { existsSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { UserError } from '../../common/errors.ts';
import type { Stage } from '../stage.ts';
import { errorAt, type Place } from './source.ts';

type Import = () => Promise<{ default?: Stage }>;

let compiled: ReadonlyMap<string, Import> | undefined;

/** Says that this is the compiled program, which has stages in it: how they are imported, by the path of their index.ts. */
export function provideStages(stages: ReadonlyMap<string, Import>): void {
  compiled = stages;
}

/** Thrown by the compiled program where the graph has a stage that isn't in it: then all is run from the source. */
export class NotCompiled extends Error {
  override readonly name = 'NotCompiled';
}

/** Imports the contract of a stage from its index.ts. UserError: there is none, or its code can't be loaded. */
export async function loadStage(path: string, uses: string, place: Place): Promise<Stage> {
  if (!existsSync(path)) throw errorAt(place, `there is no stage at ${uses}: no index.ts in that folder`);
  if (compiled && !compiled.has(path)) throw new NotCompiled(`${uses} isn't part of the compiled program`);
  let module: { default?: Stage };
  try {
    const load: Import = compiled?.get(path) ?? (() => import(pathToFileURL(path).href));
    module = await load();
  } catch (error) {
    throw explained(error as NodeJS.ErrnoException, uses);
  }
  if (!module.default?.run) throw errorAt(place, `${uses}/index.ts doesn't export a stage as default`);
  return module.default;
}

/** Code that can't be parsed, or imports what isn't there, is told without a stack; what it throws is a bug. */
function explained(error: NodeJS.ErrnoException, uses: string): Error {
  const text = error.message.replace(/^Transform failed.*\n/, '').replaceAll(`${process.cwd()}/`, '');
  if (error.name === 'TransformError' || error instanceof SyntaxError)
    return new UserError(`The code of stage ${uses} can't be loaded: ${text.trim()}`);
  if (error.code === 'ERR_MODULE_NOT_FOUND')
    return new UserError(
      `The code of stage ${uses} can't be loaded: ${text}. Mend the import, or bring the file there.`,
    );
  if (error.code === 'ERR_REQUIRE_CYCLE_MODULE')
    return new UserError(
      `The code of stage ${uses} can't be loaded: it is taken for CommonJS. Put a package.json with {"type": "module"} into the pipeline's folder.`,
    );
  return error;
}
