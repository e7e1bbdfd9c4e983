import { existsSync, statSync } from 'node:fs';
import { UserError } from '../../common/errors.ts';
import { originOf } from '../plan/origin.ts';
import { chainOf } from '../plan/provenance.ts';
import type { GraphOptions } from './context.ts';
import { print, withStore } from './store-only.ts';
import { traceText } from './trace-text.ts';

/** `mis trace FILE`: the task that made a file, and all that led to it. Returns the exit code. */
export async function traceFile(
  file: string,
  options: Pick<GraphOptions, 'store'> & { readonly all?: boolean; readonly json?: boolean },
): Promise<number> {
  if (!existsSync(file)) throw new UserError(`There is no file ${file}.`);
  if (!statSync(file).isFile())
    throw new UserError(`${file} is not a file. Name one in it, for example its index.html.`);
  return withStore(options, async (store) => {
    const { record, ...origin } = await originOf(file, store);
    const chain = await chainOf(record, store);
    if (options.json) {
      const tasks = Object.fromEntries(chain.links);
      print(JSON.stringify({ ...origin, fingerprint: record.fingerprint, tasks }));
    } else print(traceText({ ...origin, record }, chain, options.all ?? false));
    return 0;
  });
}
