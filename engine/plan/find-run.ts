import type { Store, StoredRun } from '../../cache/store.ts';
import { UserError } from '../../common/errors.ts';

/**
 * A past run by its id, the beginning of one, the name that it is pinned under, or `last`, `last~1` (the one before), …;
 * without a name the newest.
 * UserError: there is none, or several begin so.
 */
export async function findRun(store: Store, name?: string): Promise<StoredRun> {
  const ids = await store.runs.list();
  const wanted = name === undefined ? ids.slice(0, 1) : await idsOf(store, ids, name);
  if (wanted.length > 1)
    throw new UserError(`Several runs begin with ${name}: ${some(wanted)}. Give more of the id.`);
  const run = wanted[0] === undefined ? undefined : await store.runs.open(wanted[0]);
  if (run) return run;
  const known = ids.length === 0 ? 'It holds none yet.' : `The newest are ${some(ids)}.`;
  throw new UserError(
    name === undefined
      ? `There is no run in the store ${store.dir}. Start one with "mis run".`
      : `There is no run ${name} in the store ${store.dir}. ${known}`,
  );
}

async function idsOf(store: Store, ids: readonly string[], name: string): Promise<readonly string[]> {
  const pin = (await store.pins()).find((pinned) => pinned.name === name);
  if (pin) return [pin.run];
  const back = /^last(?:~(\d+))?$/.exec(name);
  if (back) return ids.slice(Number(back[1] ?? 0)).slice(0, 1);
  return ids.includes(name) ? [name] : ids.filter((id) => name !== '' && id.startsWith(name));
}

const some = (ids: readonly string[]): string => ids.slice(0, 3).join(', ') + (ids.length > 3 ? ', …' : '');
