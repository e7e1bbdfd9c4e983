import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { UserError } from '../common/errors.ts';
import { explained } from './failures.ts';
import { writeWhole } from './files.ts';
import { names } from './records.ts';
import type { Session } from './session.ts';
import type { Pin, Runs } from './types.ts';

/** Names given to runs, whose records `gc` then never removes: `pins/<name>.json`. */
export interface Pins {
  pin(run: string, name: string): Promise<void>;
  unpin(name: string): Promise<void>;
  pins(): Promise<Pin[]>;
}

export function createPins(dir: string, runs: Runs, session: Session): Pins {
  const pathOf = (name: string): string => {
    if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(name)) {
      throw new UserError(`"${name}" can't be the name of a pin. Use letters, digits, ".", "_" and "-".`);
    }
    return join(dir, `${name}.json`);
  };

  async function pins(): Promise<Pin[]> {
    const found: Pin[] = [];
    for (const file of (await names(dir)).sort()) {
      if (!file.endsWith('.json')) continue;
      const path = join(dir, file);
      found.push(JSON.parse(await explained(path, () => readFile(path, 'utf8'))) as Pin);
    }
    return found;
  }

  async function pin(run: string, name: string): Promise<void> {
    const path = pathOf(name);
    if (!(await runs.open(run)))
      throw new UserError(`There is no run ${run} in the store, so it can't be pinned.`);
    const taken = (await pins()).find((other) => other.name === name);
    if (taken?.run === run) return;
    if (taken) {
      throw new UserError(
        `The name ${name} is given to run ${taken.run}. Unpin that first, or choose another name.`,
      );
    }
    const text = JSON.stringify({ name, run, at: new Date().toISOString() });
    await writeWhole(path, await session.path(), `${text}\n`);
  }

  async function unpin(name: string): Promise<void> {
    const path = pathOf(name);
    if (!(await pins()).some((pinned) => pinned.name === name)) {
      throw new UserError(`No run is pinned as ${name}.`);
    }
    await explained(path, () => rm(path, { force: true }));
  }

  return { pin, unpin, pins };
}
