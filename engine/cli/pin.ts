import { newestComplete } from '../../cache/runs.ts';
import { UserError } from '../../common/errors.ts';
import { findRun } from '../plan/find-run.ts';
import { table } from '../ui/table.ts';
import type { GraphOptions } from './context.ts';
import { print, withStore } from './store-only.ts';

export interface PinCommand extends Pick<GraphOptions, 'store'> {
  readonly remove?: boolean;
  readonly json?: boolean;
}

/** `mis pin`, `mis pin NAME [RUN]`, `mis pin --remove NAME`. */
export async function pin(
  name: string | undefined,
  run: string | undefined,
  options: PinCommand,
): Promise<number> {
  return withStore(options, async (store) => {
    if (name === undefined) {
      if (options.remove) throw new UserError('Which one? "mis pin" lists the names; then --remove NAME.');
      const pins = await store.pins();
      if (options.json) for (const each of pins) print(JSON.stringify(each));
      else if (pins.length === 0) print('No run is pinned.');
      else
        print(
          table(
            ['name', 'run', 'since'],
            pins.map((each) => [each.name, each.run, new Date(each.at).toLocaleString('sv-SE')]),
          ),
        );
      return 0;
    }
    if (options.remove) {
      await store.unpin(name);
      print(`${name} is removed: "mis gc" may free what only that run needs.`);
      return 0;
    }
    const id = (run ? await findRun(store, run) : await newestComplete(store.runs))?.id;
    if (id === undefined)
      throw new UserError('The store holds no complete run yet to be pinned. Run "mis run" first.');
    await store.pin(id, name);
    print(`Run ${id} is pinned as ${name}: "mis gc" never removes its results.`);
    return 0;
  });
}
